"""Simulator time: one clock that only tests move, one that follows the wall, possibly faster."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells simulator time in seconds since the clock was made."""

    def now(self) -> float:
        """Return the simulator time in seconds."""


class VirtualClock:
    """A clock that stands still until it is moved; seconds, from 0."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the simulator time in seconds."""
        return self._now

    def move_to(self, when: float) -> None:
        """Set the time to `when` seconds; a clock never goes back, so an earlier time changes nothing."""
        self._now = max(self._now, when)


class RealClock:
    """A clock that runs `speed` simulator seconds in each real second; raises ValueError for a speed that is not positive."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("the speed of a clock must be positive")
        self.speed = speed
        self._started = time.monotonic()

    def now(self) -> float:
        """Return the simulator time in seconds."""
        return (time.monotonic() - self._started) * self.speed
