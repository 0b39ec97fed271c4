"""What a call waits for: the rows that the rule asks for."""

from __future__ import annotations

from datetime import datetime

from blast_api.domain.rules.verdict import Later
from blast_api.domain.rules.waiting import OpenCall, waits
from blast_api.models import Call, Gate


def of_call(call: Call, *, now: datetime) -> Later | None:
    """What a call, read with its shout, waits for; None if it does not wait."""
    shut_until = Gate.objects.filter(lane=Gate.Lane.CALLS).values_list("shut_until", flat=True).first()
    facts = OpenCall(
        status=call.status,
        is_in_hand=call.held_since is not None,
        is_at_carrier=call.sid != "",
        due_at=call.due_at,
        attempts=call.attempts,
        refusals=call.refusals,
        shout_status=call.message.status,
        starts_at=call.message.starts_at,
        is_paused=call.message.paused_at is not None,
        gate_shut_until=shut_until,
    )
    return waits(facts, now=now)
