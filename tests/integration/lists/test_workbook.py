"""XLSX, as another library writes it, is read like a CSV; a workbook that wants more than there is, is refused."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from blast_api.domain.recipients import Recipient
from tests.kits.listed import listed, refusal, saved, xlsx_of

A, B = "15555551010", "15555551011"
CHICAGO = "America/Chicago"
TOO_MUCH = "To read this workbook takes more time or memory than it may."
DAMAGED = "The file is damaged: it cannot be read as XLSX."
SHEET = "xl/worksheets/sheet1.xml"


def test_a_workbook_is_read_like_a_text() -> None:
    found = listed(
        xlsx_of(
            [
                ["Nombre", "Teléfono", "Zona", "Referencia"],
                ["José", int(A), CHICAGO, 17],
                [],
                ["Ana", f"+{B}", None, "Ñ\nx"],
            ],
            name="Niños",
        )
    )
    assert found.recipients == [Recipient(A, CHICAGO, "17"), Recipient(B, "", "Ñ\nx")]
    assert found.described() == {
        "columns": {
            "number": {"column": 2, "header": "Teléfono"},
            "zone": {"column": 3, "header": "Zona"},
            "reference": {"column": 4, "header": "Referencia"},
        },
        "header": True,
        "encoding": None,
        "delimiter": None,
        "sheet": "Niños",
        "rows": 2,
        "sample": [
            {"line": 2, "number": A, "zone": CHICAGO, "reference": "17"},
            {"line": 4, "number": B, "zone": "", "reference": "Ñ\nx"},
        ],
    }


@pytest.mark.parametrize("written", [int(A), float(A), A, f"{A}.0", "1.5555551010E+10", f'="{A}"', f"+{A}"])
def test_a_number_in_any_cell(written: object) -> None:
    """A formula that no spreadsheet has computed yet has no value."""
    content = xlsx_of([["phone"], [int(B)], [written]])
    found = listed(content)
    if str(written).startswith("="):
        assert [one.number for one in found.recipients] == [B]
    else:
        assert [one.number for one in found.recipients] == [B, A]


def test_a_fault_is_told_with_the_row_of_the_sheet() -> None:
    found = listed(
        xlsx_of([[], ["phone", "x"], [int(A), 1], [], [float(A) + 0.5, 2], [None, 3], [date(2026, 1, 1), 4]])
    )
    assert [line for line, _ in found.faults] == [5, 6, 7]
    assert list(found.lines) == [3]


def test_a_table_may_begin_anywhere() -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet["D7"], sheet["D8"], sheet["E8"] = "phone", int(A), "x"
    found = listed(saved(workbook))
    assert found.recipients == [Recipient(A)]
    assert found.described()["columns"] == {"number": {"column": 4, "header": "phone"}}
    assert list(found.lines) == [8]


def test_the_first_sheet_that_is_seen_and_says_something_counts() -> None:
    workbook = openpyxl.Workbook()
    hidden, list_ = workbook.create_sheet("Hidden"), workbook.create_sheet("Here")
    hidden["A1"], list_["A1"] = int(B), int(A)
    hidden.sheet_state = "hidden"
    found = listed(saved(workbook))
    assert (found.table.sheet, found.recipients) == ("Here", [Recipient(A)])


def test_more_lines_than_are_taken_are_refused() -> None:
    content = xlsx_of([[15555551000 + row] for row in range(30)])
    assert len(listed(content, most=30).recipients) == 30
    assert refusal(content, most=29) == "The list has more than the 29 recipients that are taken at once."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (xlsx_of([]), "The file is empty."),
        (xlsx_of([["x"] * 1001]), "The table has more than 1000 columns."),
        (xlsx_of([[int(A)]])[:1000], DAMAGED),
        (b"PK\x03\x04 and no more", DAMAGED),
    ],
    ids=["empty", "wide", "cut off", "no archive"],
)
def test_a_workbook_that_is_no_list_is_refused(content: bytes, reason: str) -> None:
    assert refusal(content) == reason


def with_sheet(sheet: bytes) -> bytes:
    """A workbook whose sheet is this."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(xlsx_of([[int(A)]]))) as whole,
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as other,
    ):
        for part in whole.namelist():
            other.writestr(part, sheet if part == SHEET else whole.read(part))
    return content.getvalue()


def rows(*cells: str) -> bytes:
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{namespace}"><sheetData>{"".join(cells)}</sheetData></worksheet>'.encode()


def test_an_archive_that_is_no_workbook_is_refused() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("list.csv", A)
    assert refusal(content.getvalue()) == "The file is an archive, but no XLSX."


def test_a_workbook_that_swells_is_refused_before_it_is_read() -> None:
    """As its own list of what is in it says: of half a gigabyte of blanks, deflate makes half a megabyte."""
    content = with_sheet(rows() + b" " * 70_000)
    size = (len(rows()) + 70_000).to_bytes(4, "little")
    assert content.count(size) == 2
    swollen = content.replace(size, (513 << 20).to_bytes(4, "little"))
    assert refusal(swollen) == "Unzipped, the file has more than 536870912 bytes."


def test_two_cells_far_apart_do_not_cost_all_that_is_between(caplog: pytest.LogCaptureFixture) -> None:
    far = rows('<row r="1"><c r="A1"><v>1</v></c></row>', '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert refusal(with_sheet(far)) == TOO_MUCH
    assert [vars(record)["action"] for record in caplog.records] == ["list_not_read"]


def test_entities_are_not_expanded() -> None:
    lol = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY file SYSTEM "file:///etc/passwd">]>'
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>&b;&file;</t></is></c></row>'
    assert refusal(with_sheet(lol + rows(cell))) in (
        DAMAGED,
        "The file is empty.",
        "No column looks like phone numbers. Name it `number` in the first line.",
    )
