"""Shouts as forms, whatever stands in their parts and files: an answer of the house, and nothing stored unless it is 201."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kits.callbacks import rows, undone
from tests.kits.effort import examples, tried
from tests.kits.factories import USER, number
from tests.kits.journal import Journal
from tests.kits.listed import csv_of, xlsx_of
from tests.kits.raw_requests import Request
from tests.kits.rest import shut_the_gate

pytestmark = pytest.mark.django_db

WORDS = st.sampled_from(
    [
        *("number", "Teléfono", "zone", "referencia", "id", "", " ", number(1), number(2), f"+{number(3)}"),
        *(f"{number(4)}.0", "1.5555551010E+10", "1.5E+10", "1e999", "9" * 400, f"{number(5)}/{number(6)}"),
        *("America/Chicago", "=1+1", "'", '"', "a,b", "a;b", "x\ty", "\r", "\n", "\0", "\u2028", "\x85", "\ufeff", "ñ"),
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TABLES = st.lists(st.lists(WORDS, max_size=5), max_size=8)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
LISTS = st.builds(
    lambda table, delimiter, encoding: csv_of(table, delimiter=delimiter, encoding=encoding),
    TABLES,
    st.sampled_from(",;\t|"),
    ENCODINGS,
)
TEXTS = st.lists(WORDS, max_size=30).map(lambda words: "".join(words).encode())
WORKBOOK = xlsx_of([["number", "zone"], [int(number(1)), "America/Chicago"], [number(2), None]])
SHOUTS = st.sampled_from(
    [
        json.dumps({"caller": number(9), "userdata": USER}).encode(),
        json.dumps({"caller": number(9), "userdata": USER, "recipients": [number(8)]}).encode(),
        *(b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000),
    ]
) | st.binary(max_size=40)
NAMES = st.sampled_from(["shout", "recipients", "shout", "recipients", "file", ""])


def form(parts: list[tuple[str, bytes, bool]]) -> bytes:
    """A body with these parts: name, content, and whether it is a file."""
    body = b""
    for name, content, is_file in parts:
        about = f'form-data; name="{name}"' + ('; filename="list.csv"' if is_file else "")
        body += f"--x\r\nContent-Disposition: {about}\r\n\r\n".encode() + content + b"\r\n"
    return body + b"--x--\r\n"


WELL_MADE = st.builds(
    lambda shout, content: form([("shout", shout, False), ("recipients", content, True)]),
    SHOUTS,
    LISTS | TEXTS | st.binary(max_size=200),
)
OTHERS = st.lists(st.tuples(NAMES, SHOUTS | LISTS, st.booleans()), max_size=4).map(form)


def sent(body: bytes, path: str) -> int:
    """The status of the answer, which is one of the house."""
    headers = (("Content-Type", "multipart/form-data; boundary=x"),)
    with undone():
        before = rows()
        answer = Request("POST", f"/api/v1/{path}", body=body, headers=headers).sent()
        stands = rows() == before
    assert not answer.tells_of_the_inside()
    assert answer.status < 500
    assert stands == (answer.status != 201)
    assert answer.status < 400 or answer.is_an_error_of_the_house()
    return answer.status


@examples(150)
@given(body=WELL_MADE | OTHERS, path=st.sampled_from(["shouts", "shouts;preflight"]))
def test_whatever_form_is_sent_has_an_answer_of_the_house(journal: Journal, body: bytes, path: str) -> None:
    shut_the_gate()
    status = sent(body, path)
    tried[f"forms, {status}"] += 1
    journal.is_empty()


@examples(20)
@given(
    at=st.lists(st.integers(0, len(WORKBOOK) - 1), max_size=6),
    cut=st.integers(0, len(WORKBOOK)),
    value=st.integers(0, 255),
)
def test_a_workbook_that_suffered_has_an_answer_of_the_house(at: list[int], cut: int, value: int) -> None:
    shut_the_gate()
    damaged = bytearray(WORKBOOK if cut % 2 else WORKBOOK[:cut])
    for place in at:
        if place < len(damaged):
            damaged[place] = value
    shout = json.dumps({"caller": number(9), "userdata": USER}).encode()
    status = sent(form([("shout", shout, False), ("recipients", bytes(damaged), True)]), "shouts")
    tried[f"workbooks, {status}"] += 1
