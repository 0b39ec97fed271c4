"""POST /shouts as a form: the shout as JSON, its recipients as a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from blast_api.models import Call, Message
from tests.kits.factories import number
from tests.kits.listed import csv_of, xlsx_of
from tests.kits.rest import BASE, SHOUT_FIELDS, body, code, content, created, faults, nothing_is_stored, post

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]

CHICAGO = "America/Chicago"
LINES = [
    ["Nombre", "Teléfono", "Zona horaria", "Referencia"],
    ["Ana", f"+{number(1)}", CHICAGO, "niña 1"],
    ["José", f"{number(2)}.0", "", "niño 2"],
    ["Otra vez", number(1), "", "niña 3"],
]
LIST = {
    "columns": {
        "number": {"column": 2, "header": "Teléfono"},
        "zone": {"column": 3, "header": "Zona horaria"},
        "reference": {"column": 4, "header": "Referencia"},
    },
    "header": True,
    "encoding": "cp1252",
    "delimiter": ";",
    "sheet": None,
    "rows": 3,
    "sample": [
        {"line": 2, "number": number(1), "zone": CHICAGO, "reference": "niña 1"},
        {"line": 3, "number": number(2), "zone": "", "reference": "niño 2"},
        {"line": 4, "number": number(1), "zone": "", "reference": "niña 3"},
    ],
}
CSV = csv_of(LINES, delimiter=";", encoding="cp1252")


def file(content: bytes = CSV, name: str = "list.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def shout(**fields: object) -> str:
    return json.dumps(body(recipients=...) | fields)


def send(client: Client, path: str = "shouts", headers: dict[str, str] | None = None, **parts: Any) -> Answer:
    """A form; parts that are `...` are left out."""
    whole = {"shout": shout(), "recipients": file()} | parts
    form = {name: part for name, part in whole.items() if part is not ...}
    return client.post(f"{BASE}/{path}", form, headers=headers or {})


def test_a_list_becomes_the_recipients_and_the_answer_tells_how_it_was_read(client: Client) -> None:
    told = created(send(client))
    assert told.pop("list") == LIST
    assert set(told) == SHOUT_FIELDS
    assert told["recipients"] == [number(1), number(2)]
    calls = Call.objects.order_by("position").values_list("number", "zone", "reference")
    assert list(calls) == [(number(1), CHICAGO, "niña 1"), (number(2), "", "niño 2")]


def test_a_workbook_does_as_well(client: Client) -> None:
    told = created(send(client, recipients=file(xlsx_of([["phone"], [int(number(1))], [int(number(2))]]), "list.xlsx")))
    assert told["recipients"] == [number(1), number(2)]
    assert told["list"]["sheet"] == "List"
    assert told["list"]["sample"] == [{"line": 2, "number": number(1)}, {"line": 3, "number": number(2)}]


def test_the_shout_may_be_a_file_itself(client: Client) -> None:
    created(send(client, shout=SimpleUploadedFile("shout.json", shout(title="Ñ").encode("utf-8-sig"))))
    assert Message.objects.get().title == "Ñ"


def test_without_a_form_no_list_is_told(client: Client) -> None:
    assert "list" not in created(post(client, body()))


def test_a_preflight_tells_it_too_and_stores_nothing(client: Client) -> None:
    told = content(send(client, "shouts;preflight"))
    assert told["list"] == LIST
    assert told["counts"]["call"] + told["counts"]["wait"] == 2
    assert told["counts"]["duplicate"] == 1
    assert [one["number"] for one in told["recipients"]] == [number(1), number(2), number(1)]
    assert list(told) == ["counts", "list", "recipients", "estimate"]
    assert list(content(send(client, "shouts;preflight?recipients=none"))) == ["counts", "list", "estimate"]
    assert nothing_is_stored()


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"shout": ...}, {"shout": ["This part is required."]}),
        ({"recipients": ...}, {"recipients": ["This part is required."]}),
        ({"x": "y"}, {"x": ["There is no such part."]}),
        ({"recipients": number(1)}, {"recipients": ["Expected a file: CSV or XLSX."]}),
        ({"shout": "[]"}, {"shout": ["Expected an object."]}),
        ({"shout": shout(recipients=[])}, {"shout.recipients": ["The recipients are in the part of this name."]}),
        ({"recipients": file(b"")}, {"recipients": ["The file is empty."]}),
        (
            {"recipients": file(b"x,y\na,b\n")},
            {"recipients": ["No column looks like phone numbers. Name it `number` in the first line."]},
        ),
    ],
)
def test_what_is_wrong_with_a_form_is_told_by_field(
    client: Client, parts: dict[str, Any], told: dict[str, list[str]]
) -> None:
    for path in ("shouts", "shouts;preflight"):
        for part in parts.values():
            if isinstance(part, SimpleUploadedFile):
                part.seek(0)
        assert faults(send(client, path, **parts)) == told
    assert nothing_is_stored()


def test_a_shout_that_is_no_json_is_told(client: Client) -> None:
    (words,) = faults(send(client, shout="{"))["shout"]
    assert words.startswith("JSON parse error - ")


def test_faults_of_the_file_have_its_lines_and_stand_beside_those_of_the_shout(client: Client) -> None:
    lines = f"number,zone\n{number(1)},\n\nabc,\n{number(2)}/{number(3)},Chicago\n" + "x,\n" * 20
    told = faults(send(client, shout=shout(caller="x", title="a" * 256), recipients=file(lines.encode())))
    assert set(told) == {"caller", "title", "recipients"}
    assert told["recipients"][0] == "line 4: 'abc' is not a phone number with country code."
    assert told["recipients"][1].startswith(
        f"line 5: number: '{number(2)}/{number(3)}' has more than one number in it."
    )
    assert "zone: 'Chicago' is no time zone" in told["recipients"][1]
    assert len(told["recipients"]) == 11
    assert told["recipients"][-1] == "And 12 more."
    assert nothing_is_stored()


def test_a_list_that_is_too_long_is_refused(client: Client, settings: Settings) -> None:
    settings.MAX_RECIPIENTS = 2
    assert faults(send(client)) == {"recipients": ["The list has more than the 2 recipients that are taken at once."]}


def test_a_file_that_is_too_large_is_413(client: Client, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 2000
    for size in (2001, 2000 + 65 * 1024):
        long = file(f"{number(1)}\n".encode() + b"\n" * size)
        assert code(send(client, recipients=long)) == (413, "too_large")
    assert nothing_is_stored()


def test_a_shout_of_a_form_may_not_be_larger_than_a_body(client: Client, settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 2000
    large = SimpleUploadedFile("shout.json", shout(title="a" * 2000).encode())
    assert code(send(client, shout=large)) == (413, "too_large")


def test_a_part_that_comes_twice_is_refused(client: Client) -> None:
    assert code(send(client, shout=[shout(), shout()]))[0] == 400
    assert code(send(client, recipients=[file(), file()]))[0] == 400


def test_a_list_of_some_megabytes_is_read_from_disk(client: Client) -> None:
    """Django keeps files up to 2.5 MB in memory."""
    lines = [["phone", "note"], *([number(each), "x" * 2000] for each in range(1500))]
    for recipients in (file(csv_of(lines)), file(xlsx_of(lines))):
        told = created(send(client, recipients=recipients))
        assert len(told["recipients"]) == told["list"]["rows"] == 1500


def test_nothing_else_takes_a_form(client: Client) -> None:
    message = created(send(client))
    answer = client.post(f"{BASE}/shouts/{message['id']};audition", {"to": number(1)})
    assert code(answer) == (415, "unsupported_media_type")


def test_the_same_form_with_the_same_key_is_one_shout(client: Client) -> None:
    key = {"Idempotency-Key": "4f0c"}
    first = send(client, headers=key)
    again = send(client, headers=key, recipients=file(CSV, "other name.csv"), shout=json.dumps(json.loads(shout())))
    assert created(first) == created(again)
    assert again["Idempotent-Replayed"] == "true"
    assert Message.objects.count() == 1
    for parts in ({"recipients": file(CSV + b"\r\n")}, {"shout": shout(title="other")}):
        assert code(send(client, headers=key, **parts)) == (422, "idempotency-key-reused")
    assert code(post(client, body(), **key)) == (422, "idempotency-key-reused")
    assert Message.objects.count() == 1
