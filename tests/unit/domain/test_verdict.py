"""What several rules say together, and when they agree."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import partial

import pytest

from blast_api.domain.rules import limits, listing
from blast_api.domain.rules.limits import FrequencyCap, PauseAt, Scope
from blast_api.domain.rules.listing import ListedBy
from blast_api.domain.rules.verdict import Because, Later, Never, Now, Rule, Verdict, earliest, verdict
from blast_api.domain.rules.window import Window

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def not_before(moment: datetime | None, because: Because = Because.RETRY) -> Rule:
    def rule(now: datetime) -> Verdict:
        return Later(because, moment) if moment is None or now < moment else Now()

    return rule


def test_without_rules_it_is_now() -> None:
    assert verdict([], NOON) == Now()
    assert earliest([], NOON) == (NOON, Now())


def test_the_last_of_those_who_say_later_counts_and_who_knows_no_time_is_the_last() -> None:
    rules = [not_before(NOON + HOUR), not_before(NOON + 2 * HOUR, Because.BATCH), not_before(NOON + HOUR)]
    assert verdict(rules, NOON) == Later(Because.BATCH, NOON + 2 * HOUR)
    paused = not_before(None, Because.PAUSED)
    assert verdict([paused, *rules], NOON) == verdict([*rules, paused], NOON) == Later(Because.PAUSED, None)
    assert earliest([paused, *rules], NOON) == (None, Later(Because.PAUSED, None))


def test_never_is_never_whoever_else_says_later() -> None:
    never = Never(Because.CAPPED, "3 calls")
    assert verdict([not_before(None), lambda now: never, not_before(NOON + HOUR)], NOON) == never


def test_rules_that_send_each_other_on_meet() -> None:
    """A retry that is due at night waits for the morning."""
    window = Window(time(9), time(13), zone="UTC")
    rules: list[Rule] = [not_before(NOON + 2 * HOUR), partial(window.verdict, zones=())]
    assert earliest(rules, NOON) == (NOON + 21 * HOUR, Later(Because.RETRY, NOON + 2 * HOUR))


def test_what_expires_before_its_rules_meet_is_not_called() -> None:
    rules: list[Rule] = [not_before(NOON + 2 * HOUR), partial(limits.until, NOON + HOUR)]
    at, said = earliest(rules, NOON)
    assert at is None
    assert isinstance(said, Never)
    assert said.because is Because.EXPIRED


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, True), (0, True), (1, False)])
def test_until_is_the_first_moment_that_is_too_late(seconds: int, *, is_over: bool) -> None:
    assert isinstance(limits.until(NOON + timedelta(seconds=seconds), NOON), Never) is is_over
    assert limits.until(None, NOON) == Now()


def test_a_cap_is_reached_by_as_many_calls_as_it_names() -> None:
    cap = FrequencyCap(3, 30, Scope.USER)
    assert cap.verdict(2) == Now()
    assert cap.verdict(3) == Never(Because.CAPPED, "the cap of 3 in 30 days is reached")
    assert cap.since(NOON) == NOON - timedelta(days=30)


@pytest.mark.parametrize(
    ("failed", "paused"),
    [
        ([True] * 4, False),  # too few to tell
        ([True] * 4 + [False], True),  # four of five: 80 %
        ([True] * 3 + [False] * 2, False),
        ([True] * 50 + [False] * 5, False),  # only the last ones count
        ([False] * 50 + [True] * 4 + [False], True),
    ],
)
def test_a_shout_pauses_when_so_many_of_its_last_attempts_failed(failed: list[bool], *, paused: bool) -> None:
    assert PauseAt(80, 5).is_reached(failed) is paused


@pytest.mark.parametrize(
    ("by", "call", "told"),
    [
        (ListedBy.KEY, None, "on the do-not-call list since 2030-01-30T17:00:00Z"),
        (ListedBy.KEY, 7, "on the do-not-call list since 2030-01-30T17:00:00Z, by call 7"),
        (ListedBy.API, None, "on the do-not-call list since 2030-01-30T17:00:00Z, by a request"),
        (ListedBy.IMPORT, None, "on the do-not-call list since 2030-01-30T17:00:00Z, by an import"),
        (ListedBy.OPERATOR, None, "on the operator's do-not-call list since 2030-01-30T17:00:00Z"),
        ("a word of later code", None, "on the do-not-call list since 2030-01-30T17:00:00Z"),
    ],
)
def test_a_number_on_a_list_is_told_since_when_and_by_what(by: str, call: int | None, told: str) -> None:
    since = datetime(2030, 1, 30, 17, tzinfo=UTC)
    assert listing.listed(since, by, call) == Never(Because.DO_NOT_CALL, told)
