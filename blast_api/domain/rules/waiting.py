"""Why a call does not go out at this moment: what stands in its way first, as the claim would find it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from blast_api.domain.states import CallStatus, ShoutStatus

from .verdict import Because, Later


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """What is asked of a call, its shout and the gate."""

    status: str
    is_in_hand: bool
    is_at_carrier: bool
    due_at: datetime | None
    attempts: int
    refusals: int
    shout_status: str
    starts_at: datetime | None
    is_paused: bool
    gate_shut_until: datetime | None


def waits(call: OpenCall, *, now: datetime) -> Later | None:
    """What the call waits for, and until when if anybody can tell; None: it is on its way, rings, is up or has ended."""
    if call.status not in {CallStatus.PENDING, CallStatus.READY} or call.is_in_hand:
        return None
    if call.is_paused:
        return Later(Because.PAUSED, None)
    if call.shout_status == ShoutStatus.PENDING or call.due_at is None:
        return Later(Because.RECORDING, None)
    if call.due_at > now:
        return Later(_ahead(call, now=now), call.due_at)
    if call.is_at_carrier:
        return None
    if call.gate_shut_until is not None and call.gate_shut_until > now:
        return Later(Because.CARRIER, call.gate_shut_until)
    return Later(Because.RATE, None)


def _ahead(call: OpenCall, *, now: datetime) -> Because:
    if call.starts_at is not None and call.starts_at > now:
        return Because.SCHEDULED
    if call.refusals:
        return Because.CARRIER
    if call.attempts and not call.is_at_carrier:
        return Because.RETRY
    return Because.BATCH
