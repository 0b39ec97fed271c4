"""Any usual writing in, digits with country code out; everything else is refused with a reason."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata

from blast_api.domain.numbers import masked, normalise


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
        "001 555 555 1010",
        "00 1 (555) 555-1010",
        "(+1) 555 555 1010",
        "(001) 555 555 1010",
        "+(1) 555 555 1010",
        "\uff08+1\uff09555-555-1010",  # full-width brackets
        "\uff0b1\uff08555\uff09555\uff0d1010",
        "15555551010.0",  # a spreadsheet's number that became text
        "+15555551010.00",
        "\u202a+1 555 555 1010\u202c",  # as some phones copy it
        "TEL:+15555551010",
        "+1 1 555 555 1010",
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
        ("+44 01632 960018", "441632960018"),
        ("+4401632960018", "441632960018"),
        ("4401632960018", "441632960018"),
        ("0044 1632 960018", "441632960018"),
        ("+49 (0)30 1234567", "49301234567"),
        ("+49 030 1234567", "49301234567"),
        ("+49 9131/123456", "499131123456"),  # a slash behind an area code
        ("+49 (0)33056/12345", "493305612345"),
        ("+375 810 555 0101", "3758105550101"),  # the library takes an 8 that may be the number's own
        ("+3758105550101", "3758105550101"),
        ("+54 11 15-1234-5678", "5491112345678"),  # dialled so at home, and with a 9 from abroad
        ("+99 999 9999", "999999999"),  # no country's, and the same in both writings
        ("999999999", "999999999"),
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


@pytest.mark.parametrize(
    "written",
    [
        "555 1010/555 1011",
        "+49 30 1234567/68",
        "+49 30 12345/6",
        "15555551010/11",
        "15555551010 / 15555551011",
        "+1 555 555 1010 / +1 555 555 1011",
        "5551010\n5551011",
        "5551010\t5551011",
        "15555551010, 15555551011",
        "15555551010;15555551011",
        "15555551010|15555551011",
        "15555551010 & 15555551011",
        "15555551010 or 15555551011",
        "+15555551010+15555551011",
    ],
)
def test_two_numbers_in_one_place_are_told_from_a_long_one(written: str) -> None:
    with pytest.raises(ValueError, match=r"^has more than one number in it$"):
        normalise(written)


@pytest.mark.parametrize(
    "written",
    ["1.5555551020E+10", "15555551020.5", "1555.0", "15555551020.0.0", "+0044 20 7946 0018"],
)
def test_what_a_spreadsheet_has_spoilt_is_no_number(written: str) -> None:
    with pytest.raises(ValueError, match="is not a phone number with country code"):
        normalise(written)


@given(st.text() | st.from_regex(r"\+?[ ()\-./0-9]{5,25}", fullmatch=True))
def test_whatever_is_written_becomes_7_to_15_digits_or_is_refused(written: str) -> None:
    try:
        digits = normalise(written)
    except ValueError:
        return
    assert re.fullmatch("[1-9][0-9]{6,14}", digits, re.ASCII)
    assert normalise(digits) == digits
    assert normalise(f"+{digits}") == digits


# Digits as somebody may write them, most of them behind a country code, some with what is dialled only at home.
CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
DIGITS = st.builds(
    "{}{}{}".format,
    st.sampled_from(CODES),
    st.sampled_from(["", "", "0", "8", "1", "15", "80"]),
    st.from_regex("[0-9]{5,10}", fullmatch=True),
).filter(lambda digits: 7 <= len(digits) <= 15)
SEPARATORS = st.sampled_from(["", " ", "-", " (", ") ", "\u2013", "\u00a0", "  "])


@given(DIGITS, st.sampled_from(["", "+", "00", "(+", " +"]), st.lists(SEPARATORS, min_size=15, max_size=15))
@example("4401632960018", "+", [" "] * 15)
@example("3758105550101", "+", [""] * 15)
def test_the_form_does_not_depend_on_what_stands_between_the_digits(
    digits: str, prefix: str, separators: list[str]
) -> None:
    """One telephone, one form: or it is rung twice, and its opt-out does not hold."""
    spaced = "".join(digit + separator for digit, separator in zip(digits, separators, strict=False)).rstrip("( ")
    form = normalise(digits)
    assert normalise(f"+{digits}") == form
    assert normalise(prefix + spaced) == form
    assert normalise(form) == form


def _is_possible(digits: str) -> bool:
    """By the numbering plans, as the library has them, and looked up anew."""
    for length in (1, 2, 3):
        for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]), ()):
            metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(digits[:length]), region)
            assert metadata
            assert metadata.general_desc
            if re.fullmatch(metadata.general_desc.national_number_pattern or "", digits[length:]):
                return True
    return False


@given(DIGITS)
@example("3758105550101")
def test_no_digit_is_taken_from_a_number_that_is_possible_as_written(digits: str) -> None:
    form = normalise(digits)
    if _is_possible(digits):
        assert form == digits
    elif form != digits:
        assert _is_possible(form)


@pytest.mark.parametrize(
    ("region", "written", "digits"),
    [
        ("US", "(555) 555-1010", "15555551010"),
        ("US", "5555551010", "15555551010"),
        ("US", "5555551010.0", "15555551010"),
        ("US", "1-555-555-1010", "15555551010"),
        ("US", "435-555-0123", "14355550123"),  # Utah, not Austria
        ("US", "+43 5555 0123", "4355550123"),
        ("US", "011 44 20 7946 0018", "442079460018"),
        ("US", "442079460018", "442079460018"),
        ("DE", "030 1234567", "49301234567"),
        ("DE", "030/1234567", "49301234567"),
        ("DE", "(030) 1234567", "49301234567"),
        ("DE", "301234567", "49301234567"),  # a spreadsheet has taken the zero
        ("DE", "49301234567", "49301234567"),
        ("DE", "4932123456", "4932123456"),  # with its country code, as we give it out
        ("DE", "04932 123456", "494932123456"),
        ("DE", "15555551010", "15555551010"),
        ("IT", "06 698 12345", "390669812345"),
        ("DK", "32 12 34 56", "4532123456"),
        ("RU", "8 912 345 67 89", "79123456789"),
    ],
)
def test_with_a_region_its_own_numbers_need_no_country_code(region: str, written: str, digits: str) -> None:
    assert normalise(written, region=region) == digits
    assert normalise(f"+{digits}", region=region) == digits


@pytest.mark.parametrize("written", ["030 1234567", "0301234567", "(030) 1234567"])
def test_without_a_region_a_country_code_is_demanded(written: str) -> None:
    with pytest.raises(ValueError, match="is not a phone number with country code"):
        normalise(written)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from([0, 1, 3]))
def test_a_regions_numbers_are_read_as_themselves_in_it(region: str, kind: int) -> None:
    known = phonenumbers.example_number_for_type(region, kind)
    if known is None:
        return
    form = phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164)
    at_home = phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert normalise(form, region=region) == form[1:]
    assert normalise(form[1:], region=region) == form[1:]
    if not _is_possible(re.sub("[^0-9]", "", at_home)):  # as it is written, it may be from abroad
        assert normalise(at_home, region=region) == form[1:]


@pytest.mark.parametrize(("number", "shown"), [("15555551010", "1555***1010"), ("12345678", "***"), ("", "***")])
def test_a_log_shows_no_whole_number(number: str, shown: str) -> None:
    assert masked(number) == shown
