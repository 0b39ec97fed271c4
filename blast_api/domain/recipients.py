"""Recipients as an application writes them: a number, or an object that says more of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

from . import numbers
from .rules import said

KEYS = ("number", "zone", "reference")
LONGEST_REFERENCE = 255  # characters, as the column has them
_Parser = Callable[[object], str]


class Recipient(NamedTuple):
    """Whom to call, in the one form of a number. A tuple: a shout may have a hundred thousand."""

    number: str
    zone: str = ""  # as it was given; empty: those of the number
    reference: str = ""  # the application's own word for it


def number(written: object, *, region: str | None) -> str:
    """A number in any usual writing, as text or whole number. Raises ValueError with a sentence that quotes it."""
    text = str(written) if isinstance(written, int) and not isinstance(written, bool) else written
    try:
        if not isinstance(text, str):
            raise ValueError("is not a phone number")  # one error for whatever it is
        return numbers.normalise(text, region=region)
    except ValueError as error:
        raise ValueError(f"{written!r:.80} {error}.") from None


def recipient(written: object, *, region: str | None) -> Recipient:
    """A number, or an object. Raises ValueError with a sentence for each fault; those of an object begin with the key."""
    if not isinstance(written, dict):  # as JSON has it; to ask for any mapping costs as much as to read a number
        return Recipient(number(written, region=region))
    faults = [f"{name!r:.80}: There is no such key." for name in written if name not in KEYS]
    parts: dict[str, str] = {}
    parsers: dict[str, _Parser] = {"number": partial(number, region=region), **_PARSERS}
    for name, parse in parsers.items():
        value = written.get(name)
        if value is None and name != "number":
            continue
        try:
            if name not in written:
                raise ValueError("This key is required.")
            parts[name] = parse(value)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ValueError(" ".join(faults))
    return Recipient(**parts)


def each_once(recipients: Iterable[Recipient]) -> list[Recipient]:
    """In the order given; of a number that comes again, the first counts, with what was said of it there."""
    once: dict[str, Recipient] = {}
    for one in recipients:
        once.setdefault(one.number, one)
    return list(once.values())


def _reference(written: object) -> str:
    if not isinstance(written, str):
        raise ValueError(f"{written!r:.80} is not a text.")
    if len(written) > LONGEST_REFERENCE:
        raise ValueError(f"has more than {LONGEST_REFERENCE} characters.")
    if "\0" in written or any("\ud800" <= character <= "\udfff" for character in written):
        raise ValueError(f"{written!r:.80} has characters that cannot be stored.")
    return written


_PARSERS: Mapping[str, _Parser] = {"zone": said.zone_name, "reference": _reference}
