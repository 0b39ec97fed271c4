"""A circuit breaker: who knows that a service is away asks it no more, but for one that tries again every so often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime


def is_shut(until: datetime | None, now: datetime) -> bool:
    """Whether a gate that is shut until then must be left alone for now."""
    return until is not None and until > now


class Breaker:
    """Of one process, for all its threads. Each asks `begin` first, and then tells how it went, once.

    One that gives up may have been the only one in trouble, as with a locked row: the service is away when nobody has had
    an answer since it began.
    """

    def __init__(self, *, again_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.again_s = again_s
        self._clock = clock
        self._lock = threading.Lock()
        self._answered_at = float("-inf")
        self._again_at: float | None = None  # None: as far as anybody knows, it is there
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether the service is away, as far as is known."""
        return self._again_at is not None

    def begin(self) -> float | None:
        """The moment, to be told afterwards; None: it is not worth asking now."""
        now = self._clock()
        if self._again_at is None:
            return now
        with self._lock:
            if self._trying or self._again_at is None or now < self._again_at:
                return None
            self._trying = True
            return now

    def answered(self) -> None:
        """It is there."""
        self._answered_at = self._clock()
        if self._again_at is not None:
            with self._lock:
                self._again_at, self._trying = None, False

    def gave_up(self, begun: float) -> None:
        """Who began then has waited in vain."""
        with self._lock:
            if self._answered_at <= begun:
                self._again_at, self._trying = self._clock() + self.again_s, False
