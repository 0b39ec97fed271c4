"""Pages of lists that change while somebody reads them: nothing is shown twice, nothing is left out that was there throughout."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from blast_api.models import Attempt, Message
from tests.kits import factories
from tests.kits.callbacks import undone
from tests.kits.factories import USER, number
from tests.kits.rest import code, content, faults, next_page

pytestmark = pytest.mark.django_db


class Listed(Protocol):
    """One of the lists: what makes it longer and shorter, and where it is."""

    address: str
    cursor: str
    shrinks: bool

    def add(self) -> str: ...
    def remove(self, key: str) -> None: ...
    def key(self, row: dict[str, Any]) -> str: ...


class Shouts:
    address = f"/api/v1/shouts?userdata={USER}"
    cursor, shrinks = "before", True

    def add(self) -> str:
        factories.message(userdata="somebody else")
        message = factories.message()
        factories.author_call(message)
        factories.call(message)
        return str(message.pk)

    def remove(self, key: str) -> None:
        Message.objects.get(pk=key).delete()

    def key(self, row: dict[str, Any]) -> str:
        assert (row["calls"], row["recipients"]) == ({"pending": 1}, [number(0)])
        return str(row["id"])


class Entries:
    address = f"/api/v1/dnc?userdata={USER}"
    cursor, shrinks = "before", True

    def __init__(self) -> None:
        self._count = 0

    def add(self) -> str:
        self._count += 1
        factories.listed(number(self._count), userdata="somebody else")
        return factories.listed(number(self._count)).number

    def remove(self, key: str) -> None:
        assert Client().delete(f"{Entries.address}&number={key}").status_code == 204

    def key(self, row: dict[str, Any]) -> str:
        return str(row["number"])


class EntriesByPath(Entries):
    address = f"/api/v1/dnc/{USER}"


class Calls:
    """In the order of the recipients, which is not that of their ids here."""

    cursor, shrinks = "after", False

    def __init__(self) -> None:
        self._message = factories.message()
        self._count = 0
        self.address = f"/api/v1/calls?shout-id={self._message.pk}"

    def add(self) -> str:
        self._count += 1
        return str(factories.call(self._message, pk=1_000_000 - self._count).pk)

    def remove(self, key: str) -> None:
        raise NotImplementedError("a call goes with its shout only")

    def key(self, row: dict[str, Any]) -> str:
        return str(row["id"])


class Attempts:
    cursor, shrinks = "after", False

    def __init__(self) -> None:
        self._message = factories.message()
        self._call = factories.call(self._message)
        self._count = 0
        self.address = f"/api/v1/attempts?shout-id={self._message.pk}"

    def add(self) -> str:
        self._count += 1
        now = timezone.now()
        columns = {"call": self._call, "serial": self._count, "number": self._count, "claimed": now, "ended": now}
        return str(Attempt.objects.create(message=self._message, **columns).pk)

    def remove(self, key: str) -> None:
        raise NotImplementedError("an attempt goes with its shout only")

    def key(self, row: dict[str, Any]) -> str:
        return str(row["id"])


every_list = pytest.mark.parametrize("kind", [Shouts, Entries, EntriesByPath, Calls, Attempts])


def first_page(listed: Listed, limit: int) -> str:
    return f"{listed.address}{'&' if '?' in listed.address else '?'}limit={limit}"


def walked(listed: Listed, limit: int) -> Iterator[list[str]]:
    """The keys of one page after the other."""
    url: str | None = first_page(listed, limit)
    while url:
        answer = Client().get(url)
        assert answer.status_code == 200
        url = next_page(answer)
        yield [listed.key(row) for row in content(answer)]


@every_list
@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_list_that_changes_between_pages_is_seen_whole_and_once(
    db: None, kind: Callable[[], Listed], data: st.DataObject
) -> None:
    with undone():
        listed = kind()
        there = [listed.add() for _ in range(data.draw(st.integers(0, 12)))]
        throughout, seen, changes = set(there), list[str](), 0
        for page in walked(listed, data.draw(st.integers(1, 5))):
            seen += page
            now = data.draw(st.lists(st.sampled_from(["add", "add", "remove"]), max_size=4 if changes < 20 else 0))
            changes += len(now)
            for change in now:
                if change == "add":
                    there.append(listed.add())
                elif listed.shrinks and there:
                    gone = there.pop(data.draw(st.integers(0, len(there) - 1)))
                    listed.remove(gone)
                    throughout.discard(gone)
        assert len(seen) == len(set(seen)), "shown twice"
        assert throughout <= set(seen), "left out"


@pytest.mark.parametrize("kind", [Shouts, Entries])
def test_a_list_that_changes_while_a_page_is_read_is_seen_whole_and_once(kind: Callable[[], Listed]) -> None:
    listed = kind()
    there = [listed.add() for _ in range(9)]
    throughout, busy = set(there), False

    def meanwhile(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal busy
        found = execute(sql, params, many, context)
        bounds_the_page = re.match(r"SELECT .* ORDER BY .* LIMIT", sql)  # where it begins, where it ends
        if bounds_the_page and len(there) > 2 and not busy:
            busy = True
            listed.add()
            for gone in (there.pop(), there.pop(len(there) // 2)):
                listed.remove(gone)
                throughout.discard(gone)
            busy = False
        return found

    seen: list[str] = []
    with connection.execute_wrapper(meanwhile):
        for page in walked(listed, 2):
            assert len(page) <= 2
            seen += page
    assert len(seen) == len(set(seen))
    assert throughout <= set(seen)
    assert len(there) < 3


@every_list
def test_pages_tell_how_long_the_whole_list_is_and_lead_forward_only(
    client: Client, kind: Callable[[], Listed]
) -> None:
    listed = kind()
    for _ in range(5):
        listed.add()
    url: str | None = first_page(listed, 2)
    lengths = []
    while url:
        answer = client.get(url)
        lengths.append(len(content(answer)))
        assert answer["X-Total-Count"] == "5"
        assert 'rel="prev"' not in answer.get("Link", "")
        url = next_page(answer)
        assert url is None or re.search(rf"&{listed.cursor}=\d+$", url)
    assert lengths == [2, 2, 1]


@every_list
def test_who_counts_is_led_on_by_counting(client: Client, kind: Callable[[], Listed]) -> None:
    listed = kind()
    keys = [listed.add() for _ in range(5)]
    answer = client.get(f"{first_page(listed, 2)}&offset=2")
    order = keys if listed.cursor == "after" else keys[::-1]
    assert [listed.key(row) for row in content(answer)] == order[2:4]
    assert re.findall(r'offset=(\d)(?:&userdata=\w+)?>; rel="(\w+)"', answer["Link"]) == [("4", "next"), ("0", "prev")]


@every_list
@pytest.mark.parametrize("written", ["", "-1", "x", "1.5", str(2**63), "9" * 5000, "\u0661", "1\0"])
def test_what_was_seen_last_must_be_an_id(client: Client, kind: Callable[[], Listed], written: str) -> None:
    listed = kind()
    assert set(faults(client.get(first_page(listed, 2), QUERY_STRING=_query(listed, {listed.cursor: written})))) == {
        listed.cursor
    }


@every_list
def test_a_list_that_goes_the_other_way_says_so(client: Client, kind: Callable[[], Listed]) -> None:
    listed = kind()
    (other,) = {"before", "after"} - {listed.cursor}
    told = faults(client.get(listed.address, QUERY_STRING=_query(listed, {other: "1"})))
    assert told == {other: [f"This list goes on by {listed.cursor}."]}


@every_list
def test_pages_are_not_counted_from_what_was_seen(client: Client, kind: Callable[[], Listed]) -> None:
    listed = kind()
    for _ in range(3):
        listed.add()
    following = next_page(client.get(first_page(listed, 1)))
    assert set(faults(client.get(f"{following}&offset=0"))) == {"offset"}
    assert set(faults(client.get(f"{following}&limit=0"))) == {"limit"}


def test_calls_go_on_from_a_call_of_their_own_shout(client: Client) -> None:
    mine, other = factories.call(factories.message()), factories.call(factories.message())
    address = f"/api/v1/calls?shout-id={mine.message_id}&after="
    assert content(client.get(f"{address}{mine.pk}")) == []
    for unknown in (other.pk, 0, 2**63 - 1):
        assert faults(client.get(f"{address}{unknown}")) == {"after": ["Expected the id of a row of this list."]}
    assert code(client.get(f"/api/v1/calls?shout-id=987654321&after={mine.pk}")) == (404, "not_found")


def _query(listed: Listed, more: dict[str, str]) -> str:
    return "&".join(filter(None, [listed.address.partition("?")[2], urlencode(more)]))


# --- Links ------------------------------------------------------------------------------------------------------------

# Of the characters that percent-encoding makes twelve of, as many as a name may have.
LONGEST = "\U0001f4e3" * 255


@pytest.mark.parametrize("more", ["", "&offset=1"])
@pytest.mark.parametrize("path", ["shouts", "dnc"])
def test_links_fit_into_a_proxys_buffer_whatever_the_user_is_called(client: Client, path: str, more: str) -> None:
    for index in range(3):
        factories.author_call(factories.message(userdata=LONGEST))
        factories.listed(number(index), userdata=LONGEST)
    answer = client.get(f"/api/v1/{path}?{urlencode({'userdata': LONGEST, 'junk': 'x' * 9000})}&limit=1{more}")
    (first,) = content(answer)
    assert len(answer["Link"]) < 3000
    (following,) = content(client.get(next_page(answer) or ""))
    assert following != first
    assert following.get("userdata", LONGEST) == LONGEST


def test_a_name_in_brief_that_is_none_is_refused(client: Client) -> None:
    for written in ("a", "\u0661", "gA"):  # gA is a byte that begins no character
        assert set(faults(client.get("/api/v1/dnc", {"userdata64": written}))) == {"userdata64"}, written
    assert set(faults(client.get("/api/v1/dnc", {"userdata64": "AA"}))) == {"userdata"}  # a null character
