"""Where a shout, a telephone or a run of failures says that it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from blast_api.domain.times import written

from .verdict import Because, Never, Now, Verdict


class Scope(StrEnum):
    """Over whose shouts the calls to one telephone are counted."""

    USER = "user"
    APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class FrequencyCap:
    """At most so many calls to one telephone, heard or up, within so many days."""

    calls: int
    days: int
    scope: Scope

    def since(self, now: datetime) -> datetime:
        """From when on calls count."""
        return now - timedelta(days=self.days)

    def verdict(self, heard_or_up: int) -> Verdict:
        """Now, or never: a cap lets go of nobody before the shout is old."""
        if heard_or_up < self.calls:
            return Now()
        within = "a day" if self.days == 1 else f"{self.days} days"
        return Never(Because.CAPPED, f"the cap of {self.calls} in {within} is reached")


@dataclass(frozen=True, slots=True)
class PauseAt:
    """A shout pauses by itself when so many percent of its last `of` ended attempts have failed."""

    failed_percent: float
    of: int

    def is_reached(self, failed: Sequence[bool]) -> bool:
        """Whether the attempts that ended last, in any order, are that many and that bad."""
        last = failed[-self.of :]
        return len(last) == self.of and sum(last) * 100 >= self.failed_percent * self.of


def until(moment: datetime | None, now: datetime) -> Verdict:
    """Now, or never: what was not placed by then has expired."""
    if moment is None or now < moment:
        return Now()
    return Never(Because.EXPIRED, f"it was to be placed before {written(moment)}")
