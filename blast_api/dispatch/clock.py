"""The database's clock, read seldom and carried on by this host's monotonic clock in between; and what holds when it is set.

An operator, or a time server, may set it while calls are placed. Then
- slots that were taken before still leave, and must not share a second with new ones: `may_take_slots`;
- what is in hand looks as if it had waited, and must not be given up while it may be on its way: `is_steady`;
- the gate's next slot may lie hours ahead: `sane`; and so may the slot that a sender waits for, or the start of a call with
  a delay: `domain/pacing.py`, which knows how far ahead they can be (`FARTHEST`, `Starts.between`).
"""

from __future__ import annotations

import logging
import time
from datetime import datetime

from blast_api.db.clock import database_now
from blast_api.domain.pacing import FARTHEST

log = logging.getLogger(__name__)

_SAMPLE_LIFE_S = 30.0
_DRIFT_S = 0.001  # how far two clocks may part within that, about
_JUMP_S = 0.02  # what slots cannot bear (`pacing.JITTER`); less is for an operator's clock to be slewed by
# Seconds. Who sees that the clock was set takes no slot for so long: what was taken before may still leave within
# FARTHEST, and the two must not share a second.
AFTER_A_JUMP = 2 * FARTHEST
# No claim reaches this far ahead.
_FARTHEST_NEXT_S = 30.0


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

    def may_take_slots(self) -> bool:
        """Whether all that left in slots of before the clock was set, if it was, has left long since."""
        return self.is_steady(for_s=AFTER_A_JUMP)

    def is_steady(self, *, for_s: float) -> bool:
        """Whether nobody has set it within so many seconds, as far as this host has seen: what was then is so old now."""
        return time.monotonic() - self._jumped_at >= for_s

    def now(self) -> float:
        """The database's time in epoch seconds, without asking it."""
        return time.monotonic() + self._ahead


def sane(next_slot: float, *, now: float) -> float:
    """The gate's next slot, unless a clock that has been set back since wrote it: then one when all before it are over."""
    return now + AFTER_A_JUMP if next_slot >= now + _FARTHEST_NEXT_S else next_slot
