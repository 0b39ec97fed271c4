"""The database's clock, read seldom and carried on by this host's monotonic clock in between."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from blast_api.db.clock import database_now

log = logging.getLogger(__name__)

_SAMPLE_LIFE_S = 30.0
_DRIFT_S = 0.001  # how far two clocks may part within that, about
_JUMP_S = 0.02  # what slots cannot bear (`pacing.JITTER`); less is for an operator's clock to be slewed by


class DatabaseClock:
    """Slots are times of the database's clock; threads wait by the monotonic one, which no operator can set back.

    Two readings of the same clock differ by no more than their errors: if they do, the database's has been set.
    """

    def __init__(self) -> None:
        self._ahead = 0.0  # database's epoch seconds minus our monotonic ones
        self._error = float("inf")  # seconds; half of the round trip that the offset was read with
        self._read_at = float("-inf")
        self._jumped_at = float("-inf")

    def read(self) -> datetime:
        """The database's time now; the most exact of the recent readings is the one we go by."""
        before = time.monotonic()
        now = database_now()
        after = time.monotonic()
        error = (after - before) / 2
        ahead = now.timestamp() - (before + after) / 2
        parted = abs(ahead - self._ahead) - error - self._error
        was_set = parted > _DRIFT_S
        if parted > _JUMP_S:
            self._jumped_at = after
            log.warning("the database's clock was set", extra={"action": "clock_set", "seconds": ahead - self._ahead})
        if error <= self._error or was_set or after - self._read_at > _SAMPLE_LIFE_S:
            self._ahead, self._error, self._read_at = ahead, error, after
        return now

    def has_jumped(self, *, within_s: float) -> bool:
        """Whether the database's clock was set so recently, by the monotonic one, as far as this host has seen."""
        return time.monotonic() - self._jumped_at < within_s

    def now(self) -> float:
        """The database's time in epoch seconds, without asking it."""
        return time.monotonic() + self._ahead
