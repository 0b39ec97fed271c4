"""The rules of a shout: how they are read, which is in force, and when a phone may ring by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.rules import said
from blast_api.domain.rules.delivery import in_force
from blast_api.domain.rules.limits import FrequencyCap, Scope
from blast_api.domain.rules.retry import RetryPolicy
from blast_api.domain.rules.said import Faults
from blast_api.domain.rules.verdict import Because, Later, Never, Now
from blast_api.domain.rules.window import DAYS, Window
from tests.kits.ruled import OPERATORS

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)  # a Thursday
TOMORROW = "2030-02-01T12:00:00Z"
WINDOW = {"from": "09:00", "to": "20:30"}


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ("soon", "", "Expected an object."),
        ({"hours": 1}, "hours", "There is no such key."),
        ({"window": "9-5"}, "window", "Expected an object."),
        ({"window": {"to": "20:30"}}, "window.from", "This key is required."),
        ({"window": {"from": "9:00", "to": "20:30"}}, "window.from", "'9:00' is not a time of day, as 09:00."),
        ({"window": {"from": "24:00", "to": "24:00"}}, "window.to", "'24:00' is when it begins"),
        ({"window": {"from": "09:00", "to": "24:01"}}, "window.to", "is not a time of day"),
        ({"window": {**WINDOW, "days": []}}, "window.days", "Expected a list of days"),
        ({"window": {**WINDOW, "days": ["monday"]}}, "window.days", "any of mon, tue"),
        ({"window": {**WINDOW, "days": [[]]}}, "window.days", "Expected a list of days"),
        ({"window": {**WINDOW, "zone": "Mars/Olympus"}}, "window.zone", "is no time zone that this system knows"),
        ({"window": {**WINDOW, "zone": 5}}, "window.zone", "is no time zone"),
        ({"window": {**WINDOW, "until": "x"}}, "window.until", "There is no such key."),
        ({"until": "tomorrow"}, "until", "Expected a time as in RFC 3339"),
        ({"until": "2020-01-01T00:00:00Z"}, "until", "This time has passed."),
        ({"attempts": 0}, "attempts", "0 is not a whole number from 1 to 101."),
        ({"attempts": True}, "attempts", "True is not a whole number"),
        ({"retry": {"completed": 5}}, "retry.completed", "There is no such key."),
        ({"retry": {"busy": -1}}, "retry.busy", "-1 is not a number from 0 to 86400."),
        ({"retry": {"busy": float("nan")}}, "retry.busy", "nan is not a number"),
        ({"machines": "shout"}, "machines", "'shout' is none of message, hang up, retry."),
        ({"machines": []}, "machines", "[] is none of"),
        ({"calls_per_second": 0}, "calls_per_second", "0 is not a number from 0.01 to 10000."),
        ({"concurrent_calls": 1.5}, "concurrent_calls", "1.5 is not a whole number"),
        ({"pause_at": {"of": 50}}, "pause_at.failed_percent", "This key is required."),
        ({"pause_at": {"failed_percent": 101, "of": 50}}, "pause_at.failed_percent", "from 1 to 100"),
    ],
)
def test_each_fault_is_named_by_its_path(written: object, path: str, words: str) -> None:
    with pytest.raises(Faults) as raised:
        said.delivery(written, now=NOW)
    assert list(raised.value.by_path) == [path]
    assert words in raised.value.by_path[path]


def test_all_faults_are_told_at_once() -> None:
    written = {"window": {"from": "x", "to": "y"}, "attempts": "many", "colour": "red"}
    with pytest.raises(Faults) as raised:
        said.delivery(written, now=NOW)
    assert set(raised.value.by_path) == {"window.from", "window.to", "attempts", "colour"}


def test_what_was_said_is_stored_as_it_would_be_written() -> None:
    written = {
        "window": {"from": "09:00", "to": "24:00", "days": ["tue", "mon", "mon"]},
        "until": TOMORROW,
        "attempts": 2,
        "retry": {"busy": 300, "machine": 3600},
        "machines": "retry",
        "calls_per_second": 2.5,
        "concurrent_calls": 10,
        "pause_at": None,
    }
    read = said.delivery(written, now=NOW)
    assert read.rules == {
        "window": {"from": "09:00", "to": "24:00", "days": ["mon", "tue"], "zone": "recipient"},
        "attempts": 2,
        "retry": {"busy": 300.0, "machine": 3600.0},
        "machines": "retry",
        "pause_at": None,
    }
    assert (read.until, read.calls_per_second, read.concurrent_calls) == (NOW + timedelta(days=1), 2.5, 10)
    assert said.application(read.rules).rules == read.rules


def test_null_is_as_if_nothing_was_said_but_for_the_pause() -> None:
    nulls = dict.fromkeys(("window", "until", "attempts", "retry", "machines", "calls_per_second"))
    assert said.delivery(nulls, now=NOW) == said.Said()
    assert said.delivery({"pause_at": None}, now=NOW).rules == {"pause_at": None}


def test_an_application_has_no_time_limit_and_bounds_of_its_own() -> None:
    with pytest.raises(Faults, match="no such key"):
        said.application({"until": "2030-01-31T12:00:00Z"})
    read = said.application({"calls_per_second": 2.5, "concurrent_calls": 10, "attempts": 2})
    assert (read.rules, read.calls_per_second, read.concurrent_calls) == ({"attempts": 2}, 2.5, 10)


def test_what_is_not_said_is_the_operators() -> None:
    assert in_force(None, operators=OPERATORS) == OPERATORS
    assert in_force({}, operators=OPERATORS) == OPERATORS
    own = in_force({"attempts": 1, "retry": {"busy": 5.0}, "pause_at": None}, operators=OPERATORS, calls_per_second=2)
    assert own.retry == RetryPolicy({"busy": 5.0}, 0)
    assert own.pause_at is None
    assert own.calls_per_second == 2


def test_rules_in_force_are_told_one_by_one() -> None:
    rules = {"window": said.window_json(Window(time(9), time(20, 30))), "machines": "hang up"}
    assert in_force(rules, operators=OPERATORS).told() == {
        "window": {"from": "09:00", "to": "20:30", "days": list(DAYS), "zone": "recipient"},
        "until": None,
        "attempts": 4,
        "retry": {"failed": 60.0},
        "machines": "hang up",
        "calls_per_second": None,
        "concurrent_calls": None,
        "pause_at": {"failed_percent": 80, "of": 50},
    }


@pytest.mark.parametrize(
    ("own", "operators", "at", "verdict"),
    [
        (None, None, NOW, Now()),
        (Window(time(9), time(12), zone="UTC"), None, NOW - timedelta(hours=1), Now()),
        (None, Window(time(13), time(14), zone="UTC"), NOW, NOW + timedelta(hours=1)),
        (Window(time(8), time(20), zone="UTC"), Window(time(13), time(14), zone="UTC"), NOW, NOW + timedelta(hours=1)),
        (Window(time(15), time(20), zone="UTC"), Window(time(13), time(16), zone="UTC"), NOW, NOW + timedelta(hours=3)),
        (Window(time(15), time(16), zone="UTC"), Window(time(9), time(10), zone="UTC"), NOW, None),
    ],
)
def test_a_phone_rings_when_both_windows_are_open(
    own: Window | None, operators: Window | None, at: datetime, verdict: object
) -> None:
    hours = replace(OPERATORS, window=own, calling_window=operators).hours(at, ["America/Chicago"])
    match verdict:
        case Now():
            assert hours == Now()
        case None:
            assert isinstance(hours, Never)
        case _:
            assert isinstance(hours, Later)
            assert (hours.because, hours.at) == (Because.WINDOW, verdict)


_TIMES = st.times().map(lambda shown: shown.replace(second=0, microsecond=0))
_WINDOWS = st.builds(Window, _TIMES, _TIMES, st.frozensets(st.integers(0, 6), min_size=1)).filter(
    lambda window: window.since != window.until
)


@given(_WINDOWS, _WINDOWS, st.integers(0, 7 * 24 * 60 - 1))
def test_a_window_within_another_is_never_open_alone(one: Window, other: Window, minute: int) -> None:
    at = datetime(2030, 2, 4, tzinfo=UTC) + timedelta(minutes=minute)
    if one.is_within(other) and one.is_open(at, ["UTC"]):
        assert other.is_open(at, ["UTC"])


def test_a_window_is_compared_with_one_of_the_same_clock() -> None:
    assert Window(time(9), time(20)).is_within(Window(time(9), time(20))) is True
    assert Window(time(9), time(20, 1)).is_within(Window(time(9), time(20))) is False
    assert Window(time(22), time(6)).is_within(Window(time(0), time(0))) is True
    assert Window(time(9), time(20), zone="UTC").is_within(Window(time(9), time(20))) is None


def test_a_cap_is_read_with_its_scope() -> None:
    assert said.frequency_cap({"calls": 3, "days": 30}) == FrequencyCap(3, 30, Scope.USER)
    with pytest.raises(Faults, match="scope 'all' is none of user, application"):
        said.frequency_cap({"calls": 3, "days": 30, "scope": "all"})
