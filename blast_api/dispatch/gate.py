"""The gate: the next free slot, and whether the carrier takes calls at all. A circuit breaker that all hosts share.

It is for what the carrier says to everybody. What is wrong with one number costs that number (`put_off` of its service),
and what one host cannot do pauses that host (`reach`).
"""

from __future__ import annotations

import logging
import random
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from blast_api.carrierx.client import Outcome, Refusal, Refused
from blast_api.db import sessions
from blast_api.domain.breaker import is_shut
from blast_api.models import Gate

from .clock import sane

log = logging.getLogger(__name__)

_LONGEST_BACKOFF_S = 60.0
_DENIED_BACKOFF_S = 60.0
# So many calls refused with 403 in a row, and none taken in between, are not refused for their numbers.
_DENIALS_OF_ALL = 5
_QUOTED = 300  # characters; the column's length


def locked(lane: Gate.Lane) -> Gate:
    """The lane's row, locked until the transaction ends."""
    sessions.hold_briefly()
    try:
        return Gate.objects.select_for_update().get(pk=lane)
    except Gate.DoesNotExist:
        Gate.objects.bulk_create([Gate(lane=lane)], ignore_conflicts=True)
        return Gate.objects.select_for_update().get(pk=lane)


def next_slot(gate: Gate, *, now: float) -> float:
    """The next slot, whatever a clock that has been set back since has left there."""
    if (slot := sane(gate.next_slot, now=now)) != gate.next_slot:
        gate.next_slot = slot
        gate.save(update_fields=["next_slot"])
    return slot


# --- What the carrier's answers mean for everybody -------------------------------------------------------------------


def taken(slot: float, *, now: datetime) -> bool:
    """The carrier took a call that left in this slot. True: so what it refused with 403 before, it refused for itself.

    A call on trial that is taken opens the gate; while the gate is shut, such news is of before.
    """
    lane = Gate.objects.filter(pk=Gate.Lane.CALLS)
    gate = lane.first()
    if gate is None:
        return False
    if gate.troubles and not is_shut(gate.shut_until, now):
        on_trial = lane.filter(troubles__gt=0, shut_until__lte=now)
        on_trial.update(troubles=0, trouble="", cause="", shut_until=None, since=None)
    left_at = datetime.fromtimestamp(slot, UTC)
    return gate.denials > 0 and lane.filter(denials__gt=0, denied__lt=left_at).update(denials=0) > 0


def denied(reason: str, *, now: datetime) -> bool:
    """The carrier refused a call with 403: for its number, or for all of us. True: it may be for the number.

    Too many in a row are for all of us, and so is any that comes while the gate is shut or on trial for that.
    """
    lane = Gate.objects.filter(pk=Gate.Lane.CALLS)
    lane.update(denials=F("denials") + 1, denied=now)
    gate = lane.first()
    if gate is None or (gate.denials < _DENIALS_OF_ALL and gate.cause != Gate.Cause.DENIED):
        return True
    wait_s = min(_DENIED_BACKOFF_S, 2.0 ** min(gate.troubles, 6))
    _deny(wait_s, reason, now=now)
    return False


def heed(outcome: Outcome, *, now: datetime) -> None:
    """Shut the gate if the carrier has refused more than this one call."""
    match outcome:
        case Refused(reach=Refusal.ALL_OF_US):
            _deny(_DENIED_BACKOFF_S, outcome.reason, now=now)
        case Refused(reach=Refusal.FOR_NOW):
            asked_s = outcome.retry_after_s
            _wait(_backoff_s() if asked_s is None else asked_s, Gate.Cause.BUSY, outcome.reason, now=now)


def unclear(reason: str, *, most: bool, now: datetime) -> None:
    """An answer was lost. If most are, or the call was on trial, the carrier is left alone for a while."""
    if most or Gate.objects.filter(pk=Gate.Lane.CALLS, troubles__gt=0).exists():
        _wait(_backoff_s(), Gate.Cause.UNCLEAR, reason, now=now)


def shut(until: datetime, cause: Gate.Cause, reason: str, *, now: datetime) -> bool:
    """Place nothing until then; False if it was shut already, as by the other answers of the same moment."""
    lane = Gate.objects.filter(pk=Gate.Lane.CALLS)
    is_open = lane.filter(Q(shut_until=None) | Q(shut_until__lte=now))
    since, troubles = Coalesce("since", Value(now)), F("troubles") + 1
    return is_open.update(shut_until=until, trouble=reason[:_QUOTED], cause=cause, troubles=troubles, since=since) > 0


def _deny(wait_s: float, reason: str, *, now: datetime) -> None:
    if shut(now + timedelta(seconds=wait_s), Gate.Cause.DENIED, reason, now=now):
        log.critical(
            "the carrier refuses us: nothing is placed until it does not",
            extra={"action": "placing_stopped", "reason": reason},
        )


def _wait(wait_s: float, cause: Gate.Cause, reason: str, *, now: datetime) -> None:
    if shut(now + timedelta(seconds=wait_s), cause, reason, now=now):
        log.warning(
            "the carrier is in trouble: placing waits",
            extra={"action": "placing_waits", "seconds": round(wait_s, 1), "reason": reason},
        )


def _backoff_s() -> float:
    """From about one second, twice as long after each trouble in a row, with jitter so that hosts do not march."""
    troubles = Gate.objects.values_list("troubles", flat=True).get(pk=Gate.Lane.CALLS)
    return min(_LONGEST_BACKOFF_S, 2.0 ** min(troubles, 6)) * random.uniform(0.5, 1.0)  # noqa: S311
