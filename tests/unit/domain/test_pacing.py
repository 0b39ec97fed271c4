"""No rolling second sees more calls than the rate, however the workers stutter; the rate is kept when they do not."""

from __future__ import annotations

import heapq
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_api.dispatch.clock import AFTER_A_JUMP
from blast_api.domain.pacing import (
    FARTHEST,
    JITTER,
    LEAD,
    LOOKAHEAD,
    TOLERANCE,
    Departure,
    Pace,
    SlotMissed,
    Starts,
    usable,
)

RATES = [1, 2, 3, 7, 10, 25, 50, 100, 1000]
LOOKAHEAD_S = 0.5
NETWORK_S = JITTER - TOLERANCE  # the most that the proof leaves to the network
_ROUNDING = 1e-6  # epoch seconds as floats are this exact


@dataclass(frozen=True)
class Turn:
    """One turn of a worker: it pauses, claims slots, and is late by so much at each of them."""

    pause_s: float
    wanted: int
    late_s: tuple[float, ...]
    network_s: float


_late = st.one_of(st.just(0.0), st.floats(0, JITTER), st.floats(0, 3.0))
_turns = st.builds(
    Turn,
    pause_s=st.floats(0, 1.5),
    wanted=st.integers(1, 60),
    late_s=st.tuples(_late, _late, _late),
    network_s=st.floats(0, NETWORK_S),
)


def arrivals(pace: Pace, workers: list[list[Turn]], *, start: float) -> list[float]:
    """When the calls reach the carrier, of workers that share nothing but the next slot."""
    next_slot, arrived = 0.0, list[float]()
    agenda = [(start + turns[0].pause_s, index, 0) for index, turns in enumerate(workers)]
    heapq.heapify(agenda)
    while agenda:
        now, worker, place = heapq.heappop(agenda)
        turn = workers[worker][place]
        count = min(turn.wanted, pace.room(next_slot, now=now, lookahead=LOOKAHEAD_S))
        slots = pace.slots(next_slot, count, now=now)
        if slots:
            next_slot = slots[-1] + pace.step
        for index, slot in enumerate(slots):  # each in a thread of its own, as late as the machine likes
            sent = slot + turn.late_s[index % len(turn.late_s)]
            if usable(slot, now=sent):
                arrived.append(sent + turn.network_s)
            now = max(now, sent)
        if place + 1 < len(workers[worker]):
            heapq.heappush(agenda, (now + workers[worker][place + 1].pause_s, worker, place + 1))
    return sorted(arrived)


@settings(max_examples=100, deadline=None)
@given(
    rate=st.sampled_from(RATES[:-1]),
    workers=st.lists(st.lists(_turns, min_size=1, max_size=8), min_size=1, max_size=4),
    start=st.sampled_from([0.0, 1.9e9]),
)
def test_no_rolling_second_is_over_the_rate(rate: int, workers: list[list[Turn]], start: float) -> None:
    arrived = arrivals(Pace(rate), workers, start=start)
    for first, one_too_many in zip(arrived, arrived[rate:], strict=False):
        assert one_too_many - first >= 1 - _ROUNDING


@pytest.mark.parametrize("rate", RATES)
def test_workers_that_keep_time_keep_the_rate(rate: int) -> None:
    """Ten seconds of calls take ten seconds, and the two hundredths that the jitter costs."""
    steady = [Turn(pause_s=0.05, wanted=rate, late_s=(0.0,), network_s=0)] * 250
    calls = rate * 10
    arrived = arrivals(Pace(rate), [steady, steady], start=1.9e9)[:calls]
    assert arrived[-1] - arrived[0] == pytest.approx((calls - 1) * (1 + JITTER) / rate, abs=1e-3)


@given(rate=st.sampled_from(RATES), next_slot=st.floats(0, 100), now=st.floats(0, 100), ahead=st.floats(0, 5))
def test_room_is_what_fits_within_the_lookahead(rate: int, next_slot: float, now: float, ahead: float) -> None:
    pace = Pace(rate)
    room = pace.room(next_slot, now=now, lookahead=ahead)
    fitting = pace.slots(next_slot, room + 1, now=now)
    assert all(slot <= now + ahead + _ROUNDING for slot in fitting[:room])
    assert fitting[room] >= now + ahead - _ROUNDING


def test_missed_slots_are_gone() -> None:
    pace = Pace(10)
    assert pace.slots(100.0, 2, now=200.0) == [200.0, pytest.approx(200.102)]
    assert pace.slots(300.0, 1, now=200.0) == [300.0]
    assert pace.slots(300.0, 0, now=200.0) == []


@pytest.mark.parametrize(("late_s", "good"), [(-1, True), (0, True), (0.0099, True), (0.0101, False), (5, False)])
def test_a_slot_is_never_used_late(late_s: float, good: bool) -> None:
    assert usable(1000.0, now=1000.0 + late_s) is good


