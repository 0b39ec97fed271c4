"""What a rule says of a call: now, later because, or never because."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Because(StrEnum):
    """Why a call waits, or is not made."""

    RECORDING = "recording"
    SCHEDULED = "scheduled"
    BATCH = "batch"
    WINDOW = "window"
    RETRY = "retry"
    PAUSED = "paused"
    RATE = "rate"
    CONCURRENCY = "concurrency"
    CARRIER = "carrier"
    # Never:
    DO_NOT_CALL = "do not call"
    CAPPED = "capped"
    EXPIRED = "expired"
    INVALID = "invalid"
    REFUSED = "refused"


WAITS_BECAUSE = frozenset(
    {
        Because.RECORDING,
        Because.SCHEDULED,
        Because.BATCH,
        Because.WINDOW,
        Because.RETRY,
        Because.PAUSED,
        Because.RATE,
        Because.CONCURRENCY,
        Because.CARRIER,
    }
)


@dataclass(frozen=True, slots=True)
class Now:
    """It may ring."""


@dataclass(frozen=True, slots=True)
class Later:
    """It waits: until then, or, with `at` None, until somebody or something else moves."""

    because: Because
    at: datetime | None
    reason: str = ""  # the rule and its figures, for a person


@dataclass(frozen=True, slots=True)
class Never:
    """It is not called."""

    because: Because
    reason: str = ""


Verdict = Now | Later | Never
Rule = Callable[[datetime], Verdict]
# Rules that send each other to later moments meet within a few; those that never meet are told apart by this.
_MOST_MEETINGS = 1000


def verdict(rules: Iterable[Rule], now: datetime) -> Verdict:
    """What all rules together say at this moment: never if one says so, else the last of those that say later, else now."""
    latest: Later | None = None
    for rule in rules:
        said = rule(now)
        if isinstance(said, Never):
            return said
        if isinstance(said, Later) and (latest is None or _is_after(said.at, latest.at)):
            latest = said
    return latest or Now()


def earliest(rules: Iterable[Rule], now: datetime) -> tuple[datetime | None, Verdict]:
    """The first moment at which all rules together say now, and what they say at `now`; None if nobody can tell it, or never."""
    each = tuple(rules)
    first = said = verdict(each, now)
    at = now
    for _ in range(_MOST_MEETINGS):
        if isinstance(said, Now):
            return at, first
        if isinstance(said, Never):
            return None, said
        if said.at is None:
            return None, first
        at, said = said.at, verdict(each, said.at)
    return None, first


def _is_after(one: datetime | None, other: datetime | None) -> bool:
    return other is not None and (one is None or one > other)
