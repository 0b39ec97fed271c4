"""Phone numbers: any usual writing in, one form out: digits with country code.

One telephone has one form, whatever stands between its digits: lists of numbers are compared by it. A digit is never taken
from a number that is possible as it is written, by its country's numbering plan (the library's `general_desc`).
"""

from __future__ import annotations

import re
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

# E.164: at most 15 digits with the country code; no country's numbers are shorter than 7 in all.
_CANONICAL = re.compile("[1-9][0-9]{6,14}", re.ASCII)
# Most of what comes, and in its form already: numbers of the North American plan.
_NORTH_AMERICAN = re.compile(r"\+?(1[2-9][0-9]{9})", re.ASCII)
_LONGEST_WRITING = 64
_COUNTRY_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
_LONGEST_COUNTRY_CODE = max(map(len, _COUNTRY_CODES))
# Full-width forms, as keyboards of East Asia write them; digits of any script are digits.
_PLAIN = str.maketrans("\uff0b\uff08\uff09\uff0d\uff0e\uff0f", "+()-./")
# What phones and pages wrap around a number that is copied: marks of direction and of no width.
_INVISIBLE = "\u200b\u200e\u200f\u202a\u202c\u2066\u2068\u2069\ufeff"
# A spreadsheet's number that became text; with anything else behind its point it was no phone number.
_FLOAT = re.compile(r"(\+?[0-9]{7,15})\.([0-9.]+)", re.ASCII)
# Letters, commas and the like are no separators: a typo would ring a stranger.
_WRITING = re.compile(r"(?:tel:)?[\s(\[]*(\+?)[\s(\[]*(\d[\d\s()\[\]./\-\u2010-\u2015\u2212]*)", re.IGNORECASE)
_PARTING = re.compile(r"[/\t\r\n]")
_TWO_NUMBERS = re.compile(r"\d[\s)]*(?:[/,;|&+\r\n]|or|and)[\s(+]*\d", re.IGNORECASE)
# An area code is shorter, so that what follows so many digits is another number, or another ending of the same.
_WHOLE_NUMBER = 7


def normalise(written: str, *, region: str | None = None) -> str:
    """The number as digits with country code, no plus: "+1 (555) 555-1010" -> "15555551010".

    The country code must be there, with a plus, with 00 or bare: a guessed country would ring a stranger. Only with a
    `region` (ISO 3166, "US") is a number without country code read as one of that region. Raises ValueError, with a reason
    for the person who wrote it, if this is no phone number.
    """
    if (plain := _NORTH_AMERICAN.fullmatch(written)) and (region is None or written.startswith("+")):
        return plain[1]
    if len(written) > _LONGEST_WRITING:
        raise ValueError("is too long for a phone number")
    text = written.translate(_PLAIN).strip().strip(_INVISIBLE).strip()
    if (as_float := _FLOAT.fullmatch(text)) and not as_float[2].strip("0"):
        text, as_float = as_float[1], None
    shape = _WRITING.fullmatch(text)
    if shape is None or as_float:
        raise ValueError(_why_not(text))
    digits, has_code = _digits(shape[2]), bool(shape[1])
    if _has_two(shape[2], has_code=has_code):
        raise ValueError("has more than one number in it")
    if not has_code and digits.startswith("00"):
        digits, has_code = digits[2:], True
    canonical = _international(digits) if has_code or region is None else _of_region(digits, region)
    if not _CANONICAL.fullmatch(canonical):
        raise ValueError("is not a phone number with country code")
    return canonical


def masked(number: str) -> str:
    """The number as it may stand in a service log: 15555551010 -> 1555***1010."""
    return f"{number[:4]}***{number[-4:]}" if len(number) > 8 else "***"


def _digits(text: str) -> str:
    return "".join(str(int(character)) for character in text if character.isdecimal())


def _why_not(text: str) -> str:
    if _TWO_NUMBERS.search(text):
        return "has more than one number in it"
    try:
        extension = phonenumbers.parse(text if text.startswith(("+", "tel:")) else f"+{text}").extension
    except phonenumbers.NumberParseException:
        extension = None
    return "has an extension, which cannot be dialled" if extension else "is not a phone number with country code"


def _has_two(text: str, *, has_code: bool) -> bool:
    """Whether a slash or a line's end parts whole numbers, or the endings of one; they may also stand behind an area code."""
    for parting in _PARTING.finditer(text):
        before = _digits(text[: parting.start()])
        after = _digits(text[parting.end() :])
        national = before[len(_country_code(before)) :].removeprefix("0") if has_code else before
        if after and (len(national) >= _WHOLE_NUMBER or (has_code and _is_valid(before))):
            return True
    return False


def _is_valid(digits: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return False


def _country_code(digits: str) -> str:
    """The country code that these digits begin with, of which there is one at most; empty: none."""
    codes = (digits[:length] for length in range(1, _LONGEST_COUNTRY_CODE + 1))
    return next((code for code in codes if code in _COUNTRY_CODES), "")


def is_possible(digits: str) -> bool:
    """Whether these digits, country code first, are a number by the plan of any of that code's regions."""
    code = _country_code(digits)
    return bool(code) and any(plan.fullmatch(digits, len(code)) for plan in _plans(int(code)))


@cache
def _plans(code: int) -> tuple[re.Pattern[str], ...]:
    """What national numbers look like in the regions of a country code."""
    described = (
        PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in COUNTRY_CODE_TO_REGION_CODE[code]
    )
    patterns = (found.general_desc.national_number_pattern for found in described if found and found.general_desc)
    return tuple(re.compile(pattern) for pattern in patterns if pattern)


def _international(digits: str) -> str:
    """Digits with country code, without what is dialled only at home, such as the zero of +44 (0)20 7946 0018."""
    if is_possible(digits):
        return digits
    stripped = _parsed(f"+{digits}", None)
    return stripped if is_possible(stripped) else digits


def _of_region(digits: str, region: str) -> str:
    """Digits that may or may not have their country code.

    1. The region's own code counts as one, so that the form that we give out is read as itself. 2. Where a national
    number begins with a prefix, such as 0, one without may be from abroad; elsewhere, what may be national is.
    """
    code = str(phonenumbers.country_code_for_region(region))
    if digits.startswith(code) and is_possible(digits):
        return digits
    national = code + digits if is_possible(code + digits) else _parsed(digits, region)
    metadata = PhoneMetadata.metadata_for_region(region)
    prefix = metadata.national_prefix if metadata else None
    if prefix not in (None, code) and not digits.startswith(prefix) and is_possible(digits):
        return digits
    return national if is_possible(national) else _international(digits)


def _parsed(text: str, region: str | None) -> str:
    """What the library reads, as digits; empty: nothing."""
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
