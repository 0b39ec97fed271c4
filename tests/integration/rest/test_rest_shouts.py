"""GET /shouts and GET /shouts/{id}: what is shown, to whom, in which order, at what cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from blast_api.conf import configuration
from blast_api.models import Recording
from tests.kits import factories
from tests.kits.factories import AUTHOR, USER, number
from tests.kits.rest import OPERATORS_RULES, SHOUT_FIELDS, code, content, faults, next_page

pytestmark = pytest.mark.django_db

MOMENT = datetime(2030, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
# Ids that no shout can have.
NO_IDS = [
    "0",
    "987654321",
    str(2**63 - 1),
    str(2**63),
    "9" * 30,
    "9" * 5000,
    "-1",
    "one",
    "1.5",
    "1e3",
    "%00",
    "\u0661",
]


def shout(*statuses: str, **fields: Any) -> int:
    """A recorded shout with a call of each status."""
    message = factories.message(**fields)
    factories.author_call(message, recorded=True)
    for status in statuses:
        factories.call(message, status=status, opted_out=status == "added to do not call")
    return int(message.pk)


def listed(client: Client, **query: str | int) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/shouts", {"userdata": USER, **query})
    assert answer.status_code == 200
    shouts = content(answer)
    assert isinstance(shouts, list)
    return shouts


# --- One shout -----------------------------------------------------------------------------------------------------


def test_a_shout_is_shown_with_its_recording_and_what_became_of_its_calls(client: Client) -> None:
    message = factories.message(
        status="finished", schedule=MOMENT, created=MOMENT, started=MOMENT, finished=MOMENT, title="Snow"
    )
    factories.author_call(
        message, recorded=True, url="https://example.com/f/1.wav", length_s=8
    ).message.refresh_from_db()
    Recording.objects.update(created=MOMENT)
    for status in ("completed", "busy", "completed", "added to do not call"):
        factories.call(message, status=status, opted_out=status == "added to do not call")
    answer = client.get(f"/api/v1/shouts/{message.pk}")
    assert answer.status_code == 200
    at = "2030-01-31T12:00:00.250000Z"
    assert content(answer) == {
        "id": message.pk,
        "created": at,
        "caller": AUTHOR,
        "status": "finished",
        "title": "Snow",
        "schedule": at,
        "delivery": OPERATORS_RULES,
        "from": configuration().did,
        "userdata": USER,
        "recipients": [number(index) for index in range(4)],
        "voc": {"created": at, "length": 8, "url": "https://example.com/f/1.wav"},
        "recording": message.recording_id,
        "voicemail_recording": None,
        "language": None,
        "transfer": None,
        "recipients_requested_dnc": True,
        "started": at,
        "finished": at,
        "paused_at": None,
        "paused_because": None,
        "waiting": None,
        "expected_finish": None,
        "calls": {"completed": 2, "busy": 1, "added to do not call": 1},
    }


@pytest.mark.parametrize("written", NO_IDS)
def test_an_unknown_shout_is_404(client: Client, written: str) -> None:
    shout("completed")
    assert code(client.get(f"/api/v1/shouts/{written}")) == (404, "not_found")
    assert code(client.delete(f"/api/v1/shouts/{written};cancel")) == (404, "not_found")
    assert code(client.get(f"/api/v1/calls/{written}")) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "nothing", "shouts/", "shouts/1/", "calls/1/", "dnc/", "SHOUTS", "shouts//1"])
def test_an_unknown_path_is_404_in_the_shape_of_all_errors(client: Client, path: str) -> None:
    assert code(client.get(f"/api/v1/{path}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "shouts"),
        ("DELETE", "shouts"),
        ("PATCH", "shouts/1"),
        ("POST", "shouts/1"),
        ("GET", "shouts/1;cancel"),
        ("POST", "calls"),
        ("DELETE", "dnc/user"),
        ("DELETE", "dnc/user/"),
        ("POST", "dnc/user/15555550001"),
        ("PUT", "dnc"),
    ],
)
def test_a_method_that_is_not_offered_is_405(client: Client, method: str, path: str) -> None:
    answer = client.generic(method, f"/api/v1/{path}", "{}", content_type="application/json")
    assert code(answer) == (405, "method_not_allowed")
    assert answer["Allow"]


# --- The list ------------------------------------------------------------------------------------------------------


def test_a_users_shouts_come_newest_first_each_with_its_own_calls(client: Client) -> None:
    first = shout("completed", "busy")
    nobodys = shout()
    last = shout("pending")
    shout("failed", userdata="somebody else")
    shouts = listed(client)
    assert [(told["id"], told["calls"]) for told in shouts] == [
        (last, {"pending": 1}),
        (nobodys, {}),
        (first, {"completed": 1, "busy": 1}),
    ]
    assert [told["recipients"] for told in shouts] == [[number(0)], [], [number(0), number(1)]]
    assert all(set(told) == SHOUT_FIELDS for told in shouts)
    assert shouts[0] == content(client.get(f"/api/v1/shouts/{last}"))


def test_a_user_without_shouts_has_an_empty_list(client: Client) -> None:
    assert listed(client) == []
    assert listed(client, limit=10) == []


@pytest.mark.parametrize("query", ["", "?userdata=", "?user=x", "?userdata=a%00b"])
def test_the_user_must_be_named(client: Client, query: str) -> None:
    assert set(faults(client.get(f"/api/v1/shouts{query}"))) == {"userdata"}


@pytest.mark.parametrize("userdata", ["\u00fc & co.", "a+b", " ", "a/b", "%41", "';--", "a" * 5000, "\ufffd"])
def test_any_user_can_be_asked_for(client: Client, userdata: str) -> None:
    if len(userdata) <= 255:
        shout(userdata=userdata)
    assert len(listed(client, userdata=userdata)) == (len(userdata) <= 255)


def test_a_list_is_an_array_as_it_is(client: Client) -> None:
    shout("completed")
    answer = client.get("/api/v1/shouts", {"userdata": USER})
    assert answer["Content-Type"] == "application/json"
    assert "X-Total-Count" not in answer


@pytest.mark.parametrize(
    ("query", "ids", "links"),
    [
        ({"limit": 2}, [5, 4], {"next": "limit=2&before=4"}),
        ({"limit": 2, "before": 4}, [3, 2], {"next": "limit=2&before=2"}),
        ({"limit": 2, "before": 3}, [2, 1], {}),
        ({"limit": 2, "before": 1}, [], {}),
        ({"before": 3}, [2, 1], {}),
        ({"limit": 2, "offset": 0}, [5, 4], {"next": "limit=2&offset=2"}),
        ({"limit": 2, "offset": 2}, [3, 2], {"next": "limit=2&offset=4", "prev": "limit=2&offset=0"}),
        ({"limit": 2, "offset": 4}, [1], {"prev": "limit=2&offset=2"}),
        ({"limit": 2, "offset": 1}, [4, 3], {"next": "limit=2&offset=3", "prev": "limit=2&offset=0"}),
        ({"limit": 5}, [5, 4, 3, 2, 1], {}),
        ({"limit": 999999999}, [5, 4, 3, 2, 1], {}),
        ({"offset": 3}, [2, 1], {}),
        ({"offset": 0}, [5, 4, 3, 2, 1], {}),
        ({"limit": 2, "offset": 999999999}, [], {"prev": "limit=2&offset=999999997"}),
    ],
)
def test_limit_and_what_was_seen_or_counted_page_the_list(
    client: Client, query: dict[str, int], ids: list[int], links: dict[str, str]
) -> None:
    made = [shout("busy") for _ in range(5)]
    if "before" in query:
        query = query | {"before": made[query["before"] - 1]}
    links = {
        name: re.sub(r"before=(\d)", lambda found: f"before={made[int(found[1]) - 1]}", link)
        for name, link in links.items()
    }
    answer = client.get("/api/v1/shouts", {"userdata": USER, **{name: str(value) for name, value in query.items()}})
    assert [made.index(told["id"]) + 1 for told in content(answer)] == ids
    assert answer["X-Total-Count"] == "5"
    told = [f'<http://testserver/api/v1/shouts?userdata={USER}&{link}>; rel="{name}"' for name, link in links.items()]
    assert answer.get("Link", "") == ", ".join(told)


@pytest.mark.parametrize("counted", ["", "&offset=0"])
def test_the_links_lead_through_the_whole_list(client: Client, counted: str) -> None:
    made = [shout(userdata="a&b /\u00fc") for _ in range(5)]
    seen: list[int] = []
    url: str | None = f"/api/v1/shouts?userdata=a%26b+%2F%C3%BC&limit=2{counted}"
    while url:
        answer = client.get(url)
        seen += [told["id"] for told in content(answer)]
        url = next_page(answer)
    assert seen == made[::-1]


@pytest.mark.parametrize("name", ["limit", "offset", "before"])
@pytest.mark.parametrize("written", ["", "-1", "x", "1.5", "1e3", "\u0661", " 1", "9" * 20, "9" * 5000, "0x1", "1\0"])
def test_a_bad_page_is_named(client: Client, name: str, written: str) -> None:
    assert set(faults(client.get("/api/v1/shouts", {"userdata": USER, name: written}))) == {name}


def test_a_page_of_nothing_is_no_page(client: Client) -> None:
    assert set(faults(client.get("/api/v1/shouts", {"userdata": USER, "limit": "0"}))) == {"limit"}


@pytest.mark.parametrize("count", [1, 30])
def test_the_number_of_queries_does_not_grow_with_the_list(
    client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """The application, the newest, and four for a thousand shouts; a page asks how many there are as well, and where it ends."""
    made = [shout("completed", "busy", "failed") for _ in range(count)]
    with django_assert_num_queries(6):
        assert len(listed(client)) == count
    with django_assert_num_queries(8):
        assert len(listed(client, limit=1000)) == count
    with django_assert_num_queries(5):
        client.get(f"/api/v1/shouts/{made[0]}")


def test_a_shout_made_while_a_page_is_read_does_not_shift_it(client: Client) -> None:
    made = [shout("completed") for _ in range(4)]
    busy = False

    def meanwhile(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal busy
        found = execute(sql, params, many, context)
        if not busy and 'FROM "blast_api_call"' in sql:
            busy = True
            shout("pending")
            busy = False
        return found

    with connection.execute_wrapper(meanwhile):
        told = listed(client, limit=2)
    assert [(one["id"], one["calls"]) for one in told] == [(made[3], {"completed": 1}), (made[2], {"completed": 1})]