# --- Departures ------------------------------------------------------------------------------------------------------


def _departure(slot: float, *, wakes_after: float = 1.0, stopped: bool = False) -> tuple[Departure, list[float]]:
    """One on a fake clock from 0 on, where a sleep takes this share of what was asked for; and when it woke."""
    woke = [0.0]

    def sleep(seconds: float) -> bool:
        woke.append(woke[-1] + seconds * wakes_after)
        return stopped

    return Departure(slot, lambda: woke[-1], sleep), woke


@pytest.mark.parametrize(("slot", "until"), [(0.6, 0.6), (0.0, 0.0), (-9.0, 0.0)])
def test_a_departure_is_waited_for(slot: float, until: float) -> None:
    departure, woke = _departure(slot)
    departure.wait()
    assert woke[-1] == until


def test_who_wakes_early_sleeps_again() -> None:
    departure, woke = _departure(0.6, wakes_after=0.9)
    departure.wait()
    assert woke[-1] == pytest.approx(0.6)
    assert len(woke) > 3


def test_who_is_told_to_stop_gives_the_slot_up() -> None:
    departure, woke = _departure(0.6, stopped=True)
    with pytest.raises(SlotMissed):
        departure.wait()
    assert len(woke) == 2


@pytest.mark.parametrize("set_back_s", [2.0, 3600.0])
def test_a_slot_far_ahead_is_of_a_clock_that_was_set_back_meanwhile(set_back_s: float) -> None:
    clock = [1000.0]

    def sleep(seconds: float) -> None:
        clock.append(clock[-1] + seconds * 0.9 - set_back_s)

    with pytest.raises(SlotMissed):
        Departure(1000.5, lambda: clock[-1], sleep).wait()
    assert len(clock) == 2


def test_no_slot_is_taken_so_far_ahead_that_it_would_be_given_up() -> None:
    slots = Pace(1000).slots(0.0, Pace(1000).room(0.0, now=LEAD, lookahead=LOOKAHEAD), now=LEAD)
    assert slots[-1] < FARTHEST / 2
    assert FARTHEST + 1 < AFTER_A_JUMP + LEAD


@pytest.mark.parametrize(("late_s", "good"), [(0, True), (0.0099, True), (0.0101, False), (5, False)])
def test_a_late_departure_is_none(late_s: float, good: bool) -> None:
    departure = Departure(1000.0, lambda: 1000.0 + late_s, lambda _: None)
    with nullcontext() if good else pytest.raises(SlotMissed):
        departure.check()


# --- Starts ----------------------------------------------------------------------------------------------------------


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.integers(1, 30), st.one_of(st.none(), st.floats(0, 90))), min_size=1, max_size=12),
)
def test_starts_are_as_far_apart_as_slots(rate: int, batches: list[tuple[int, float | None]]) -> None:
    """Whatever is handed over at once or ahead, in any order."""
    pace = Pace(rate)
    taken, slot = Starts(pace.step), 1000.0
    rings: list[float] = []
    for count, ahead_s in batches:
        due = 0.0 if ahead_s is None else slot + ahead_s
        for _ in range(count):
            if ahead_s is None:
                slot = taken.free_from(slot)
                rings.append(slot)
            else:
                delay_s = taken.delay_s(slot, due)
                assert delay_s == int(delay_s) >= 0
                assert slot + delay_s >= due
                rings.append(slot + delay_s)
                taken = taken.with_start(rings[-1])
            slot += pace.step
    assert all(after - before > pace.step - 1e-5 for before, after in pairwise(sorted(rings)))


def test_starts_that_nothing_fits_between_are_one_stretch() -> None:
    starts = Starts(0.1)
    for at in (5.0, 5.1, 5.35, 5.2):
        starts = starts.with_start(at)
    assert starts.stretches == ((5.0, 5.35),)
    assert starts.with_start(5.6).stretches == ((5.0, 5.35), (5.6, 5.6))


def test_the_delay_is_as_short_as_it_can_be() -> None:
    starts = Starts(0.1, ((5.0, 5.95),))
    assert (starts.delay_s(1.0, 4.5), starts.delay_s(1.0, 4.95), starts.delay_s(0.5, 4.5)) == (6, 6, 4)
    assert (starts.delay_s(0.5, 0.0), starts.delay_s(0.85, 3.5)) == (0, 3)


def test_starts_that_are_over_are_forgotten() -> None:
    starts = Starts(0.1, ((1.0, 2.0), (5.0, 6.0), (900.0, 901.0)))
    assert starts.between(4.0, 100.0).stretches == ((5.0, 6.0),)


@pytest.mark.parametrize(("rate", "looks"), [(1, False), (4, False), (5, True), (25, True)])
def test_a_low_rate_leaves_all_starts_to_those_who_are_due(rate: float, looks: bool) -> None:
    assert Pace(rate).looks_ahead == looks
