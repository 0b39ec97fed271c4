"""CSV of every make is read, and what cannot be read for sure is refused with its line."""

from __future__ import annotations

import csv
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.errors import UnusableList
from blast_api.domain.recipients import Recipient
from tests.kits.listed import csv_of, listed, refusal

A, B = "15555551010", "15555551011"
CHICAGO = "America/Chicago"
THREE = [["Teléfono", "Zona horaria", "Referencia"], [f"+{A}", CHICAGO, "José"], ["1 (555) 555-1011", "", "Muñoz, Ana"]]
NO_TEXT = "The file is neither XLSX nor a text in UTF-8, UTF-16 or cp1252."


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_delimiter_in_every_encoding_with_every_line_end(
    delimiter: str, encoding: str, told: str, ends: str
) -> None:
    found = listed(csv_of(THREE, delimiter=delimiter, encoding=encoding, ends=ends))
    assert found.recipients == [Recipient(A, CHICAGO, "José"), Recipient(B, "", "Muñoz, Ana")]
    assert found.described() == {
        "columns": {
            "number": {"column": 1, "header": "Teléfono"},
            "zone": {"column": 2, "header": "Zona horaria"},
            "reference": {"column": 3, "header": "Referencia"},
        },
        "header": True,
        "encoding": told,
        "delimiter": delimiter,
        "sheet": None,
        "rows": 2,
        "sample": [
            {"line": 2, "number": A, "zone": CHICAGO, "reference": "José"},
            {"line": 3, "number": B, "zone": "", "reference": "Muñoz, Ana"},
        ],
    }


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n",
        f"{A}\r\n{B}",
        f"\n\n{A}\n   \n\n{B}\n\n",
        f"number\n{A}\n{B}\n",
        f"NUMBERS TO CALL\n{A}\n{B}\n",
        f'"{A}"\n"{B}"\n',
        f"'{A}\n'+{B}\n",
        f'="{A}"\n="{B}"\n',
        f"{A}.0\n{B}.00\n",
        f"{A},0\n{B},0\n",
        "1.5555551010E+10\n1.5555551011E+10\n",
        "1,5555551010E+10\n1,5555551011e10\n",
        "1.55555510100E+10\n15555551011\n",
        f"{A},\n{B},\n",
        f"{A};Smith, Joe\n{B};Miller, Ann\n",
        f"{A},1,5\n{B},2,5\n",
        f"sep=;\r\nteléfono;x\r\n{A};1\r\n{B};2\r\n",
        f'"sep=,"\r\n{A},1\r\n{B},2\r\n',
    ],
)
def test_a_column_of_numbers(content: str) -> None:
    found = listed(content.encode())
    assert [one.number for one in found.recipients] == [A, B]
    assert found.faulty == 0


def test_one_column_has_no_delimiter() -> None:
    told = listed(f"{A}\n{B}\n".encode()).described()
    assert (told["delimiter"], told["header"], told["columns"]) == (
        None,
        False,
        {"number": {"column": 1, "header": None}},
    )


def test_a_column_of_fives() -> None:
    """The standard library's sniffer finds a delimiter in it."""
    content = f"{A}\n{B}\n15555555555\n".encode()
    with pytest.raises(csv.Error):
        csv.Sniffer().sniff(content.decode(), delimiters="0123")
    assert [one.number for one in listed(content).recipients] == [A, B, "15555555555"]


def test_one_column_of_a_hundred() -> None:
    lines = [[f"{row}.{column}" for column in range(100)] for row in range(300)]
    for row, line in enumerate(lines):
        line[56] = f"1555555{row:04d}"
        line[80] = CHICAGO
    found = listed(csv_of(lines))
    assert [one.number for one in found.recipients] == [line[56] for line in lines]
    assert found.described()["columns"] == {
        "number": {"column": 57, "header": None},
        "zone": {"column": 81, "header": None},
    }


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Name,Phone", 2),
        ("name,PHONE NUMBER", 2),
        ("phone_number,x", 1),
        ("Nombre,Número de teléfono", 2),
        ("Nombre, Móvil ", 2),
        ("celular,nombre", 1),
        ("x,Kontakt", 2),  # none that we know: by its cells
        ("mobile,phone", 2),  # the better name
        ("number,phone", 1),
    ],
)
def test_a_column_is_found_by_its_name(header: str, column: int) -> None:
    cells = ["", ""]
    cells[column - 1] = A
    if header in ("mobile,phone", "number,phone"):
        cells[2 - column] = B
    found = listed(f"{header}\n{','.join(cells)}\n".encode())
    assert found.table.layout.columns["number"].position == column
    assert found.recipients == [Recipient(A)]


def test_a_name_without_numbers_under_it_counts_for_less_than_numbers() -> None:
    found = listed(f"Number,Contact\n7,{A}\n8,{B}\n".encode())
    assert [one.number for one in found.recipients] == [A, B]


def test_columns_of_other_digits_are_no_rivals() -> None:
    found = listed(f"12345678,{A},2026-11-28\n12345679,{B},2026-11-29\n".encode())
    assert [one.number for one in found.recipients] == [A, B]


