"""The retry rule: a pure decision from an ending and a count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .states import CallStatus


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which endings are tried again, after how many seconds each, and how often at most."""

    delays_s: dict[CallStatus, float]
    limit: int

    def due_at(self, ending: CallStatus, *, attempts: int, now: datetime) -> datetime | None:
        """When a call that has ended so, after `attempts` attempts, is due again; None: never."""
        if ending not in self.delays_s or attempts > self.limit:
            return None
        return now + timedelta(seconds=self.delays_s[ending])
