"""Why a call, or a shout as a whole, does not go out at this moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from blast_api.domain.rules.verdict import Because
from blast_api.domain.rules.waiting import OpenCall, OpenCalls, OpenShout, Road, Waiting, shout_waits, waits
from blast_api.domain.rules.window import Window
from blast_api.domain.states import ENDED_SHOUTS, OPEN_CALLS, CallStatus, ShoutStatus
from tests.kits.ruled import OPERATORS

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)  # 7 in New York, 6 in Chicago
SOON, PAST = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)
EASTERN, CENTRAL = ("America/New_York",), ("America/Chicago",)
BOTH = (*CENTRAL, *EASTERN)
OPEN_ALL_DAY = replace(OPERATORS, window=Window(time(0), time(0)))
FROM_EIGHT = replace(OPERATORS, window=Window(time(8), time(20)))
FROM_SEVEN = replace(OPERATORS, window=Window(time(7), time(20)))
FREE = Road()
SHUT = Road(gate_shut_until=SOON)
FULL = Road(is_full=True)
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
    delivery=OPERATORS,
    zones=(),
)
AHEAD = replace(DUE, due_at=SOON)
AT_CARRIER = replace(DUE, status=CallStatus.PENDING, is_at_carrier=True, attempts=1, due_at=SOON)
UNRECORDED = replace(DUE, status=CallStatus.PENDING, shout_status=ShoutStatus.PENDING, due_at=None)


@pytest.mark.parametrize(
    ("call", "road", "because", "at"),
    [
        (UNRECORDED, FREE, "recording", None),
        (replace(AHEAD, starts_at=SOON, shout_status=ShoutStatus.SCHEDULED), FREE, "scheduled", SOON),
        (AHEAD, FREE, "batch", SOON),
        (AT_CARRIER, FREE, "batch", SOON),
        (replace(AHEAD, attempts=1), FREE, "retry", SOON),
        (replace(AHEAD, refusals=2), FREE, "carrier", SOON),  # which would not have it just now
        (DUE, SHUT, "carrier", SOON),
        (DUE, replace(SHUT, gate_shut_until=PAST), "rate", None),
        (DUE, FULL, "concurrency", None),
        (DUE, replace(FULL, gate_shut_until=SOON), "carrier", SOON),
        (DUE, FREE, "rate", None),
        (replace(DUE, delivery=OPEN_ALL_DAY, zones=EASTERN), FREE, "rate", None),
        (replace(DUE, is_paused=True), FREE, "paused", None),
        (replace(AHEAD, is_paused=True), SHUT, "paused", None),
        (replace(UNRECORDED, is_paused=True), FREE, "paused", None),
    ],
)
def test_the_first_thing_in_its_way_is_told(call: OpenCall, road: Road, because: str, at: datetime | None) -> None:
    assert waits(call, road, now=NOW) == Waiting(Because(because), at)


@pytest.mark.parametrize(
    ("call", "at", "zone"),
    [
        (replace(DUE, delivery=FROM_EIGHT, zones=EASTERN), NOW + timedelta(hours=1), EASTERN[0]),
        (replace(DUE, delivery=FROM_EIGHT, zones=BOTH), NOW + timedelta(hours=2), CENTRAL[0]),  # which opens last
        (replace(DUE, delivery=FROM_SEVEN, zones=BOTH), NOW + timedelta(hours=1), CENTRAL[0]),  # the other one is open
        (
            replace(DUE, delivery=replace(OPERATORS, window=Window(time(8), time(20), zone=CENTRAL[0])), zones=EASTERN),
            NOW + timedelta(hours=2),
            CENTRAL[0],
        ),
        # Planned for its opening, or for a batch after it.
        (
            replace(AHEAD, due_at=NOW + timedelta(hours=3), delivery=FROM_EIGHT, zones=EASTERN),
            NOW + timedelta(hours=1),
            EASTERN[0],
        ),
        # Tried again while they are shut.
        (replace(AHEAD, attempts=1, delivery=FROM_EIGHT, zones=EASTERN), NOW + timedelta(hours=1), EASTERN[0]),
    ],
)
def test_who_waits_for_hours_is_told_whose(call: OpenCall, at: datetime, zone: str) -> None:
    assert waits(call, SHUT, now=NOW) == Waiting(Because.WINDOW, at, zone)


def test_a_retry_in_open_hours_is_a_retry_though_they_are_shut_now() -> None:
    again = replace(AHEAD, attempts=1, due_at=NOW + timedelta(hours=3), delivery=FROM_EIGHT, zones=EASTERN)
    assert waits(again, FREE, now=NOW) == Waiting(Because.RETRY, again.due_at)


@pytest.mark.parametrize(
    "call",
    [
        replace(DUE, is_in_hand=True),
        replace(AT_CARRIER, due_at=PAST),
        replace(DUE, status=CallStatus.ONGOING),
        *(replace(DUE, status=status) for status in sorted(set(CallStatus) - OPEN_CALLS)),
    ],
)
def test_what_is_on_its_way_up_or_over_waits_for_nothing(call: OpenCall) -> None:
    assert waits(call, FREE, now=NOW) is None
    assert waits(call, SHUT, now=NOW) is None


# --- A whole shout ---------------------------------------------------------------------------------------------------

SOME_DUE = OpenCalls(waiting=5, due=2, first_due=PAST, last_due=SOON)
ALL_AHEAD = OpenCalls(waiting=5, first_due=SOON, last_due=SOON)
ALL_UP = OpenCalls(up=3)
ONGOING = OpenShout(
    status=ShoutStatus.ONGOING, is_paused=False, starts_at=PAST, calls=SOME_DUE, delivery=OPERATORS, zones=frozenset()
)
IN_HOURS = replace(ONGOING, delivery=FROM_EIGHT, zones=frozenset({EASTERN, CENTRAL}))


@pytest.mark.parametrize(
    ("shout", "road", "because", "at"),
    [
        (replace(ONGOING, is_paused=True), FREE, "paused", None),
        (replace(ONGOING, status=ShoutStatus.PENDING, calls=OpenCalls()), FREE, "recording", None),
        (
            replace(ONGOING, status=ShoutStatus.SCHEDULED, starts_at=SOON, calls=ALL_AHEAD),
            FREE,
            "scheduled",
            SOON,
        ),
        (IN_HOURS, SHUT, "window", NOW + timedelta(hours=1)),
        (replace(IN_HOURS, calls=ALL_AHEAD), FREE, "window", NOW + timedelta(hours=1)),
        (replace(IN_HOURS, delivery=FROM_SEVEN), FREE, "rate", None),  # in New York it is open
        (replace(IN_HOURS, delivery=FROM_SEVEN, calls=ALL_AHEAD), FREE, "batch", SOON),
        (replace(ONGOING, calls=ALL_AHEAD), FREE, "batch", SOON),
        (replace(ONGOING, calls=replace(ALL_AHEAD, least_attempts=1)), FREE, "retry", SOON),
        (replace(ONGOING, calls=replace(ALL_AHEAD, least_refusals=1)), FREE, "carrier", SOON),
        (ONGOING, FREE, "rate", None),
        (ONGOING, FULL, "concurrency", None),
        (ONGOING, SHUT, "carrier", SOON),
        (replace(ONGOING, calls=replace(SOME_DUE, up=7)), FULL, "concurrency", None),
    ],
)
def test_a_shout_waits_as_all_its_calls_do(shout: OpenShout, road: Road, because: str, at: datetime | None) -> None:
    assert shout_waits(shout, road, now=NOW) == Waiting(Because(because), at)


@pytest.mark.parametrize(
    "shout",
    [
        replace(ONGOING, calls=ALL_UP),
        replace(ONGOING, calls=replace(ALL_AHEAD, up=1)),
        *(replace(ONGOING, status=status, is_paused=paused) for status in ENDED_SHOUTS for paused in (False, True)),
    ],
)
def test_a_shout_whose_calls_are_up_or_over_waits_for_nothing(shout: OpenShout) -> None:
    assert shout_waits(shout, SHUT, now=NOW) is None
