"""A number as applications write it: one telephone is one recipient, one opt-out, and called only where calls may go."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from blast_api.models import Call, DoNotCallNumber
from tests.kits import factories
from tests.kits.rest import BASE, body, post

pytestmark = pytest.mark.django_db

WRITINGS = ("+44 01632 960018", "+4401632960018", "441632960018", "0044 (0)1632 960018", "(+44) 1632-960018")


@pytest.fixture
def abroad(settings: Settings) -> None:
    settings.VALID_NUMBER_PATTERN = "."
    settings.ALLOWED_REGIONS = None


@pytest.mark.usefixtures("abroad")
def test_all_writings_of_a_number_are_one_recipient(client: Client) -> None:
    answer = post(client, body(recipients=list(WRITINGS)))
    assert answer.json()["recipients"] == ["441632960018"]
    assert Call.objects.count() == 1


@pytest.mark.usefixtures("abroad")
@pytest.mark.parametrize("writing", WRITINGS)
def test_an_opt_out_holds_in_every_writing_and_is_found_in_it(client: Client, writing: str) -> None:
    factories.listed("441632960018")
    assert post(client, body(recipients=[writing])).json()["calls"] == {"do not call": 1}
    path = f"{BASE}/dnc/{factories.USER}/{quote(writing)}"
    assert client.delete(path).status_code == 204
    assert not DoNotCallNumber.objects.exists()


def test_two_numbers_in_one_place_are_named_by_their_position(client: Client) -> None:
    answer = post(client, body(recipients=["15555551010", "555 1010/555 1011", "15555551020.0"]))
    assert answer.status_code == 400
    assert answer.json() == {"recipients": ["1: '555 1010/555 1011' has more than one number in it."]}
    assert not Call.objects.exists()


@pytest.mark.parametrize("number", ["18765550101", "18095550101", "19005551010"])
def test_a_number_where_calls_are_dear_is_settled_without_a_call(client: Client, number: str) -> None:
    post(client, body(recipients=[number, "15555551010"]))
    refused = Call.objects.get(number=number)
    assert (refused.status, refused.q850, refused.attempts) == ("failed", 1, 0)
    assert Call.objects.get(number="15555551010").status == "pending"


def test_nor_is_an_author_there(client: Client) -> None:
    answer = post(client, body(caller="+1 876 555 0101"))
    assert answer.status_code == 400
    assert answer.json() == {"caller": ["18765550101 is in JM where this service does not call."]}


@pytest.mark.parametrize(
    ("allowed", "settled"),
    [(False, {"15555540100": 1, "15555552090": 1}), (True, {"15555540100": 1, "15555552090": None})],
)
def test_nobody_is_called_by_themselves(
    client: Client, settings: Settings, allowed: bool, settled: dict[str, int | None]
) -> None:
    settings.CALLER_AS_RECIPIENT, settings.DID = allowed, "15555540100"
    answer = post(client, body(caller="15555552090", recipients=[*settled, "15555551010"]))
    assert answer.status_code == 201
    causes = dict(Call.objects.values_list("number", "q850"))
    assert causes == settled | {"15555551010": None}
    assert Call.objects.filter(status="failed").count() == sum(cause == 1 for cause in settled.values())


def test_the_calling_number_is_no_author(client: Client, settings: Settings) -> None:
    answer = post(client, body(caller=settings.DID))
    assert answer.status_code == 400
    assert answer.json() == {"caller": [f"{settings.DID} is the line of whoever calls."]}


def test_a_default_region_reads_numbers_without_country_code(client: Client, settings: Settings) -> None:
    short = body(recipients=["(555) 555-1010"], caller="555 555 2090")
    settings.DEFAULT_REGION = "US"
    told = post(client, short).json()
    assert (told["recipients"], told["caller"]) == (["15555551010"], "15555552090")
    factories.listed("15555551010")
    assert client.delete(f"{BASE}/dnc/{factories.USER}/555-555-1010").status_code == 204
