"""When a shout begins and ends, roughly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.rules.estimate import Ahead, Course, Endings, RateBound, hours_in_words
from blast_api.domain.rules.retry import RetryPolicy
from blast_api.domain.rules.window import Window
from tests.kits.ruled import OPERATORS

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
NEVER_AGAIN = RetryPolicy({}, 0)
EVERYBODY = Endings({"completed": 1.0})


def course(
    *bounds: RateBound, message_s: float = 10, endings: Endings = EVERYBODY, retry: RetryPolicy = NEVER_AGAIN
) -> Course:
    return Course.of(bounds, message_s=message_s, ring_s=30, endings=endings, retry=retry)


def seconds(*offsets: float) -> list[float]:
    return [NOW.timestamp() + offset for offset in offsets]


def lasts(moment: datetime) -> float:
    return (moment - NOW).total_seconds()


@pytest.mark.parametrize(
    ("bounds", "rate"),
    [
        ([RateBound(25, None)], 25),
        ([RateBound(25, None), RateBound(2.5, None), RateBound(5, None)], 2.5),
        ([RateBound(25, 100)], 10),  # a call takes 10 s
        ([RateBound(25, None), RateBound(None, 20)], 2),
    ],
)
def test_the_least_of_all_bounds_is_the_rate(bounds: list[RateBound], rate: float) -> None:
    assert course(*bounds).rate == rate


def test_who_does_not_answer_rings_for_its_time() -> None:
    half = Endings({"completed": 0.5, "no-answer": 0.5})
    assert course(RateBound(25, 40), endings=half).rate == 2  # 5 s of a message and 15 s of ringing


def test_calls_leave_no_faster_than_the_rate_and_not_before_their_time() -> None:
    two_a_second = course(RateBound(2, None))
    at_once = two_a_second.times(seconds(0, 0, 0), Ahead(), until=None, now=NOW)
    assert (lasts(at_once.first_call), lasts(at_once.last_call), lasts(at_once.finish)) == (0, 1, 41)
    apart = two_a_second.times(seconds(5, 60), Ahead(), until=None, now=NOW)
    assert (lasts(apart.first_call), lasts(apart.last_call)) == (5, 60)


def test_what_waits_goes_before_and_what_is_planned_then_beside() -> None:
    two_a_second = course(RateBound(2, None))
    assert lasts(two_a_second.times(seconds(0), Ahead(20), until=None, now=NOW).last_call) == 10
    assert lasts(two_a_second.times(seconds(30), Ahead(20), until=None, now=NOW).last_call) == 30
    assert lasts(two_a_second.times(seconds(30), Ahead(0, 20), until=None, now=NOW).last_call) == 40


def test_nobody_has_more_turns_than_the_shout_itself_meanwhile() -> None:
    assert Ahead.of([(1000, 1000), (3, 2), (0, 4)], 10) == Ahead(13, 6)


def test_calls_are_tried_again_as_often_as_endings_of_before_make_likely() -> None:
    some_fail = Endings({"completed": 0.5, "busy": 0.2, "failed": 0.2, "no-answer": 0.1})
    again = course(RateBound(10, None), endings=some_fail, retry=RetryPolicy({"failed": 60, "busy": 120}, 2))
    times = again.times(seconds(*[0] * 100), Ahead(), until=None, now=NOW)
    assert times.retries == 40 + 16
    assert lasts(times.last_call) == pytest.approx(9.9)
    assert lasts(times.finish) == pytest.approx(9.9 + 90 + 4 + 90 + 1.6 + 40)


def test_nothing_is_tried_again_after_its_time() -> None:
    again = course(RateBound(10, None), endings=Endings({"busy": 1.0}), retry=RetryPolicy({"busy": 600}, 3))
    until = NOW + timedelta(seconds=100)
    assert lasts(again.times(seconds(0), Ahead(), until=until, now=NOW).finish) == 140


def test_what_is_left_of_a_shout_leaves_at_its_rate_and_not_before_its_time() -> None:
    two_a_second = course(RateBound(2, None))
    after = NOW + timedelta(seconds=100)

    def lasts_for(calls: int, first: datetime | None, last: datetime | None) -> float:
        return lasts(two_a_second.finish(calls, first=first, last=last, until=None, now=NOW))

    assert lasts_for(0, None, None) == 40
    assert lasts_for(21, NOW, NOW) == 50
    assert lasts_for(21, NOW, after) == 140
    assert lasts_for(21, after, after) == 150


@pytest.mark.parametrize(
    ("counts", "rate"), [({"completed": 3, "added to do not call": 1, "busy": 4}, 0.5), ({"failed": 2}, 0)]
)
def test_endings_are_shares_of_all_that_were_placed(counts: dict[str, int], rate: float) -> None:
    endings = Endings.of(counts)
    assert endings is not None
    assert endings.answer_rate == rate


def test_without_endings_half_are_assumed_to_answer() -> None:
    assert Endings.of({}) is None
    assert Endings.assumed().answer_rate == 0.5


def test_hours_are_told_in_words() -> None:
    of_the_shout = Window(time(9), time(20, 30), frozenset({0, 4}))
    operators = Window(time(8), time(0), zone="America/Chicago")
    both = replace(OPERATORS, window=of_the_shout, calling_window=operators)
    assert hours_in_words(both) == (
        "09:00 to 20:30 on mon, fri, by the recipient's clock; and 08:00 to 24:00 every day, by the clock of America/Chicago"
    )
    assert hours_in_words(OPERATORS) is None


@given(
    st.lists(st.integers(0, 10**5), min_size=1, max_size=50),
    st.integers(1, 100),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_the_finish_is_after_the_last_call_and_that_after_the_first(
    offsets: list[int], rate: int, waiting: int, planned: int
) -> None:
    due = seconds(*sorted(offsets))
    times = course(RateBound(rate, None)).times(due, Ahead(waiting, planned), until=None, now=NOW)
    assert times.first_call <= times.last_call < times.finish
    assert times.last_call.timestamp() >= due[-1]
