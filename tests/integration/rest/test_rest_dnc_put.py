"""POST /dnc, and the list that holds for all users of an application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from blast_api.models import Call, DoNotCallNumber
from blast_api.services import dnc
from tests.kits import factories
from tests.kits.do_not_call import PATH, on_lists, put, waiting_with_the_carrier
from tests.kits.factories import USER, number
from tests.kits.listed import csv_of, xlsx_of
from tests.kits.rest import NO_NUMBERS, body, code, content, created, faults, next_page, post

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer  # a name that only the stubs have

pytestmark = pytest.mark.django_db

NAMES = [USER, "org/team", ".", "..", "a/../b", "\u00fc \n", "a" * 255]


@pytest.mark.parametrize("userdata", NAMES)
def test_numbers_are_listed_for_a_user_of_any_name(client: Client, userdata: str) -> None:
    answer = put(client, {"numbers": [number(1), "+1 (555) 555-0002"]}, userdata=userdata)
    assert (answer.status_code, content(answer)) == (200, {"added": 2, "there_before": 0})
    assert on_lists() == [(userdata, number(1), "api"), (userdata, number(2), "api")]


def test_again_changes_nothing_and_says_so(client: Client) -> None:
    call = factories.call(factories.message())
    dnc.add(call.message.application_id, USER, number(1), call_id=call.pk)
    before = list(DoNotCallNumber.objects.values_list())
    told = {"numbers": [number(1), number(2), number(2), f"+{number(2)}"]}
    assert content(put(client, told, userdata=USER)) == {"added": 1, "there_before": 1}
    assert content(put(client, told, userdata=USER)) == {"added": 0, "there_before": 2}
    assert DoNotCallNumber.objects.values_list()[0] == before[0]
    assert on_lists() == [(USER, number(1), "key"), (USER, number(2), "api")]


def test_entries_tell_since_when_and_by_what(client: Client) -> None:
    call = factories.call(factories.message())
    dnc.add(call.message.application_id, USER, number(1), call_id=call.pk)
    put(client, {"numbers": [number(2)]}, userdata=USER)
    told = content(client.get(f"{PATH}?userdata={USER}"))
    assert [(entry["number"], entry["by"], entry["call"]) for entry in told] == [
        (number(2), "api", None),
        (number(1), "key", call.pk),
    ]


# --- Without userdata -------------------------------------------------------------------------------------------------


def test_without_userdata_it_is_the_list_of_all_users(client: Client) -> None:
    assert content(put(client, {"numbers": [number(1), number(2)]})) == {"added": 2, "there_before": 0}
    factories.listed(number(3))
    factories.listed(number(4), userdata=dnc.ALL_USERS, application=factories.application(name="another"))
    assert [entry["number"] for entry in content(client.get(PATH))] == [number(2), number(1)]
    for userdata in (USER, "another user"):
        shout = created(post(client, body(recipients=[number(1), number(5)], userdata=userdata)))
        assert shout["calls"] == {"do not call": 1, "pending": 1}


def test_it_is_paged_and_its_links_name_nobody(client: Client) -> None:
    put(client, {"numbers": [number(1), number(2)]})
    answer = client.get(f"{PATH}?limit=1")
    link = next_page(answer) or ""
    assert "userdata" not in link
    assert [entry["number"] for entry in content(client.get(link))] == [number(1)]


def test_a_number_is_taken_off_it(client: Client) -> None:
    put(client, {"numbers": [number(1)]})
    factories.listed(number(1))
    assert client.delete(f"{PATH}?number={number(1)}").status_code == 204
    assert on_lists() == [(USER, number(1), "key")]
    assert code(client.delete(f"{PATH}?number={number(1)}")) == (404, "not_found")


def test_what_a_key_lists_for_all_users_is_there(client: Client, settings: Settings) -> None:
    settings.OPT_OUT_SCOPE = "application"
    dnc.add(factories.application().pk, USER, number(1), call_id=7)
    (entry,) = content(client.get(PATH))
    assert (entry["number"], entry["by"], entry["call"]) == (number(1), "key", 7)
    assert content(client.get(f"{PATH}?userdata={USER}")) == []


# --- What waits at the carrier ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("userdata", [USER, None])
def test_what_waits_at_the_carrier_for_a_number_is_taken_back(client: Client, userdata: str | None) -> None:
    own, of_another = waiting_with_the_carrier(), waiting_with_the_carrier(userdata="another user")
    waiting_with_the_carrier(application=factories.application(name="another"))
    waiting_with_the_carrier(2)
    put(client, {"numbers": [number(1)]}, **({"userdata": userdata} if userdata else {}))
    assert set(Call.objects.filter(withdrawn=True)) == ({own} if userdata else {own, of_another})


def test_so_it_is_for_many_and_when_they_were_listed_before(client: Client) -> None:
    factories.listed(number(1))
    call = waiting_with_the_carrier()
    put(client, {"numbers": [number(index) for index in range(500)]}, userdata=USER)
    call.refresh_from_db()
    assert (call.withdrawn, call.recalled) == (True, False)


# --- What cannot be read ----------------------------------------------------------------------------------------------


def test_every_bad_entry_is_named_by_its_place_and_nothing_is_stored(client: Client) -> None:
    told = faults(put(client, {"numbers": [number(1), "911", number(2), "call me"]}, userdata=USER))
    assert set(told) == {"numbers"}
    first, second = told["numbers"]
    assert first.startswith("1: '911'")
    assert second.startswith("3: 'call me'")
    assert on_lists() == []


def test_of_many_bad_entries_some_are_named_and_the_others_counted(client: Client) -> None:
    told = faults(put(client, {"numbers": ["x"] * 15}))
    assert len(told["numbers"]) == 11
    assert told["numbers"][-1] == "And 5 more."


@pytest.mark.parametrize("written", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_named(client: Client, written: object) -> None:
    assert set(faults(put(client, {"numbers": [written]}))) == {"numbers"}
    assert on_lists() == []


@pytest.mark.parametrize("numbers", [None, [], {}, number(1), 15555551010, True, ...], ids=repr)
def test_what_is_no_list_is_named(client: Client, numbers: object) -> None:
    assert set(faults(put(client, {} if numbers is ... else {"numbers": numbers}))) == {"numbers"}


@pytest.mark.parametrize("told", [[], [number(1)], number(1), 7, None])
def test_a_body_that_is_no_object_is_refused(client: Client, told: object) -> None:
    assert put(client, told).status_code == 400
    assert on_lists() == []


def test_a_user_in_the_body_is_not_taken_for_everybody(client: Client) -> None:
    told = faults(put(client, {"numbers": [number(1)], "userdata": USER}))
    assert "?userdata=" in told["userdata"][0]
    assert set(faults(put(client, {"numbers": [number(1)], "number": number(1)}))) == {"number"}
    assert on_lists() == []


@pytest.mark.parametrize("userdata", ["", "a\0b", "a" * 256])
def test_a_name_that_is_none_is_named(client: Client, userdata: str) -> None:
    assert set(faults(put(client, {"numbers": [number(1)]}, userdata=userdata))) == {"userdata"}
    assert on_lists() == []


def test_more_than_the_operator_allows_are_refused(client: Client, settings: Settings) -> None:
    settings.MAX_RECIPIENTS = 2
    told = faults(put(client, {"numbers": [number(index) for index in range(3)]}))
    assert "2" in told["numbers"][0]
    assert on_lists() == []


def test_a_body_that_is_too_long_or_no_json_or_no_type_that_we_know(client: Client, settings: Settings) -> None:
    assert code(put(client, "{"))[0] == 400
    answer = client.post(PATH, "numbers", content_type="text/plain")
    assert code(answer) == (415, "unsupported_media_type")
    settings.MAX_BODY_BYTES = 1024
    assert code(put(client, {"numbers": [number(1)] * 200})) == (413, "too_large")
    assert on_lists() == []


def test_a_query_that_is_not_utf_8_is_nobodys(client: Client) -> None:
    told = json.dumps({"numbers": [number(1)]})
    answer = client.generic("POST", PATH, told, content_type="application/json", QUERY_STRING="userdata=a%ff")
    assert code(answer) == (400, "parse_error")
    assert on_lists() == []


# --- Files ------------------------------------------------------------------------------------------------------------


def send(client: Client, content: bytes, **query: str) -> Answer:
    """POST /dnc with a file."""
    file = SimpleUploadedFile("numbers", content)
    return client.post(f"{PATH}?{urlencode(query)}", {"numbers": file})


LINES = [["Name", "Phone"], ["Ana", number(1)], ["Ben", "+1 (555) 555-0002"], ["Ana again", number(1)]]


@pytest.mark.parametrize("file", [csv_of(LINES), csv_of(LINES, delimiter=";", encoding="utf-16"), xlsx_of(LINES)])
def test_a_file_is_read_as_those_of_recipients_are(client: Client, file: bytes) -> None:
    told = content(send(client, file, userdata=USER))
    assert (told["added"], told["there_before"]) == (2, 0)
    assert told["list"]["columns"] == {"number": {"column": 2, "header": "Phone"}}
    assert told["list"]["rows"] == 3
    assert told["list"]["sample"][1] == {"line": 3, "number": number(2)}
    assert on_lists() == [(USER, number(1), "import"), (USER, number(2), "import")]


def test_a_line_that_is_no_number_is_named_and_nothing_is_stored(client: Client) -> None:
    lines = [["number"], [number(1)], ["911"], [], ["x"], *[["y"]] * 12]
    told = faults(send(client, csv_of(lines)))["numbers"]
    assert told[0].startswith("line 3: '911'")
    assert told[1].startswith("line 5: 'x'")
    assert told[-1] == "And 4 more."
    assert on_lists() == []


@pytest.mark.parametrize("content", [b"", b"number\r\n", b"\0\1\2", b"PK\x03\x04 no archive", b"name\r\nAna\r\n"])
def test_a_file_that_is_no_list_is_refused(client: Client, content: bytes) -> None:
    assert set(faults(send(client, content))) == {"numbers"}
    assert on_lists() == []


def test_a_form_that_has_more_or_less_than_a_file_is_refused(client: Client) -> None:
    assert set(faults(client.post(PATH, {"numbers": number(1)}))) == {"numbers"}
    assert set(faults(client.post(PATH, {"file": SimpleUploadedFile("f", csv_of(LINES))}))) == {"file"}
    form = {"numbers": SimpleUploadedFile("f", csv_of(LINES)), "userdata": USER}
    assert set(faults(client.post(PATH, form))) == {"userdata"}
    assert on_lists() == []


def test_a_file_is_bounded(client: Client, settings: Settings) -> None:
    settings.MAX_RECIPIENTS = 2
    assert "2" in faults(send(client, csv_of(LINES)))["numbers"][0]
    settings.MAX_UPLOAD_BYTES = 1024
    assert code(send(client, b"x" * 70_000)) == (413, "too_large")
    assert on_lists() == []
