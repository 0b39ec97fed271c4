"""What the statuses of calls mean to whoever looks at a shout: a few outcomes, each a part of its bar."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import TextChoices

from .states import CallStatus


class Outcome(TextChoices):
    """In the order in which they stand in a bar."""

    HEARD = "heard"
    OPTED_OUT = "opted-out"
    MISSED = "missed"  # rung, and nobody heard it
    FAILED = "failed"
    SPARED = "spared"  # not called, by a rule or a list
    CANCELLED = "cancelled"
    UP = "up"
    WAITING = "waiting"


OUTCOME: Mapping[CallStatus, Outcome] = {
    CallStatus.COMPLETED: Outcome.HEARD,
    CallStatus.OPTED_OUT: Outcome.OPTED_OUT,
    CallStatus.NO_ANSWER: Outcome.MISSED,
    CallStatus.BUSY: Outcome.MISSED,
    CallStatus.FAILED: Outcome.FAILED,
    CallStatus.APP_ERROR: Outcome.FAILED,
    CallStatus.TIMED_OUT: Outcome.FAILED,
    CallStatus.DO_NOT_CALL: Outcome.SPARED,
    CallStatus.CAPPED: Outcome.SPARED,
    CallStatus.EXPIRED: Outcome.SPARED,
    CallStatus.CANCELLED: Outcome.CANCELLED,
    CallStatus.ONGOING: Outcome.UP,
    CallStatus.PENDING: Outcome.WAITING,
    CallStatus.READY: Outcome.WAITING,
}


def statuses(outcome: Outcome) -> frozenset[CallStatus]:
    """The statuses that mean this."""
    return frozenset(status for status, means in OUTCOME.items() if means is outcome)


def by_outcome(calls: Mapping[str, int]) -> dict[Outcome, int]:
    """How many calls came to each outcome, in the order of the bar; all of them, also where it is none."""
    counts = dict.fromkeys(Outcome, 0)
    for status, count in calls.items():
        counts[OUTCOME[CallStatus(status)]] += count
    return counts
