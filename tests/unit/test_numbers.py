"""Any usual writing in, digits with country code out; everything else is refused with a reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.numbers import masked, normalise


@pytest.mark.parametrize(
    "written",
    [
        "15555551010",
        "+15555551010",
        "+1 555 555 1010",
        "1 555 555 1010",
        "+1 (555) 555-1010",
        "1(555)555-1010",
        "1-555-555-1010",
        "1.555.555.1010",
        "+1/555/555-1010",
        " 15555551010 ",
        "\t+1 555 555 1010\n",
        "+1\u00a0555\u00a0555\u00a01010",  # no-break spaces, as copied from a web page
        "+1 555\u2013555\u20131010",  # en dashes
        "\uff0b1 555 555 1010",  # full-width plus
        "+\u0661\u0665\u0665\u0665\u0665\u0665\u0665\u0661\u0660\u0661\u0660",  # Arabic-Indic digits
        "\uff11\uff15\uff15\uff15\uff15\uff15\uff15\uff11\uff10\uff11\uff10",  # full-width digits
        "tel:+1-555-555-1010",
        "+1 555 5551010",
    ],
)
def test_any_usual_writing_is_the_same_number(written: str) -> None:
    assert normalise(written) == "15555551010"


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("+44 20 7946 0018", "442079460018"),
        ("+44 (0)20 7946 0018", "442079460018"),  # the trunk zero is not dialled from abroad
        ("442079460018", "442079460018"),
        ("+49 (30) 123456", "4930123456"),
        ("+39 06 698 12345", "390669812345"),  # Italy keeps its zero
        ("+352 27 1234", "352271234"),
        ("1234567", "1234567"),
        ("123456789012345", "123456789012345"),
    ],
)
def test_other_countries_numbers_keep_their_country_code(written: str, digits: str) -> None:
    assert normalise(written) == digits


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "+",
        "++15555551010",
        "+ ",
        "-",
        "-15555551010",
        "0",
        "05555551010",
        "+05555551010",
        "123456",  # too short for any country
        "1" * 16,  # E.164 ends at 15
        "+" + "1" * 16,
        "1" * 64,
        "1" * 65,
        "1" * 100_000,
        "garbage",
        "call me",
        "15555551010x",
        "15555551010 or 15555551011",
        "15555551010,15555551011",
        "15555551010;cancel",
        "1555555101\u00bd",  # a digit to `str.isdigit`'s cousins only
        "\u00b9\u2075\u2075\u2075\u2075\u2075\u2075\u00b9\u2070\u00b9\u2070",  # superscripts
        "\0",
        "15555551010\0",
        "1555\0 5551010",
        "\ud800",
        "15555551010\ud800",
        "\u202e15555551010",
        "sip:15555551010@example.com",
        "1e10",
        "1.5555551010e10",
        "NaN",
        "true",
        "None",
        "*69",
        "911",
        "+1 555 555 1010 ext. 5",
        "15555551010x5",
        "+1-555-555-1010;ext=5",
        "tel:+1-555-555-1010;ext=5",
        "{}",
        "<number/>",
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(written: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has) [a-z ,]+$"):
        normalise(written)


def test_letters_are_not_dialled() -> None:
    """A vanity number is a word to some people and a typo to most: nobody is rung for it."""
    with pytest.raises(ValueError, match="is not a phone number"):
        normalise("+1 800 FLOWERS")


@given(st.text() | st.from_regex(r"\+?[ ()\-./0-9]{5,25}", fullmatch=True))
def test_whatever_is_written_becomes_7_to_15_digits_or_is_refused(written: str) -> None:
    try:
        digits = normalise(written)
    except ValueError:
        return
    assert re.fullmatch("[1-9][0-9]{6,14}", digits, re.ASCII)
    assert normalise(digits) == digits
    assert normalise(f"+{digits}") == digits


@pytest.mark.parametrize(("number", "shown"), [("15555551010", "1555***1010"), ("12345678", "***"), ("", "***")])
def test_a_log_shows_no_whole_number(number: str, shown: str) -> None:
    assert masked(number) == shown
