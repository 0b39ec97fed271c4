"""What the carrier's answers mean: three outcomes, not two.

A lost answer is no refusal: the call may have been placed. Whatever may mean that is `Unknown`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

from .wire import Answer

_LONGEST_RETRY_AFTER_S = 3600.0
_QUOTED = 300  # characters of a foreign answer that we keep
_LONGEST_SID = 64  # characters


class Refusal(Enum):
    """How far a refusal reaches."""

    THIS_REQUEST = auto()  # it is not acceptable as it is: asking again is useless
    THIS_FOR_NOW = auto()  # something is in its way: it may pass later, and others pass now
    THIS_OR_ALL = auto()  # forbidden: for this number, as a barred one, or for all of us; other answers tell
    FOR_NOW = auto()  # the carrier is busy: the same request may pass later
    ALL_OF_US = auto()  # credentials, permission or address are wrong: no request would pass
    THIS_HOST = auto()  # the carrier was not reached from here, so that it was not asked


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has it: its SID and the object it answered with."""

    sid: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier surely did not do it; retry_after_s is its own wish, if it told one."""

    reach: Refusal
    reason: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The answer was lost or says nothing: the carrier may have done it."""

    reason: str


Outcome = Accepted | Refused | Unknown


def is_gone(outcome: Outcome) -> bool:
    """Whether what was to be deleted is there no more: the carrier deleted it, or had none."""
    return isinstance(outcome, Accepted) or (isinstance(outcome, Refused) and outcome.status == 404)


class CarrierTrouble(Exception):
    """A list could not be had; `outcome` says why."""

    def __init__(self, outcome: Refused | Unknown) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def refusal(answer: Answer) -> Refused | Unknown | None:
    """What a status other than 2xx means; None for 2xx. 500, 502 and 504 may come after the call was placed.

    So may 303, which says that what was posted is done, and where to look at it. No redirect is followed.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    reason = f"{status} {_printable(answer.reason)} {_quoted(answer.body)}".strip()
    if status in (429, 503):
        return Refused(Refusal.FOR_NOW, reason, status, _retry_after_s(answer.retry_after))
    if status >= 500 or status == 303:
        return Unknown(reason)
    if status in (408, 409, 425):  # 408: it waited in vain for our request, as on a connection that was long idle
        return Refused(Refusal.THIS_FOR_NOW, reason, status)
    if status in (400, 422):
        return Refused(Refusal.THIS_REQUEST, reason, status)
    if status == 403:
        return Refused(Refusal.THIS_OR_ALL, reason, status)
    return Refused(Refusal.ALL_OF_US, reason, status)


def acceptance(answer: Answer, sid_key: str | None) -> Accepted | Unknown:
    """Success is 2xx, a JSON object, no `errors`, and the SID that was asked for; a plain 204 if none was."""
    status, body = answer.status, answer.body
    if answer.broke_off:
        return Unknown(f"the answer ({status}) broke off: {answer.broke_off}")
    try:
        content = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return Unknown(f"{status} with a body that is not JSON: {_quoted(body)}")
    if not isinstance(content, dict):
        return Unknown(f"{status} without a JSON object: {_quoted(body)}")
    if content.get("errors"):
        return Unknown(f"{status} with errors: {_quoted(body)}")
    if sid_key is None:
        return Accepted("", content)
    sid = usable_sid(content.get(sid_key))
    if sid is None:
        return Unknown(f"{status} without a usable {sid_key}: {_quoted(body)}")
    return Accepted(sid, content)


def usable_sid(value: object) -> str | None:
    """A SID that can be stored and sent back as it is; None for anything else the carrier may have written."""
    usable = isinstance(value, str) and 0 < len(value) <= _LONGEST_SID and value.isprintable()
    return str(value) if usable else None


def _quoted(body: bytes) -> str:
    return _printable(body[:_QUOTED].decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """Reasons are logged and stored: PostgreSQL takes no NUL, and a refusal must not fail for its wording."""
    return "".join(character if character.isprintable() else " " for character in text[:_QUOTED])


def _retry_after_s(header: str | None) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3), bounded; None if absent or unreadable."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S) if seconds == seconds else None
