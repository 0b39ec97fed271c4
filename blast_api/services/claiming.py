"""Calls of a shout are taken in hand: every rule is asked here, in the transaction that claims, and by nobody later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from blast_api.conf import configuration
from blast_api.domain.rules.limits import FrequencyCap
from blast_api.domain.rules.verdict import Never
from blast_api.domain.states import CallStatus
from blast_api.models import Call, Message

from . import caps, dnc, rules, schedule, shouts


def claim(message: Message, *, limit: int, until: datetime, now: datetime) -> list[Call]:
    """Take up to `limit` calls of a locked shout in hand, the earliest first, by its rules as they say at this moment.

    1. Lock ready calls that nobody else holds. 2. Ask the do-not-call list and the hours, in this same transaction: who is
    never to be called is settled, and what is closed waits for its opening. 3. Stamp the claim and a new address. Call it
    inside a transaction that holds the gate.
    """
    in_force = rules.in_force(message)
    if isinstance(in_force.in_time(now), Never):
        return []
    whose = message.calls.claimable(until, now=now)
    if in_force.until is not None:
        whose = whose.filter(due_at__lt=in_force.until)
    cap = None if message.audition_of_id else configuration().frequency_cap
    due = whose.annotate(
        listed=dnc.blocked(message.application_id, message.userdata), counted=_counted(cap, message, now)
    )
    skip = connection.features.has_select_for_update_skip_locked
    calls = list(due.select_for_update(of=("self",), skip_locked=skip)[:limit])
    listed = [call for call in calls if call.listed]  # type: ignore[attr-defined]  # annotated above
    if listed:
        shouts.end_calls(message, listed, CallStatus.DO_NOT_CALL, reasons=_why_listed(message, listed), now=now)
    capped = {} if cap is None else _capped(cap, message, calls, now=now)
    shouts.end_calls(message, [call for call in calls if call.pk in capped], CallStatus.CAPPED, reasons=capped, now=now)
    wanted = [call for call in calls if call.status == CallStatus.READY]
    claimed = [call for call in wanted if schedule.may_ring(call, in_force, until=until, now=now)]
    if len(claimed) < len(wanted) and until <= now:
        shouts.end_unreachable(message, schedule.put_off(message, now=now), now=now)
    # By key alone: the rows are locked, and what was ready a moment ago misleads the planner.
    Call.objects.filter(pk__in=[call.pk for call in claimed]).update(
        held_since=now,
        serial=F("serial") + 1,
        attempts=F("attempts") + 1,
        sid="",
        withdrawn=False,
        recalled=False,
        apologised=False,
        keys="",
        machine=False,
        refused=None,
    )
    for call in claimed:
        call.serial, call.attempts, call.held_since = call.serial + 1, call.attempts + 1, now
        call.message = message
    return claimed


def _why_listed(message: Message, calls: Sequence[Call]) -> dict[int, str]:
    why = dnc.why_listed(message.application_id, message.userdata, [call.number for call in calls])
    return {call.pk: why.get(call.number, "") for call in calls}


def _counted(cap: FrequencyCap | None, message: Message, now: datetime) -> Coalesce | Value:
    if cap is None:
        return Value(0)
    return caps.heard_or_up(cap, message.application_id, message.userdata, now=now)


def _capped(cap: FrequencyCap, message: Message, calls: Sequence[Call], *, now: datetime) -> dict[int, str]:
    """Those of the calls whose number has heard enough, with the reason: which calls count."""
    capped: dict[int, str] = {}
    for call in calls:
        said = cap.verdict(call.counted) if call.status == CallStatus.READY else None  # type: ignore[attr-defined]  # annotated
        if isinstance(said, Never):
            which = caps.that_count(cap, message.application_id, message.userdata, call.number, now=now)
            capped[call.pk] = f"{said.reason}: {', '.join(map(str, which))}"
    return capped
