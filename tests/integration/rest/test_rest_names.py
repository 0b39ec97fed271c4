"""Users' names in addresses, byte for byte as they are sent: by the query every name, by a path all that a path can carry."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.live_server_helper import LiveServer

from blast_api.models import DoNotCallNumber
from tests.kits import factories
from tests.kits.behind_nginx import nginx
from tests.kits.factories import number
from tests.kits.uwsgi import SHIPPED, serving

pytestmark = pytest.mark.django_db(transaction=True)

Form = Callable[..., str]
# The pieces of which the awkward names are made, and any others.
_AWKWARD = [*" 7a/.%?#&=+;\\*~\u00fc\u2028\ufeff\ufffd\U0001f4e3", "//", "..", "%2F", "%2e", "\r\n", "15555550001"]
_ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
_PIECES = st.sampled_from([*_AWKWARD, "https:", ";cancel", "userdata="]) | _ANY
STORABLE = st.lists(_PIECES, min_size=1, max_size=8).map("".join).filter(lambda name: len(name) <= 255)


def carried_by_a_path(name: str) -> bool:
    """Whether nobody on the way takes a part of it for a way up."""
    return not {".", ".."} & set(name.split("/"))


def by_query(name: str, written: str = "") -> str:
    asked = f"/api/v1/dnc?userdata={quote(name, safe='')}"
    return asked + (f"&number={written}" if written else "")


def by_path(name: str, written: str = "") -> str:
    return f"/api/v1/dnc/{quote(name, safe='')}" + (f"/{written}" if written else "")


def by_plain_path(name: str, written: str = "") -> str:
    """As those write it who do not escape slashes, which servers cannot tell apart."""
    return f"/api/v1/dnc/{quote(name, safe='/')}" + (f"/{written}" if written else "")


@dataclass(frozen=True)
class Wire:
    """Sends addresses as they are: most clients put them in order before."""

    server: str

    def asked(self, method: str, target: str) -> tuple[int, object]:
        connection = http.client.HTTPConnection(self.server, timeout=30)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(body) if body else None


def listed_and_taken_off(wire: Wire, name: str, form: Form) -> None:
    """The whole life of an entry beside one of another name."""
    DoNotCallNumber.objects.all().delete()
    factories.listed(number(1), userdata=name)
    factories.listed(number(1), userdata="somebody else")
    status, entries = wire.asked("GET", form(name))
    assert status == 200
    assert isinstance(entries, list)
    assert [entry["number"] for entry in entries] == [number(1)]
    assert wire.asked("DELETE", form(name, number(2)))[0] == 404
    assert wire.asked("DELETE", form(name, number(1))) == (204, None)
    assert wire.asked("GET", form(name)) == (200, [])
    assert [entry.userdata for entry in DoNotCallNumber.objects.all()] == ["somebody else"]


@pytest.mark.parametrize("form", [by_query, by_path, by_plain_path])
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=STORABLE)
def test_an_entry_of_any_name_is_found_and_taken_off(live_server: LiveServer, form: Form, name: str) -> None:
    if form is by_query or carried_by_a_path(name):
        listed_and_taken_off(Wire(live_server.url.removeprefix("http://")), name, form)


# --- Servers as they are shipped ---------------------------------------------------------------------------------------

NAMES = [
    "https://school.example/",
    "/",
    "//a//b//",
    "org/15555550001",
    "15555550001",
    "a%2Fb",
    "\r\n?#;+ \u00fc\\",
    "-",
]
DOTTED = [".", "..", "../../../..", "a/../b", "/./", "x/.", "..//.."]


def _try_all(wire: Wire) -> None:
    for name in [*NAMES, *DOTTED]:
        listed_and_taken_off(wire, name, by_query)
    for name in NAMES:
        listed_and_taken_off(wire, name, by_path)
        listed_and_taken_off(wire, name, by_plain_path)


def test_uwsgi_hands_over_every_name(tmp_path: Path) -> None:
    with serving(SHIPPED, tmp_path) as server:
        _try_all(Wire(server.url.removeprefix("http://")))


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_in_front_of_it_hands_over_every_name(tmp_path: Path) -> None:
    with serving(SHIPPED, tmp_path) as server, nginx(tmp_path, web=server.url.removeprefix("http://")) as address:
        _try_all(Wire(address))
