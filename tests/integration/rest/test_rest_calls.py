"""GET /calls?shout-id=N: a shout's calls in the order of its recipients."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from blast_api.models import Call
from tests.kits import factories
from tests.kits.factories import number
from tests.kits.rest import CALL_FIELDS, code, content, faults

pytestmark = pytest.mark.django_db

AT = datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_the_calls_of_a_shout_are_shown_in_the_order_of_its_recipients(client: Client) -> None:
    message = factories.message()
    later = factories.call(message, position=1, number=number(1))
    first = factories.call(
        message,
        position=0,
        number=number(2),
        status="busy",
        q850=17,
        duration=0,
        attempts=2,
        started=AT,
        finished=AT,
        answerer="HANGUP",
    )
    factories.call(factories.message())
    answer = client.get("/api/v1/calls", {"shout-id": message.pk})
    assert answer["Content-Type"] == "application/json"
    told = content(answer)
    assert told == [
        {
            "id": first.pk,
            "started": "2030-01-31T12:00:00Z",
            "finished": "2030-01-31T12:00:00Z",
            "shout_id": message.pk,
            "phone": number(2),
            "status": "busy",
            "Q850": 17,
            "duration": 0,
            "attempts": 2,
            "answerer": "HANGUP",
        },
        {
            "id": later.pk,
            "started": None,
            "finished": None,
            "shout_id": message.pk,
            "phone": number(1),
            "status": "pending",
            "Q850": None,
            "duration": None,
            "attempts": 0,
            "answerer": "",
        },
    ]
    assert set(told[0]) == CALL_FIELDS


def test_a_shout_without_calls_has_an_empty_list(client: Client) -> None:
    assert content(client.get("/api/v1/calls", {"shout-id": factories.message().pk})) == []


@pytest.mark.parametrize("query", [{}, {"shout-id": ""}, {"shout_id": "1"}])
def test_the_shout_must_be_named(client: Client, query: dict[str, str]) -> None:
    assert set(faults(client.get("/api/v1/calls", query))) == {"shout-id"}


@pytest.mark.parametrize("written", ["one", "-1", "1.5", "\u0661", "1 ", "0x1", "a\0b", "1,2", "None"])
def test_a_shout_id_that_is_no_number_is_named(client: Client, written: str) -> None:
    assert set(faults(client.get("/api/v1/calls", {"shout-id": written}))) == {"shout-id"}


@pytest.mark.parametrize("written", ["0", "987654321", str(2**63 - 1), str(2**63), "9" * 50, "9" * 5000, "0" * 5000])
def test_the_calls_of_an_unknown_shout_are_404(client: Client, written: str) -> None:
    assert code(client.get("/api/v1/calls", {"shout-id": written})) == (404, "not_found")


def test_calls_are_paged(client: Client) -> None:
    message = factories.message()
    for _ in range(5):
        factories.call(message)
    answer = client.get("/api/v1/calls", {"shout-id": message.pk, "limit": 2, "offset": 2})
    assert [call["phone"] for call in content(answer)] == [number(2), number(3)]
    assert answer["X-Total-Count"] == "5"
    base = f"<http://testserver/api/v1/calls?shout-id={message.pk}"
    assert answer["Link"] == f'{base}&limit=2&offset=4>; rel="next", {base}&limit=2&offset=0>; rel="prev"'
    assert set(faults(client.get(f"/api/v1/calls?shout-id={message.pk}&limit=two"))) == {"limit"}


@pytest.mark.parametrize(("count", "queries"), [(1, 3), (1500, 4)])
def test_a_query_tells_of_a_thousand_calls(
    client: Client, count: int, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    message = factories.message()
    Call.objects.bulk_create(Call(message=message, position=at, number=number(at)) for at in range(count))
    with django_assert_num_queries(queries):
        assert len(content(client.get("/api/v1/calls", {"shout-id": message.pk}))) == count
