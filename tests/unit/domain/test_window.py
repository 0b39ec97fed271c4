"""Hours in which people are called: by the clock on the wall, on every night of the year."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_api.domain.rules.verdict import Because, Later, Never, Now
from blast_api.domain.rules.window import Window

NEW_YORK, CHICAGO, PHOENIX, KOLKATA = "America/New_York", "America/Chicago", "America/Phoenix", "Asia/Kolkata"
DAYTIME = Window(time(9), time(20, 30))
_MINUTE = timedelta(minutes=1)


def at(wall: str, zone: str = NEW_YORK, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("wall", "is_open"),
    [("08:59:59", False), ("09:00:00", True), ("20:29:59", True), ("20:30:00", False), ("23:00:00", False)],
)
def test_the_first_second_is_in_and_the_last_is_out(wall: str, *, is_open: bool) -> None:
    assert DAYTIME.is_open(at(f"2030-01-31 {wall}"), [NEW_YORK]) is is_open


def test_all_zones_must_be_open() -> None:
    nine_in_new_york = at("2030-01-31 09:00")
    assert not DAYTIME.is_open(nine_in_new_york, [CHICAGO, NEW_YORK])
    assert DAYTIME.opens(nine_in_new_york, [CHICAGO, NEW_YORK]) == at("2030-01-31 09:00", CHICAGO)
    assert DAYTIME.closes(nine_in_new_york + timedelta(hours=2), [CHICAGO, NEW_YORK]) == at("2030-01-31 20:30")


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    monday_night = Window(time(22), time(2), days=frozenset({0}))
    assert not monday_night.is_open(at("2030-01-28 01:00"), [NEW_YORK])  # the night of Sunday
    assert monday_night.is_open(at("2030-01-28 23:00"), [NEW_YORK])
    assert monday_night.is_open(at("2030-01-29 01:59"), [NEW_YORK])
    assert not monday_night.is_open(at("2030-01-29 23:00"), [NEW_YORK])
    assert monday_night.opens(at("2030-01-29 02:00"), [NEW_YORK]) == at("2030-02-04 22:00")


def test_midnight_is_the_end_of_the_day() -> None:
    evening = Window(time(18), time(0))
    assert evening.is_open(at("2030-01-31 23:59"), [NEW_YORK])
    assert evening.closes(at("2030-01-31 23:59"), [NEW_YORK]) == at("2030-02-01 00:00")
    assert Window(time(0), time(0)).closes(at("2030-01-31 23:59"), [NEW_YORK]) is None


# --- The nights on which clocks are set ------------------------------------------------------------------------------


def test_what_a_clock_skips_opens_when_it_has_skipped_it() -> None:
    """New York, 10 March 2030: after 01:59 comes 03:00."""
    window = Window(time(2, 30), time(5))
    assert (
        window.opens(at("2030-03-10 00:00"), [NEW_YORK])
        == datetime(2030, 3, 10, 7, tzinfo=UTC)
        == at("2030-03-10 03:00")
    )
    assert window.closes(at("2030-03-10 03:00"), [NEW_YORK]) == at("2030-03-10 05:00")


def test_a_window_that_a_clock_skips_is_not_there_that_night() -> None:
    assert Window(time(2), time(3)).opens(at("2030-03-10 00:00"), [NEW_YORK]) == at("2030-03-11 02:00")


def test_what_a_clock_shows_twice_is_there_twice() -> None:
    """New York, 3 November 2030: after 01:59 comes 01:00 once more."""
    window = Window(time(1, 15), time(1, 45))
    first, second = at("2030-11-03 01:15", fold=0), at("2030-11-03 01:15", fold=1)
    assert second - first == timedelta(hours=1)
    assert window.opens(at("2030-11-03 00:00"), [NEW_YORK]) == first
    assert window.closes(first, [NEW_YORK]) == first + timedelta(minutes=30)
    assert window.opens(first + timedelta(minutes=30), [NEW_YORK]) == second


@pytest.mark.parametrize("night", ["2030-03-10", "2030-11-03"])
def test_where_no_clock_is_set_nothing_happens(night: str) -> None:
    for hour in (1, 2, 3):
        window = Window(time(hour), time(hour + 1))
        opens = window.opens(at(f"{night} 00:00", PHOENIX), [PHOENIX])
        assert opens == at(f"{night} {hour:02}:00", PHOENIX)


# --- What it says ----------------------------------------------------------------------------------------------------


def test_it_says_now_or_when_it_opens_and_where_it_is_closed() -> None:
    eight_in_chicago = at("2030-01-31 08:00", CHICAGO)
    assert DAYTIME.verdict(eight_in_chicago, [NEW_YORK]) == Now()
    opens = Later(Because.WINDOW, at("2030-01-31 09:00", CHICAGO), "America/Chicago opens at 09:00")
    assert DAYTIME.verdict(eight_in_chicago, [CHICAGO, NEW_YORK]) == opens


def test_zones_that_never_agree_and_numbers_without_a_zone_are_not_called() -> None:
    morning = Window(time(9), time(10))
    said = morning.verdict(at("2030-01-31 09:00"), [NEW_YORK, KOLKATA])
    assert isinstance(said, Never)
    assert DAYTIME.verdict(at("2030-01-31 12:00"), []) == Never(Because.WINDOW, "no zone of this number is known")
    assert Window(time(9), time(10), days=frozenset()).opens(at("2030-01-31 09:00"), [NEW_YORK]) is None


def test_a_window_with_a_zone_of_its_own_asks_no_recipient() -> None:
    in_chicago = Window(time(9), time(20, 30), zone=CHICAGO)
    assert not in_chicago.is_open(at("2030-01-31 09:30"), [NEW_YORK])
    assert in_chicago.verdict(at("2030-01-31 10:00"), []) == Now()


# --- Against a clock that is looked at every minute --------------------------------------------------------------------

_ZONES = [
    NEW_YORK,
    CHICAGO,
    PHOENIX,
    KOLKATA,
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Havana",
]
_times = st.times().map(lambda shown: shown.replace(second=0, microsecond=0))


@settings(max_examples=60, deadline=None)
@given(
    window=st.builds(Window, _times, _times, days=st.frozensets(st.integers(0, 6), min_size=1)),
    zones=st.lists(st.sampled_from(_ZONES), min_size=1, max_size=2, unique=True),
    day=st.sampled_from(
        [date(2030, 3, 9), date(2030, 11, 2), date(2030, 4, 6), date(2030, 10, 5), date(2030, 3, 30), date(2030, 6, 1)]
    ),
    minute=st.integers(0, 1440),
)
def test_it_opens_and_closes_when_somebody_who_looks_each_minute_sees_it(
    window: Window, zones: list[str], day: date, minute: int
) -> None:
    begun = datetime(day.year, day.month, day.day, tzinfo=UTC) + minute * _MINUTE
    minutes = [begun + count * _MINUTE for count in range(2 * 1440)]
    seen = [window.is_open(moment, zones) for moment in minutes]
    for wanted, told in ((True, window.opens(begun, zones)), (False, window.closes(begun, zones))):
        first = minutes[seen.index(wanted)] if wanted in seen else None
        if first is not None:
            assert told == first
        else:
            assert told is None or told > minutes[-1]


def test_of_many_zones_it_names_a_few() -> None:
    morning = Window(time(9), time(10))
    many = ("America/Adak", "America/Anchorage", "America/Boise", "America/Chicago", "America/Denver")
    said = morning.verdict(datetime(2030, 1, 31, 3, tzinfo=UTC), many)
    assert said == Never(
        Because.WINDOW, "America/Adak, America/Anchorage, America/Boise and 2 more zones are never all open"
    )
    two = morning.verdict(datetime(2030, 1, 31, 3, tzinfo=UTC), many[3:])
    assert isinstance(two, Never)
    assert two.reason == "America/Chicago and America/Denver are never all open"
