"""The retry rule: a pure decision from an ending and a count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# An ending of its own for this rule alone: a machine picked up, and the shout has no message for machines.
MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Which endings are tried again, after how many seconds each, and how often at most."""

    delays_s: Mapping[str, float]
    limit: int

    def due_at(self, ending: str, *, attempts: int, now: datetime) -> datetime | None:
        """When a call that has ended so, after `attempts` attempts, is due again; None: never."""
        if ending not in self.delays_s or attempts > self.limit:
            return None
        return now + timedelta(seconds=self.delays_s[ending])


# What the carrier refuses for now waits from 5 s to a minute, some seven minutes in all.
_MOST_REFUSALS = 10
_FIRST_PUT_OFF_S = 5.0
_LONGEST_PUT_OFF_S = 60.0


def put_off_until(refusals: int, *, now: datetime) -> datetime | None:
    """When a call that the carrier has refused for now, so many times, is due again; None: that is enough, it has failed."""
    if refusals >= _MOST_REFUSALS:
        return None
    return now + timedelta(seconds=min(_LONGEST_PUT_OFF_S, _FIRST_PUT_OFF_S * 2.0 ** (refusals - 1)))
