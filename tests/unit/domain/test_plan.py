"""When the calls of a shout are due: batches, openings, and what outlasts a window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.rules.plan import Plan
from blast_api.domain.rules.verdict import Never
from blast_api.domain.rules.window import Window
from tests.kits.ruled import OPERATORS

NEW_YORK, CHICAGO, DENVER = ("America/New_York",), ("America/Chicago",), ("America/Denver",)
MORNING = Window(time(9), time(12))
DAWN = datetime(2030, 1, 31, 12, tzinfo=UTC)  # 7 in New York
MINUTE = timedelta(minutes=1)


def plan(window: Window | None, *, size: int = 2, apart: timedelta = MINUTE, starts_at: datetime = DAWN) -> Plan:
    return Plan(starts_at, size, apart, replace(OPERATORS, window=window))


def at(hour: int, minute: int = 0) -> datetime:
    return DAWN.replace(hour=hour, minute=minute)


def test_without_hours_a_batch_is_that_of_the_position() -> None:
    without = plan(None)
    assert [without.due_at(NEW_YORK, position) for position in (0, 1, 2, 7)] == [
        DAWN + batch * MINUTE for batch in (0, 0, 1, 3)
    ]


def test_each_zone_begins_at_its_own_opening_and_goes_on_in_batches() -> None:
    national = plan(MORNING)
    due = [national.due_at(zones, position) for position, zones in enumerate([NEW_YORK, DENVER, NEW_YORK, NEW_YORK])]
    assert due == [at(14), at(16), at(14), at(14, 1)]


def test_batches_are_counted_over_all_zones_that_open_together() -> None:
    started = plan(MORNING, starts_at=at(16, 30))
    zones = [NEW_YORK, CHICAGO, DENVER, NEW_YORK, CHICAGO]
    assert [started.due_at(each, 0) for each in zones] == [at(16, 30), at(16, 30), at(16, 31), at(16, 31), at(16, 32)]


def test_what_outlasts_the_window_waits_for_the_next_opening() -> None:
    slow = plan(MORNING, size=1, apart=timedelta(hours=1))
    due = [slow.due_at(NEW_YORK, position) for position in range(5)]
    tomorrow = timedelta(days=1)
    assert due == [at(14), at(15), at(16), at(14) + tomorrow, at(15) + tomorrow]


def test_a_number_whose_zones_never_agree_is_never_due() -> None:
    nights = plan(Window(time(9), time(10)))
    assert isinstance(nights.due_at(("America/New_York", "Asia/Tokyo"), 0), Never)
    assert isinstance(nights.due_at((), 0), Never)


def test_who_is_planned_already_counts() -> None:
    later = Plan(DAWN, 2, MINUTE, replace(OPERATORS, window=MORNING), already=lambda opening: 4)
    assert later.due_at(NEW_YORK, 0) == at(14, 2)


@given(
    st.lists(st.sampled_from([NEW_YORK, CHICAGO, DENVER, ("America/New_York", "America/Los_Angeles")]), max_size=60),
    st.integers(1, 5),
    st.integers(0, 3 * 3600),
    st.integers(0, 7 * 24),
)
def test_nobody_is_due_while_a_zone_is_closed(
    recipients: list[tuple[str, ...]], size: int, apart_s: int, start_h: int
) -> None:
    window = Window(time(9), time(13), frozenset({0, 2, 4}))
    made = plan(
        window, size=size, apart=timedelta(seconds=apart_s), starts_at=DAWN + timedelta(hours=start_h, seconds=1)
    )
    for position, zones in enumerate(recipients):
        due = made.due_at(zones, position)
        assert isinstance(due, datetime)
        assert window.is_open(due, zones)
        assert due >= made.starts_at
