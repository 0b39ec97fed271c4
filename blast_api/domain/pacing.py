"""Evenly spaced slots: the arithmetic that keeps the call rate (CPS), with its proof. Times are seconds, any epoch.

A slot is the right to hand one call to the carrier. Slots stand `step = (1 + JITTER) / rate` apart, and a slot is good
from its time on for JITTER seconds; a slot missed by more is given up, never used late.

Why no rolling second sees more than `rate` arrivals: let n calls arrive within one second. Each arrives within JITTER
of its slot, so the first and the last slot lie less than 1 + JITTER apart; but n slots span (n - 1) * step. So
(n - 1) * (1 + JITTER) / rate < 1 + JITTER, hence n - 1 < rate, hence n <= rate.

The sustained rate is rate / (1 + JITTER) as long as no slot is missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

# Seconds; 0.02 costs 2% of the rate. The sender may be late by half of it; the other half is the network's.
JITTER = 0.02
TOLERANCE = JITTER / 2
# Seconds. Slots are taken this far ahead at most: what is claimed has lost its say, so it should not wait for long.
LOOKAHEAD = 0.5
# The first slot of an idle gate lies this far ahead, so that it can be reached.
LEAD = 0.1
# No slot that was taken is further away than those two together, so one that is was taken by a clock that has been set
# back since: it is given up, or its call would wait in a sender for as long as the clock was wrong.
FARTHEST = 1.5
_HALF = 0.5  # of a second
# Seconds; two floats of this size that should be equal differ by less.
_EXACT = 1e-6


class SlotMissed(Exception):
    """A slot was given up, and nothing was sent in it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The slots of one rate, in calls per second."""

    rate: float

    @property
    def step(self) -> float:
        """Seconds between two slots."""
        return (1 + JITTER) / self.rate

    def first_free(self, next_slot: float, *, now: float) -> float:
        """The earliest slot that may be taken now; slots nobody took in time are gone."""
        return max(next_slot, now)

    def room(self, next_slot: float, *, now: float, lookahead: float) -> int:
        """How many slots lie within `lookahead` seconds from now; at least one if the first does."""
        ahead = now + lookahead - self.first_free(next_slot, now=now)
        return int(ahead / self.step) + 1 if ahead >= 0 else 0

    @property
    def looks_ahead(self) -> bool:
        """Whether calls are handed over with a delay at all: not at a rate that leaves nothing to others beside them."""
        return self.step <= _HALF / 2

    def suits_a_delay(self, slot: float) -> bool:
        """Whether a call with a delay may use this slot. Its start has the slot's part of the second, for a delay is whole.

        Half of each second stays free of such starts: who is to be rung at once waits for no long stretch of them to end.
        """
        return slot % 1 < _HALF

    def slots(self, next_slot: float, count: int, *, now: float) -> list[float]:
        """`count` slots from the first free one; the next free slot is one step after the last."""
        first = self.first_free(next_slot, now=now)
        return [first + index * self.step for index in range(count)]


@dataclass(frozen=True, slots=True)
class Starts:
    """When phones begin to ring: a call without delay at its slot, one with a delay that many whole seconds later.

    Starts keep a step's distance from each other like slots do, so that the proof above holds for them, too. Those that lie
    ahead are kept as stretches, first to last, that no other start may fall into; they are in order, and apart.
    """

    step: float
    stretches: tuple[tuple[float, float], ...] = ()

    def free_from(self, at: float) -> float:
        """The earliest time, from `at` on, at which another phone may begin to ring."""
        for first, last in self.stretches:
            if at <= first - self.step + _EXACT:
                break
            at = max(at, last + self.step)
        return at

    def delay_s(self, slot: float, due: float) -> int:
        """The fewest whole seconds after a slot that are not before `due`, and free."""
        delay = max(0, math.ceil(due - slot))
        while (free := self.free_from(slot + delay)) > slot + delay + _EXACT:
            delay = math.ceil(free - slot - _EXACT)
        return delay

    def with_start(self, at: float) -> Starts:
        """And this one. What is too near for anything to fit between becomes one stretch."""
        merged: list[tuple[float, float]] = []
        for first, last in sorted((*self.stretches, (at, at))):
            if merged and first - merged[-1][1] < 2 * self.step - _EXACT:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        return Starts(self.step, tuple(merged))

    def between(self, now: float, farthest: float) -> Starts:
        """Without those that are over, and without any that a clock which has been set back since has left far ahead."""
        kept = (one for one in self.stretches if one[1] > now - 1 - JITTER and one[0] < farthest)
        return Starts(self.step, tuple(kept))


def usable(slot: float, *, now: float, tolerance_s: float = TOLERANCE) -> bool:
    """Whether a slot whose time has come is still good."""
    return now - slot <= tolerance_s


@dataclass(frozen=True, slots=True)
class Departure:
    """One slot, as the sender lives it: wait for it, and leave on time or not at all. Both raise SlotMissed."""

    slot: float
    now: Callable[[], float]
    sleep: Callable[[float], bool | None]  # true: told to stop
    is_recalled: Callable[[], bool] = lambda: False  # true: what was to leave must not any more
    tolerance_s: float = TOLERANCE  # with more than this, the proof above holds no longer

    def wait(self) -> None:
        """Sleep until the slot's time."""
        while (wait_s := self.slot - self.now()) > 0:
            if wait_s > FARTHEST or self.sleep(wait_s):
                raise SlotMissed

    def check(self) -> None:
        """Ask this immediately before the first byte: a slot is never used late, nor for what is recalled."""
        if self.is_recalled() or not usable(self.slot, now=self.now(), tolerance_s=self.tolerance_s):
            raise SlotMissed
