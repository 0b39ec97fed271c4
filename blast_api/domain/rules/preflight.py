"""What would become of each recipient of a shout at this moment. Pure: from what is known of a number to the verdict.

It follows the ways of a call: what creation settles at once, what its release plans, what its claim would find now. A claim
asks again when its time has come, so what is said here of lists and caps is true now and no promise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from blast_api.domain.destinations import Destinations
from blast_api.domain.times import written

from .limits import FrequencyCap
from .plan import Plan
from .verdict import Later, Never


class Foretold(StrEnum):
    """What becomes of a recipient."""

    CALL = "call"  # at the start of the shout, or with its batch
    WAIT = "wait"  # for an opening of its hours
    DO_NOT_CALL = "do not call"  # on a list
    CAPPED = "capped"  # has heard, or is hearing, as many calls as it may
    INVALID = "invalid"  # does not look like a number that this service calls: `VALID_NUMBER_PATTERN`
    REFUSED = "refused"  # a number that this service does not call, or whose hours do not open, or not in time
    DUPLICATE = "duplicate"  # came before in the list


@dataclass(frozen=True, slots=True)
class Prospect:
    """What becomes of one recipient, by which rule with its figures, and the earliest time of a call."""

    verdict: Foretold
    reason: str | None = None
    at: datetime | None = None


@dataclass(slots=True)
class Forecast:
    """Foretells one recipient after another, in the order of the list: who comes later finds batches fuller."""

    plan: Plan
    destinations: Destinations
    cap: FrequencyCap | None
    _first: dict[str, int] = field(default_factory=dict)  # where each number came first
    _closed: dict[tuple[str, ...], tuple[datetime | None, str]] = field(default_factory=dict)

    def of(self, position: int, number: str, zones: tuple[str, ...], *, listed: str | None, heard: int) -> Prospect:
        """Of the number at this position; `listed` says why it is on a list, `heard` are the calls that its cap counts."""
        first = self._first.setdefault(number, position)
        if first != position:
            return Prospect(Foretold.DUPLICATE, f"it is at position {first} already")
        if refusal := self.destinations.refusal(number):
            malformed = self.destinations.is_malformed(number)
            return Prospect(Foretold.INVALID if malformed else Foretold.REFUSED, f"{number} {refusal}")
        if listed is not None:
            return Prospect(Foretold.DO_NOT_CALL, listed)
        # Asked for who is capped, too: the release does not know it, and gives it a place in a batch.
        due_at = self.plan.due_at(zones, len(self._first) - 1)
        if isinstance(due_at, Never):
            return Prospect(Foretold.REFUSED, due_at.reason)
        if self.cap is not None and isinstance(capped := self.cap.verdict(heard), Never):
            return Prospect(Foretold.CAPPED, capped.reason)
        opening = self._opening(zones, due_at)
        if isinstance(late := self.plan.delivery.in_time(due_at), Never):
            turn = f"its turn comes at {written(due_at)}" + (f": {opening}" if opening else "")
            return Prospect(Foretold.REFUSED, f"{turn}; {late.reason}")
        return Prospect(Foretold.WAIT, opening, due_at) if opening else Prospect(Foretold.CALL, None, due_at)

    def _opening(self, zones: tuple[str, ...], due_at: datetime) -> str | None:
        """For which opening a call in these zones waits that is due then; None: for none."""
        if not self.plan.delivery.has_hours:
            return None
        if zones not in self._closed:
            self._closed[zones] = self._closes(zones)
        closes, reason = self._closed[zones]
        return None if closes is None or due_at < closes else reason

    def _closes(self, zones: tuple[str, ...]) -> tuple[datetime | None, str]:
        """From when on calls in these zones wait, if from any moment on, and for what."""
        delivery, starts_at = self.plan.delivery, self.plan.starts_at
        if isinstance(said := delivery.hours(starts_at, zones), Later):
            return starts_at, said.reason
        closes = delivery.closes(starts_at, zones)
        said = delivery.hours(closes, zones) if closes else said
        return closes, said.reason if isinstance(said, Later) else ""
