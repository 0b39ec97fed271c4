"""What one process concludes from the answers that it got itself. Pure but for the clock that it is given."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_OF = 20  # answers
_LONGEST_PAUSE_S = 30.0


class Recent:
    """The last answers: one that is bad among many is that one's affair, and most of them are everybody's."""

    def __init__(self, of: int = _OF) -> None:
        self._bad: deque[bool] = deque(maxlen=of)

    def add(self, *, bad: bool) -> bool:
        """Whether this one was bad, and so were most; from then on they are counted anew."""
        self._bad.append(bad)
        most = bad and sum(self._bad) * 2 > len(self._bad)
        if most:
            self._bad.clear()
        return most


class Reach:
    """Whether this host reaches the carrier: a circuit breaker that pauses this host alone."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._recent = Recent()
        self._troubles = 0
        self._paused_until = float("-inf")
        self._since: float | None = None

    @property
    def unreachable_for_s(self) -> float | None:
        """For how many seconds nothing has come through; None: all is well."""
        return None if self._since is None else self._monotonic() - self._since

    def room(self, most: int, *, out: int) -> int:
        """How many requests may be begun while so many are out: none, one on trial, or as many as fit."""
        if not self._troubles:
            return most - out
        return 1 if out == 0 and self._monotonic() >= self._paused_until else 0

    def add(self, *, reached: bool) -> bool:
        """What became of one request; whether this has made this host pause."""
        most = self._recent.add(bad=not reached)
        if reached:
            self._troubles, self._since = 0, None
        return not reached and (most or self._troubles > 0) and self._pause()

    def _pause(self) -> bool:
        now = self._monotonic()
        if now < self._paused_until:
            return False  # as by the other requests of the same moment
        self._paused_until = now + min(_LONGEST_PAUSE_S, 2.0 ** min(self._troubles, 5))
        self._troubles += 1
        self._since = now if self._since is None else self._since
        return True
