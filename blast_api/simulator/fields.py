"""Checks of the fields in a JSON body: a table of names and kinds, and the 422 that names each wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from .wire import Json, Refusal

Check = Callable[[object], str | None]
"""Returns what is wrong with a value, or None."""


def number(value: object) -> str | None:
    """Check a telephone number: digits with the country code, no plus."""
    right = isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value)
    return None if right else "must be a string of digits"


def whole(minimum: int | None = None) -> Check:
    """Return a check for an integer of at least `minimum`; a float or a boolean is none."""

    def check(value: object) -> str | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be an integer"
        return f"must be at least {minimum}" if minimum is not None and value < minimum else None

    return check


def text(value: object) -> str | None:
    """Check a string."""
    return None if isinstance(value, str) else "must be a string"


def boolean(value: object) -> str | None:
    """Check a boolean."""
    return None if isinstance(value, bool) else "must be a boolean"


def mapping(value: object) -> str | None:
    """Check an object."""
    return None if isinstance(value, dict) else "must be an object"


def listing(value: object) -> str | None:
    """Check a list."""
    return None if isinstance(value, list) else "must be a list"


def one_of(*words: str) -> Check:
    """Return a check for one of the words."""
    return lambda value: None if value in words else f"must be one of {', '.join(words)}"


def web_address(value: object) -> str | None:
    """Check an absolute http or https URL."""
    complaint = "must be an absolute http or https URL"
    if not isinstance(value, str) or re.search(r"\s", value):
        return complaint
    try:
        parts = urlsplit(value)
    except ValueError:
        return complaint
    return None if parts.scheme in {"http", "https"} and parts.hostname else complaint


def nullable(check: Check) -> Check:
    """Return the check, with null allowed."""
    return lambda value: None if value is None else check(value)


def read_fields(
    body: Json, table: Mapping[str, Check], *, required: Collection[str] = (), ignored: Collection[str] = ()
) -> dict[str, object]:
    """Return the fields of a body that the table knows; raises Refusal 422 that names each missing, wrong or unknown one.

    `ignored` fields are read only: they may be sent and change nothing. A field that nobody knows is refused, since a
    misspelt one would otherwise be dropped in silence.
    """
    errors = [{"field": name, "message": "is required"} for name in required if name not in body]
    fields: dict[str, object] = {}
    for name, value in body.items():
        if name in ignored:
            continue
        complaint = table[name](value) if name in table else "is not a known field"
        if complaint:
            errors.append({"field": name, "message": complaint})
        fields[name] = value
    if errors:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, *errors)
    return fields
