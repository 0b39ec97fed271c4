"""Moments as applications write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from dateutil.parser import isoparse

# RFC 3339, section 5.6. dateutil parses it, and would read much more than that, a time without zone among it.
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_FARTHEST = timedelta(days=3653)  # ten years: who writes a later one has mistyped it


def to_come(written: object, *, now: datetime) -> datetime:
    """A time to come, RFC 3339 with zone. Raises ValueError with a sentence for whoever wrote it."""
    moment = None
    if isinstance(written, str) and _RFC3339.fullmatch(written):
        try:
            moment = isoparse(written)
        except (ValueError, OverflowError):
            moment = None
    if moment is None:
        raise ValueError(
            "Expected a time as in RFC 3339, with zone: 2030-01-31T12:00:00Z or 2030-01-31T07:00:00-05:00."
        )
    if moment <= now:
        raise ValueError("This time has passed.")
    if moment > now + _FARTHEST:
        raise ValueError("This time is more than ten years away.")
    return moment


def written(moment: datetime) -> str:
    """A moment as we write it: 2030-01-31T12:00:00Z."""
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
