"""What a page of a list costs, and how a list is told that is long."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from blast_api.db import bulk
from blast_api.models import Attempt, AuthorCall, Call, DoNotCallNumber, Message
from blast_api.rest import lists
from tests.kits import factories
from tests.kits.factories import USER, number
from tests.kits.rest import content, next_page

pytestmark = pytest.mark.django_db

_MANY = 5000


def many_shouts() -> str:
    application = factories.application().pk
    rows = [[("somebody else" if index % 4 else USER), "0", "2030-01-31T12:00:00Z"] for index in range(_MANY)]
    bulk.insert(Message, ["userdata", "caller", "created"], rows, application_id=application)
    of_each = [[pk, rows[0][2]] for pk in Message.objects.values_list("pk", flat=True)]
    bulk.insert(AuthorCall, ["message_id", "state_since"], of_each)
    return f"/api/v1/shouts?userdata={USER}"


def many_calls() -> str:
    for _ in range(3):
        message = factories.message()
        rows = [[position, number(position)] for position in range(_MANY // 3)]
        bulk.insert(Call, ["position", "number"], rows, message_id=message.pk, status="pending")
    return f"/api/v1/calls?shout-id={message.pk}"


def many_attempts() -> str:
    now = timezone.now()
    for _ in range(3):
        message = factories.message()
        call = factories.call(message)
        rows = [[serial, serial] for serial in range(1, _MANY // 3)]
        bulk.insert(Attempt, ["serial", "number"], rows, message_id=message.pk, call_id=call.pk, claimed=now, ended=now)
    return f"/api/v1/attempts?shout-id={message.pk}"


def many_entries() -> str:
    application = factories.application().pk
    rows = [[("somebody else" if index % 4 else USER), number(index)] for index in range(_MANY)]
    bulk.insert(DoNotCallNumber, ["userdata", "number"], rows, application_id=application)
    return f"/api/v1/dnc?userdata={USER}"


@pytest.mark.parametrize(
    ("many", "index"),
    [
        (many_shouts, "message_list"),
        (many_calls, "call_position"),
        (many_attempts, "attempt_of_shout"),
        (many_entries, "dnc_list"),
    ],
)
def test_a_page_in_the_middle_is_found_by_the_index_of_its_list(
    client: Client, many: Callable[[], str], index: str
) -> None:
    address = many()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    url = f"{address}&limit=20"
    for _ in range(3):
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(url)
            content(answer)
        url = next_page(answer) or ""
        assert url
    table = {
        "message_list": "message",
        "call_position": "call",
        "attempt_of_shout": "attempt",
        "dnc_list": "donotcallnumber",
    }[index]
    ordering = re.compile(rf'SELECT (?:(?! FROM ).)* FROM "blast_api_{table}" .* ORDER BY')
    ordered = [query["sql"] for query in asked if ordering.match(query["sql"])]
    of_rows = [sql for sql in ordered if not re.search(rf'"blast_api_{table}"."id" = \d', sql)]
    assert len(of_rows) == 2  # where the page ends, and the page
    for sql in of_rows:
        plan = _plan(sql)
        if connection.vendor == "sqlite":
            assert index in plan or (index == "call_position" and "sqlite_autoindex_blast_api_call" in plan), plan
            assert "TEMP B-TREE" not in plan, plan
        else:  # which index is the planner's choice; a few rows that are bounded on both sides may be sorted
            assert re.search(rf"Index (Only )?Scan .*on blast_api_{table} ", plan), plan
            assert "Sort" not in plan or re.search(r'"id" [<>]=|"position" <=', sql), plan


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


# --- Long lists -------------------------------------------------------------------------------------------------------

every_long_list = pytest.mark.parametrize("many", [many_shouts, many_calls, many_attempts, many_entries])


@every_long_list
def test_a_long_list_is_told_in_pieces_each_row_once_and_in_order(client: Client, many: Callable[[], str]) -> None:
    address = many()
    whole = client.get(address)
    assert isinstance(whole, StreamingHttpResponse)
    pieces = [bytes(piece) for piece in whole]
    assert len(pieces) > 1
    assert all(len(piece) < 2**17 for piece in pieces)
    ids = [row.get("id", row.get("number")) for row in json.loads(b"".join(pieces))]
    assert len(set(ids)) == len(ids) > 1000
    paged, url = list[object](), f"{address}&limit=1300"
    while url:
        answer = client.get(url)
        paged += [row.get("id", row.get("number")) for row in content(answer)]
        url = next_page(answer) or ""
    counted = content(client.get(f"{address}&limit=700&offset=600"))
    assert paged == ids
    assert [row.get("id", row.get("number")) for row in counted] == ids[600:1300]


@every_long_list
def test_the_database_holds_no_list(client: Client, many: Callable[[], str]) -> None:
    address = many()
    with CaptureQueriesContext(connection) as asked:
        content(client.get(address))
    reading = [query["sql"] for query in asked if " ORDER BY " in query["sql"]]
    assert len(reading) >= 3
    assert not [sql for sql in reading if "CURSOR" in sql]
    assert all("LIMIT" in sql or " IN (" in sql for sql in reading)


def test_what_comes_and_goes_while_a_long_list_is_read_moves_no_row(client: Client) -> None:
    there = [number(index) for index in range(4000)]
    application = factories.application().pk
    bulk.insert(DoNotCallNumber, ["number"], [[one] for one in there], application_id=application, userdata=USER)
    pieces = iter(client.get(f"/api/v1/dnc?userdata={USER}"))
    told = next(pieces)
    for gone in (there[0], there[-1]):  # the last row, and the first, which is told already
        DoNotCallNumber.objects.filter(number=gone).delete()
    factories.listed(number(4000))
    rows = json.loads(told + b"".join(pieces))
    assert [row["number"] for row in rows] == there[:0:-1]


def test_a_shout_with_many_calls_is_read_alone(client: Client) -> None:
    sizes = [3, lists._CALLS, 4, 5]
    for size in sizes:
        message = factories.message()
        factories.author_call(message)
        bulk.insert(Call, ["position", "number"], [[i, number(i)] for i in range(size)], message_id=message.pk)
    with CaptureQueriesContext(connection) as asked:
        told = content(client.get(f"/api/v1/shouts?userdata={USER}"))
    assert [len(shout["recipients"]) for shout in told] == sizes[::-1]
    assert [shout["calls"] for shout in told] == [{"pending": size} for size in sizes[::-1]]
    assert [row["recipients"][-1] for row in told] == [number(size - 1) for size in sizes[::-1]]
    assert len([query for query in asked if "COUNT" in query["sql"]]) == 3  # two together, the large one, the first
