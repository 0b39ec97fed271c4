"""Why a call does not go out at this moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blast_api.domain.rules.verdict import Because, Later
from blast_api.domain.rules.waiting import OpenCall, waits
from blast_api.domain.states import OPEN_CALLS, CallStatus, ShoutStatus

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
SOON, PAST = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)
DUE = OpenCall(
    status=CallStatus.READY,
    is_in_hand=False,
    is_at_carrier=False,
    due_at=PAST,
    attempts=0,
    refusals=0,
    shout_status=ShoutStatus.ONGOING,
    starts_at=PAST,
    is_paused=False,
    gate_shut_until=None,
)
AHEAD = replace(DUE, due_at=SOON)
RECORDED = replace(DUE, status=CallStatus.PENDING, is_at_carrier=True, attempts=1, due_at=SOON)


@pytest.mark.parametrize(
    ("call", "because", "at"),
    [
        (replace(DUE, status=CallStatus.PENDING, shout_status=ShoutStatus.PENDING, due_at=None), "recording", None),
        (replace(AHEAD, starts_at=SOON, shout_status=ShoutStatus.SCHEDULED), "scheduled", SOON),
        (AHEAD, "batch", SOON),
        (RECORDED, "batch", SOON),  # it waits at the carrier
        (replace(AHEAD, attempts=1), "retry", SOON),
        (replace(AHEAD, refusals=2), "carrier", SOON),  # which would not have it just now
        (replace(DUE, gate_shut_until=SOON), "carrier", SOON),
        (replace(DUE, gate_shut_until=PAST), "rate", None),
        (DUE, "rate", None),
        (replace(DUE, is_paused=True), "paused", None),
        (replace(AHEAD, is_paused=True, gate_shut_until=SOON), "paused", None),
        (replace(DUE, shout_status=ShoutStatus.PENDING, due_at=None, is_paused=True), "paused", None),
    ],
)
def test_the_first_thing_in_its_way_is_told(call: OpenCall, because: str, at: datetime | None) -> None:
    assert waits(call, now=NOW) == Later(Because(because), at)


@pytest.mark.parametrize(
    "call",
    [
        replace(DUE, is_in_hand=True),
        replace(RECORDED, due_at=PAST),
        replace(DUE, status=CallStatus.ONGOING),
        *(replace(DUE, status=status) for status in sorted(set(CallStatus) - OPEN_CALLS)),
    ],
)
def test_what_is_on_its_way_up_or_over_waits_for_nothing(call: OpenCall) -> None:
    assert waits(call, now=NOW) is None
    assert waits(replace(call, gate_shut_until=SOON), now=NOW) is None
