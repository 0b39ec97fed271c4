"""What a carrier bills of a call: seconds, rounded up by increments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Increments:
    """The first seconds are billed whole, and those after them by further pieces: 60/60, 30/6, 6/6."""

    first_s: int
    further_s: int

    def billed_s(self, duration_s: int) -> int:
        """Seconds that are billed of a call so long; nothing of one that was not up."""
        if duration_s <= 0:
            return 0
        return self.first_s + max(0, -(-(duration_s - self.first_s) // self.further_s)) * self.further_s
