"""Phone numbers: any usual writing in, digits with country code out."""

from __future__ import annotations

import re

import phonenumbers

# E.164: at most 15 digits with the country code; no country's numbers are shorter than 7 in all.
_CANONICAL = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)
_LONGEST_WRITING = 64
# The library reads letters as keys, and ignores what it cannot read at the end: a typo would ring a stranger.
_WRITING = re.compile(r"(tel:)?[+\uff0b]?[\s(\[]*\d([\s()\[\]./\-\u2010-\u2015\u2212\uff0d]*\d){6,14}[\s)\]]*")


def normalise(written: str) -> str:
    """The number as digits with country code, no plus: "+1 (555) 555-1010" -> "15555551010".

    The country code must be there, with or without a plus: a guessed country would ring a stranger.
    Raises ValueError, with a reason for the person who wrote it, if this is no phone number.
    """
    if plain := _CANONICAL.fullmatch(written):
        return plain[1]
    if len(written) > _LONGEST_WRITING:
        raise ValueError("is too long for a phone number")
    text = written.strip()
    try:
        parsed = phonenumbers.parse(text if text.startswith(("+", "tel:")) else f"+{text}")
    except phonenumbers.NumberParseException as error:
        raise ValueError("is not a phone number with country code") from error
    if parsed.extension:
        raise ValueError("has an extension, which cannot be dialled")
    if not _WRITING.fullmatch(text.replace("(0)", "")):  # a trunk zero is none of the 15; the library drops it
        raise ValueError("is not a phone number with country code")
    digits = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    if not _CANONICAL.fullmatch(digits):
        raise ValueError("is not a phone number with country code")
    return digits


def masked(number: str) -> str:
    """The number as it may stand in a service log: 15555551010 -> 1555***1010."""
    return f"{number[:4]}***{number[-4:]}" if len(number) > 8 else "***"
