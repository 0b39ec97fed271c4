"""Lists as CSV: the same rows, filters and pages as in JSON, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from blast_api.models import Call
from tests.kits import factories
from tests.kits.factories import USER, number
from tests.kits.listed import listed
from tests.kits.rest import code, content, faults, next_page

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db

AT = datetime(2030, 1, 31, 12, 0, 0, 250000, tzinfo=UTC)
CSV = {"Accept": "text/csv"}


def rows(answer: Answer) -> list[dict[str, str]]:
    """The rows of a CSV that is answered."""
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/csv; charset=utf-8; header=present"
    text = b"".join(answer).decode()
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def address(path: str, **query: object) -> str:
    named = {name.replace("_", "-"): value for name, value in query.items()}
    return f"/api/v1/{path}?{urlencode(named)}"


@pytest.mark.parametrize(
    ("query", "headers"), [({"format": "csv"}, {}), ({}, CSV), ({}, {"Accept": "text/csv, */*;q=0.1"})]
)
def test_calls_of_a_shout(client: Client, query: dict[str, str], headers: dict[str, str]) -> None:
    message = factories.message()
    factories.call(message, position=1, number=number(1), reference='Muñoz, Ana\n"x"')
    first = factories.call(
        message, position=0, number=number(2), status="busy", q850=17, duration=0, attempts=2, started=AT, finished=AT
    )
    answer = client.get(address("calls", shout_id=message.pk, **query), headers=headers)
    told = rows(answer)
    assert answer["Content-Disposition"] == f'attachment; filename="calls-of-shout-{message.pk}.csv"'
    assert answer["Vary"] == "Accept"
    assert told[0] == {
        "id": str(first.pk),
        "started": "2030-01-31T12:00:00.250000Z",
        "finished": "2030-01-31T12:00:00.250000Z",
        "shout_id": str(message.pk),
        "phone": number(2),
        "zone": "",
        "reference": "",
        "status": "busy",
        "Q850": "17",
        "duration": "0",
        "attempts": "2",
        "answerer": "",
        "keys": "",
        "transferred": "",
        "transfer_outcome": "",
        "transfer_duration": "",
        "reason": "",
        "audition": "false",
    }
    assert told[1]["reference"] == 'Muñoz, Ana\n"x"'


def test_calls_to_a_phone_by_status(client: Client) -> None:
    factories.call(factories.message(), number=number(1), status="busy")
    factories.call(factories.message(), number=number(1), status="completed")
    answer = client.get(address("calls", phone=number(1), userdata=USER, status="busy", format="csv"))
    assert [one["status"] for one in rows(answer)] == ["busy"]
    assert answer["Content-Disposition"] == f'attachment; filename="calls-to-{number(1)}.csv"'


def test_shouts_are_told_flat(client: Client) -> None:
    message = factories.message(title="=1+1", schedule=AT)
    factories.author_call(message)
    for position in range(3):
        factories.call(message, position=position, number=number(position), status="busy" if position else "completed")
    (told,) = rows(client.get(address("shouts", userdata=USER, format="csv")))
    assert (told["title"], told["recipients"], told["calls.busy"], told["calls.completed"], told["calls.failed"]) == (
        "'=1+1",
        "3",
        "2",
        "1",
        "",
    )
    assert (told["schedule"], told["voc.url"], told["recipients_requested_dnc"]) == (
        "2030-01-31T12:00:00.250000Z",
        "",
        "false",
    )
    (in_json,) = content(client.get(address("shouts", userdata=USER)))
    assert told.keys() >= in_json.keys() - {"voc", "transfer", "waiting", "calls"}


def test_a_users_list(client: Client) -> None:
    factories.listed(number(1))
    for path in (f"dnc?userdata={USER}&format=csv", f"dnc/{USER}?format=csv"):
        answer = client.get(f"/api/v1/{path}")
        assert [one["number"] for one in rows(answer)] == [number(1)]
        assert answer["Content-Disposition"] == 'attachment; filename="dnc.csv"'


def test_an_empty_list_has_the_names_of_its_columns(client: Client) -> None:
    answer = client.get(address("shouts", userdata=USER, format="csv"))
    assert rows(answer) == []
    assert answer.content.startswith(b"id,created,caller,")


def test_times_are_told_in_a_zone(client: Client) -> None:
    summer = datetime(2030, 7, 31, 12, tzinfo=UTC)
    message = factories.message(schedule=summer)
    factories.author_call(message)
    factories.call(message, status="completed", started=AT, finished=summer)
    for zone, winter, in_summer in (
        ("America/Chicago", "2030-01-31T06:00:00.250000-06:00", "2030-07-31T07:00:00-05:00"),
        ("UTC", "2030-01-31T12:00:00.250000Z", "2030-07-31T12:00:00Z"),
    ):
        (call,) = rows(client.get(address("calls", shout_id=message.pk, format="csv", zone=zone)))
        assert (call["started"], call["finished"]) == (winter, in_summer)
        (shout,) = rows(client.get(address("shouts", userdata=USER, format="csv", zone=zone)))
        assert shout["schedule"] == in_summer
    assert content(client.get(address("calls", shout_id=message.pk)))[0]["finished"] == "2030-07-31T12:00:00Z"


def test_pages_lead_on_as_the_same_file(client: Client) -> None:
    message = factories.message()
    for position in range(5):
        factories.call(message, position=position, number=number(position))
    seen, where = [], address("calls", shout_id=message.pk, format="csv", zone="Asia/Kolkata", limit=2)
    while where:
        answer = client.get(where)
        seen += [one["phone"] for one in rows(answer)]
        assert answer["X-Total-Count"] == "5"
        where = next_page(answer) or ""
        assert not where or ("format=csv" in where and "zone=Asia%2FKolkata" in where)
    assert seen == [number(position) for position in range(5)]


def test_a_long_file_is_streamed(client: Client) -> None:
    message = factories.message()
    Call.objects.bulk_create(
        Call(message=message, position=position, number=number(position), reference="x" * 200)
        for position in range(500)
    )
    answer = client.get(address("calls", shout_id=message.pk, format="csv"))
    assert isinstance(answer, StreamingHttpResponse)
    assert len(rows(answer)) == 500


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "xml"}, "format"),
        ({"format": ""}, "format"),
        ({"format": "csv", "zone": "Chicago"}, "zone"),
        ({"format": "csv", "zone": "../../etc/passwd"}, "zone"),
        ({"format": "csv", "zone": ""}, "zone"),
        ({"format": "json", "zone": "America/Chicago"}, "zone"),
        ({"format": "csv", "limit": "0"}, "limit"),
    ],
)
def test_what_cannot_be_used_is_told_in_json(client: Client, query: dict[str, Any], field: str) -> None:
    assert set(faults(client.get(address("shouts", userdata=USER, **query), headers=CSV))) == {field}


def test_errors_are_json(client: Client) -> None:
    assert code(client.get(address("calls", shout_id=7), headers=CSV)) == (404, "not_found")
    assert code(client.get("/api/v1/shouts/7", headers=CSV)) == (406, "not_acceptable")
    assert code(client.get(address("shouts", userdata=USER), headers={"Accept": "text/html"})) == (
        406,
        "not_acceptable",
    )


def test_json_stays_what_comes_first(client: Client) -> None:
    for accept in ("*/*", "application/json", "application/json, text/csv"):
        answer = client.get(address("shouts", userdata=USER), headers={"Accept": accept})
        assert (answer["Content-Type"], content(answer)) == ("application/json", [])
    assert content(client.get(address("shouts", userdata=USER, format="json"), headers=CSV)) == []


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_is_run(client: Client, begin: str) -> None:
    message = factories.message()
    factories.call(message, reference=f"{begin}cmd|' /C calc'!A0")
    (told,) = rows(client.get(address("calls", shout_id=message.pk, format="csv")))
    assert told["reference"] == f"'{begin}cmd|' /C calc'!A0"


def test_what_is_sent_out_can_be_sent_in(client: Client) -> None:
    """A list of calls is a list of recipients."""
    message = factories.message()
    for position in range(3):
        factories.call(message, position=position, number=number(position), zone="America/Chicago", reference="+x")
    found = listed(b"".join(client.get(address("calls", shout_id=message.pk, format="csv"))))
    assert [one.number for one in found.recipients] == [number(position) for position in range(3)]
    assert {(one.zone, one.reference) for one in found.recipients} == {("America/Chicago", "+x")}
