"""What a cell of a number says, whatever a spreadsheet has made of it. Pure."""

from __future__ import annotations

import re

from blast_api.domain import numbers, recipients
from blast_api.domain.recipients import Recipient

from .formulas import as_it_was

# ="15555551010", and an apostrophe, by which people make a spreadsheet keep a text.
_KEPT_AS_TEXT = re.compile(r"=\"([^\"]*)\"|'(.*)", re.DOTALL)
_FLOAT = re.compile(r"(\+?[0-9]{7,15})[.,]0+", re.ASCII)
_SCIENTIFIC = re.compile(r"(\+?)([0-9])(?:[.,]([0-9]*))?[eE]\+?([0-9]{1,3})", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)  # its digits could be a number
_LONGEST = 64  # characters; no number is longer
_FEWEST_DIGITS, _MOST_DIGITS = 7, 20


def plain(cell: str) -> str:
    """The number that a spreadsheet stands for: `15550100010.0`, `1.5555551020E+10`, `="15555551010"`; else the cell.

    Raises ValueError if the spreadsheet has kept fewer digits than the number has.
    """
    text = cell.strip()
    if len(text) > _LONGEST:
        return text
    if kept := _KEPT_AS_TEXT.fullmatch(text):
        text = (kept[1] if kept[2] is None else kept[2]).strip()
    if as_float := _FLOAT.fullmatch(text):
        return as_float[1]
    if written := _SCIENTIFIC.fullmatch(text):
        plus, first, others, exponent = written.groups()
        others = others or ""
        # A digit that is not written was rounded, or was 0: nobody can tell.
        if len(others) < int(exponent):
            raise ValueError(f"{cell.strip()!r} was rounded by a spreadsheet: write the column as text.")
        if not others[int(exponent) :].strip("0"):
            return plus + first + others[: int(exponent)]
    if _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is a date.")
    return text


def recipient(number: str, said: dict[str, str], *, region: str | None) -> Recipient:
    """Whom a line names, by the cell of the number and what else it says. Raises ValueError with a sentence each fault."""
    written = plain(number)
    said = {what: as_it_was(cell) for what, cell in said.items()}
    if not written:
        raise ValueError("The number is missing.")
    return recipients.recipient({"number": written, **said} if said else written, region=region)


def likeness(cell: str, *, region: str | None) -> int:
    """How much a cell looks like a phone number: 2 is one by its country's plan, 1 may be one, 0 is none."""
    if not _FEWEST_DIGITS <= sum(map(str.isdecimal, cell[:_LONGEST])) <= _MOST_DIGITS:
        return 0
    try:
        digits = numbers.normalise(plain(cell), region=region)
    except ValueError:
        return 0
    return 2 if numbers.is_possible(digits) else 1
