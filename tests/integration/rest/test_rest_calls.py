"""GET /calls?shout-id=N: a shout's calls in the order of its recipients."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from blast_api.models import Call
from tests.kits import factories
from tests.kits.factories import number
from tests.kits.rest import CALL_FIELDS, code, content, faults, next_page

pytestmark = pytest.mark.django_db

AT = datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_the_calls_of_a_shout_are_shown_in_the_order_of_its_recipients(client: Client) -> None:
    message = factories.message()
    later = factories.call(message, position=1, number=number(1))
    first = factories.call(
        message,
        position=0,
        number=number(2),
        zone="America/Chicago",
        reference="pupil 12",
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
            "zone": "America/Chicago",
            "reference": "pupil 12",
            "status": "busy",
            "Q850": 17,
            "duration": 0,
            "attempts": 2,
            "answerer": "HANGUP",
            "keys": "",
            "reason": None,
            "transferred": None,
            "transfer_outcome": None,
            "transfer_duration": None,
            "audition": False,
        },
        {
            "id": later.pk,
            "started": None,
            "finished": None,
            "shout_id": message.pk,
            "phone": number(1),
            "zone": None,
            "reference": None,
            "status": "pending",
            "Q850": None,
            "duration": None,
            "attempts": 0,
            "answerer": "",
            "keys": "",
            "reason": None,
            "transferred": None,
            "transfer_outcome": None,
            "transfer_duration": None,
            "audition": False,
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


@pytest.mark.parametrize(("count", "queries"), [(1, 4), (1500, 6)])
def test_two_queries_tell_of_a_thousand_calls(
    client: Client, count: int, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    message = factories.message()
    Call.objects.bulk_create(Call(message=message, position=at, number=number(at)) for at in range(count))
    with django_assert_num_queries(queries):
        assert len(content(client.get("/api/v1/calls", {"shout-id": message.pk}))) == count


# --- Of one status -----------------------------------------------------------------------------------------------------


def test_calls_of_one_status_are_listed_as_it_is_told(client: Client) -> None:
    """A call whose delay has passed rings, whether or not anybody has reported it."""
    message, past = factories.message(), datetime(2020, 1, 1, tzinfo=UTC)
    factories.call(message, status="busy", finished=AT)
    rings = factories.call(message, status="pending", sid="sid", due_at=past)
    waits = factories.call(message, status="pending", sid="sid", due_at=datetime(2090, 1, 1, tzinfo=UTC))
    for status, expected in (("ongoing", rings), ("pending", waits)):
        answer = client.get(f"/api/v1/calls?shout-id={message.pk}&status={status}&limit=1")
        assert [(call["id"], call["status"]) for call in content(answer)] == [(expected.pk, status)]
        assert answer["X-Total-Count"] == "1"


def test_links_name_the_status(client: Client) -> None:
    message = factories.message()
    for _ in range(3):
        factories.call(message, status="busy", finished=AT)
    answer = client.get(f"/api/v1/calls?shout-id={message.pk}&status=busy&limit=2")
    (rest,) = content(client.get(next_page(answer) or ""))
    assert (rest["phone"], "status=busy" in answer["Link"]) == (number(2), True)


@pytest.mark.parametrize("status", ["", "BUSY", "paused", "busy,failed"])
def test_a_status_that_no_call_has_is_named(client: Client, status: str) -> None:
    query = {"shout-id": str(factories.message().pk), "status": status}
    assert set(faults(client.get("/api/v1/calls", query))) == {"status"}


# --- To one phone ------------------------------------------------------------------------------------------------------


def test_everything_that_happened_with_a_phone_is_listed_newest_first(client: Client) -> None:
    calls = [factories.call(factories.message(), number=number(7)) for _ in range(3)]
    factories.call(factories.message(userdata="another"), number=number(7))
    factories.call(factories.message(application=factories.application(name="another")), number=number(7))
    factories.call(factories.message(), number=number(8))
    query = {"phone": f"+{number(7)}", "userdata": factories.USER}
    assert [call["id"] for call in content(client.get("/api/v1/calls", query))] == [call.pk for call in calls[::-1]]
    answer = client.get("/api/v1/calls", query | {"limit": "2"})
    assert [call["id"] for call in content(answer)] == [calls[2].pk, calls[1].pk]
    assert [call["id"] for call in content(client.get(next_page(answer) or ""))] == [calls[0].pk]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"phone": "12"}, "userdata"),
        ({"phone": "12", "userdata": "user"}, "phone"),
        ({"phone": "", "userdata": "user"}, "phone"),
        ({"phone": number(1), "userdata": "user", "shout-id": "1"}, "phone"),
        ({"phone": number(1), "userdata": "user", "after": "1"}, "after"),
        ({"phone": number(1), "userdata": "user", "status": "gone"}, "status"),
    ],
)
def test_what_is_wrong_with_a_question_about_a_phone_is_named(
    client: Client, query: dict[str, str], fault: str
) -> None:
    assert set(faults(client.get("/api/v1/calls", query))) == {fault}


# --- One call ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shout", "fields", "waiting"),
    [
        ({"status": "pending"}, {"status": "pending"}, {"because": "recording", "until": None, "zone": None}),
        (
            {"status": "ongoing"},
            {"status": "ready", "attempts": 1, "due_at": datetime(2090, 1, 1, tzinfo=UTC)},
            {"because": "retry", "until": "2090-01-01T00:00:00Z", "zone": None},
        ),
        (
            {"status": "ongoing", "paused_at": AT},
            {"status": "ready", "due_at": AT},
            {"because": "paused", "until": None, "zone": None},
        ),
        ({"status": "finished"}, {"status": "busy", "finished": AT}, None),
    ],
)
def test_a_call_tells_what_it_waits_for(
    client: Client,
    shout: dict[str, object],
    fields: dict[str, object],
    waiting: object,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    call = factories.call(factories.message(**shout), **fields)
    with django_assert_num_queries(4):
        told = content(client.get(f"/api/v1/calls/{call.pk}"))
    assert set(told) == CALL_FIELDS | {"waiting", "reason"}
    assert (told["id"], told["waiting"]) == (call.pk, waiting)


def test_a_call_of_nobody_or_of_another_application_is_404(client: Client) -> None:
    others = factories.call(factories.message(application=factories.application(name="another")))
    for pk in (others.pk, others.pk + 1, 2**63):
        assert code(client.get(f"/api/v1/calls/{pk}")) == (404, "not_found")