def test_a_hundred_thousand_lines_may_not_be_more_than_are_taken() -> None:
    content = f"{A}\n".encode() * 11
    assert len(listed(content, most=11).recipients) == 11
    assert refusal(content, most=10) == "The list has more than the 10 recipients that are taken at once."


def test_numbers_without_country_code_are_of_the_region() -> None:
    assert listed(b"phone\n555-555-1010\n", region="US").recipients == [Recipient(A)]


def test_a_cell_that_goes_over_lines_leaves_the_others_their_numbers() -> None:
    found = listed(f'number,reference\n{A},"Main Street 1\nSpringfield"\n{B},x\n15x,y\n'.encode())
    assert list(found.lines) == [2, 4]
    assert found.recipients[0].reference == "Main Street 1\nSpringfield"
    assert [line for line, _ in found.faults] == [5]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("abc,,", "'abc' is not a phone number with country code."),
        (",,x", "The number is missing."),
        (f"{A}/{B},,", f"'{A}/{B}' has more than one number in it."),
        (f'"{A}\n{B}",,', f"'{A}\\n{B}' has more than one number in it."),
        (f'"{A}, {B}",,', f"'{A}, {B}' has more than one number in it."),
        (f"{A};{B},,", f"'{A};{B}' has more than one number in it."),
        (f"{A}.5,,", f"'{A}.5' is not a phone number with country code."),
        ("1.55556E+10,,", "'1.55556E+10' was rounded by a spreadsheet: write the column as text."),
        ("1.555555101E+10,,", "'1.555555101E+10' was rounded by a spreadsheet: write the column as text."),
        ("1.55555510105E+10,,", "'1.55555510105E+10' is not a phone number with country code."),
        (f"{A},Chicago,", "zone: 'Chicago' is no time zone that this system knows, as America/Chicago."),
        ("abc,Chicago,", "number: 'abc' is not a phone number"),
        (f"{A},,{'x' * 256}", "reference: has more than 255 characters."),
        (f"{A},,x,y", "The line has more cells than the first line names."),
    ],
)
def test_a_fault_is_told_with_its_line(line: str, told: str) -> None:
    found = listed(f"number,zone,reference\n{A},,\n\n{line}\n{B},,\n".encode())
    assert [one.number for one in found.recipients] == [A, B]
    ((at, words),) = found.faults
    assert at == 4
    assert words.startswith(told)
    assert found.faulty == 1


def test_faults_without_end_are_counted() -> None:
    found = listed(b"number\n" + b"abc\n" * 5000, most=5000)
    assert (found.faulty, len(found.faults)) == (5000, 1000)


def test_a_first_line_that_has_digits_is_no_name() -> None:
    found = listed(f"555-CALL\n{A}\n{B}\n".encode())
    assert found.faults == [(1, "'555-CALL' is not a phone number with country code.")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b"\n \r\n,,,\n", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"name,city\nJoe,Springfield\n", "No column looks like phone numbers. Name it `number` in the first line."),
        (b"number,name\n", "There is no number in the file."),
        (
            f"{A},{B}\n".encode(),
            "More than one column looks like phone numbers: 1, 2. Name the one to be called `number` in the first line.",
        ),
        (f"phone,name,Phone\n{A},x,{B}\n".encode(), "Two columns are named 'phone': 1, 3."),
        (f'number,x\n{A},"a\n{B},b\n'.encode(), "Line 2: A quotation mark is opened and never closed."),
        (f'number,x\n{A},a\n{B},"b" c\n'.encode(), "Line 3: A quotation mark inside a quoted cell must be doubled."),
        (
            b'number,x\n1,"' + b"x" * 140_000 + b'"\n',
            "Line 2: A cell has more than 131072 characters: perhaps a quotation mark is never closed.",
        ),
        (b"%PDF-1.7\n%\x81\n" + b"x" * 100, NO_TEXT),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1", NO_TEXT),
        (b"\xff\xfe\x00\xd8\x00\xd8", NO_TEXT),
        (csv_of([["x"] * 1001]), "The table has more than 1000 columns."),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest",
            "The file is an old or locked workbook: save it as XLSX without a password, or as CSV.",
        ),
    ],
)
def test_a_file_that_is_no_list_is_refused(content: bytes, reason: str) -> None:
    assert refusal(content) == reason


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    references=st.lists(cells, min_size=1, max_size=20),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_the_standard_library_writes_is_read_back(references: list[str], delimiter: str, encoding: str) -> None:
    lines = [[f"1555555{row:04d}", reference] for row, reference in enumerate(references)]
    found = listed(csv_of([["number", "reference"], *lines], delimiter=delimiter, encoding=encoding))
    assert found.faults == []
    assert [[one.number, one.reference] for one in found.recipients] == [
        [number, reference.strip()] for number, reference in lines
    ]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_list_or_are_refused_in_a_sentence(content: bytes) -> None:
    with suppress(UnusableList):
        found = listed(content)
        assert len(found.recipients) + found.faulty > 0
