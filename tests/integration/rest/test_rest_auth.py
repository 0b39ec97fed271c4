"""Who may ask: tokens, and what one application sees of another's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Application, Call, DoNotCallNumber, Message
from blast_api.services import dnc
from tests.kits import factories
from tests.kits.factories import USER, number
from tests.kits.rest import body, code, content, created, faults, post, shut_the_gate

pytestmark = pytest.mark.django_db

Request = Callable[[Client], HttpResponse]
REQUESTS = [
    ("GET", "/api/v1/shouts?userdata=user"),
    ("POST", "/api/v1/shouts"),
    ("GET", "/api/v1/shouts/1"),
    ("DELETE", "/api/v1/shouts/1;cancel"),
    ("GET", "/api/v1/calls?shout-id=1"),
    ("GET", "/api/v1/dnc?userdata=user"),
    ("GET", "/api/v1/dnc"),
    ("POST", "/api/v1/dnc"),
    ("DELETE", "/api/v1/dnc?userdata=user&number=15555550001"),
    ("GET", "/api/v1/dnc/user"),
    ("DELETE", "/api/v1/dnc/user/15555550001"),
]


@pytest.fixture(autouse=True)
def _tokens_are_required(settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = True
    shut_the_gate()


def with_token(token: str) -> Client:
    return Client(headers={"Authorization": f"Token {token}"})


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Token",
        "Token ",
        "Token wrong",
        "Token revoked",
        "Token right right",
        "Bearer right",
        "Basic cmlnaHQ=",
        "right",
        "Token RIGHT",
        "Token \u00fc",
    ],
)
def test_without_a_good_token_every_request_is_401(method: str, path: str, header: str | None) -> None:
    factories.application_with_token("right")
    factories.application_with_token("revoked", revoked=timezone.now())
    headers = {} if header is None else {"Authorization": header}
    answer = Client().generic(method, path, "{}", content_type="application/json", headers=headers)
    assert code(answer)[0] == 401
    assert answer["WWW-Authenticate"] == "Token"
    assert not Message.objects.exists()


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_a_good_token_is_its_application(scheme: str) -> None:
    application = factories.application_with_token("right")
    created(post(Client(), body(), Authorization=f"{scheme} right"))
    assert Message.objects.get().application == application
    assert not Application.objects.filter(name=Application.IMPLIED).exists()


def test_in_development_no_token_is_needed_but_a_wrong_one_is_wrong(settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = False
    created(post(Client(), body()))
    assert Message.objects.get().application.name == Application.IMPLIED
    assert code(with_token("wrong").get("/api/v1/dnc/user")) == (401, "authentication_failed")
    assert Client(headers={"Authorization": "Basic eDp5"}).get("/api/v1/dnc/user").status_code == 200


def test_the_token_itself_is_not_stored() -> None:
    application = factories.application_with_token("right")
    assert application.token_digest is not None
    assert len(application.token_digest) == 64
    assert "right" not in application.token_digest


def test_another_applications_shouts_do_not_exist() -> None:
    factories.application_with_token("mine")
    factories.application_with_token("other")
    mine, other = with_token("mine"), with_token("other")
    shout = created(post(mine, body()))["id"]
    assert code(other.get(f"/api/v1/shouts/{shout}")) == (404, "not_found")
    assert code(other.delete(f"/api/v1/shouts/{shout};cancel")) == (404, "not_found")
    assert code(other.get(f"/api/v1/calls?shout-id={shout}")) == (404, "not_found")
    assert content(other.get(f"/api/v1/shouts?userdata={USER}")) == []
    assert [told["id"] for told in content(mine.get(f"/api/v1/shouts?userdata={USER}"))] == [shout]
    assert Message.objects.get().status == "pending"


def test_another_applications_recording_cannot_be_used() -> None:
    mine = factories.application_with_token("mine")
    factories.application_with_token("other")
    old = factories.message(application=mine)
    factories.author_call(old, recorded=True)
    told = faults(post(with_token("other"), body(old_shout_id=old.pk)))
    unknown = faults(post(with_token("other"), body(old_shout_id=old.pk + 1000)))
    assert told == unknown  # whether there is one is not told
    assert created(post(with_token("mine"), body(old_shout_id=old.pk)))["voc"] is not None


def test_what_two_applications_of_one_user_have_is_not_mixed() -> None:
    shouts = {}
    for token in ("mine", "other"):
        factories.application_with_token(token)
        shouts[token] = [created(post(with_token(token), body()))["id"] for _ in range(2)]
    for token, pks in shouts.items():
        client = with_token(token)
        told = client.get(f"/api/v1/shouts?userdata={USER}&limit=10")
        assert [one["id"] for one in content(told)] == pks[::-1]
        assert told["X-Total-Count"] == "2"
        calls = content(client.get(f"/api/v1/calls?shout-id={pks[0]}"))
        assert {call["shout_id"] for call in calls} == {pks[0]}
    assert with_token("mine").delete(f"/api/v1/shouts/{shouts['mine'][0]};cancel").status_code == 200
    assert code(with_token("other").delete(f"/api/v1/shouts/{shouts['mine'][1]};cancel")) == (404, "not_found")
    assert list(Message.objects.filter(status="canceled").values_list("pk", flat=True)) == [shouts["mine"][0]]


def test_who_opts_out_of_one_application_is_still_called_by_the_other() -> None:
    mine = factories.application_with_token("mine")
    other = factories.application_with_token("other")
    waiting = {}
    for application in (mine, other):
        message = factories.message(application=application, status="ongoing", started=timezone.now())
        waiting[application] = factories.call(message, number=number(1), status="pending", sid="s", serial=1)
    dnc.add(mine.pk, USER, number(1))
    dnc.recall(mine.pk, USER, number(1))
    listed = Call.objects.filter(dnc.listed())
    assert list(listed) == [waiting[mine]]
    assert list(Call.objects.filter(withdrawn=True)) == [waiting[mine]]


def test_the_same_user_of_two_applications_has_two_do_not_call_lists() -> None:
    mine = factories.application_with_token("mine")
    factories.application_with_token("other")
    factories.listed(number(1), application=mine)
    assert content(with_token("other").get(f"/api/v1/dnc/{USER}")) == []
    assert content(with_token("other").get(f"/api/v1/dnc?userdata={USER}")) == []
    assert code(with_token("other").delete(f"/api/v1/dnc/{USER}/{number(1)}")) == (404, "not_found")
    of_query = f"/api/v1/dnc?userdata={USER}&number={number(1)}"
    assert code(with_token("other").delete(of_query)) == (404, "not_found")
    assert created(post(with_token("other"), body()))["calls"] == {"pending": 2}
    assert created(post(with_token("mine"), body()))["calls"] == {"do not call": 1, "pending": 1}
    assert DoNotCallNumber.objects.count() == 1
