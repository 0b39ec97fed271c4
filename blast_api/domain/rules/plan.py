"""When each call of a shout is due: batch by batch from its start, and from every opening of the recipients' hours anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .delivery import Delivery
from .verdict import Later, Never

# The batches of a very long shout may outlast a window, of a very short window every one: then the rest is due at once.
_MOST_OPENINGS = 60


@dataclass(slots=True)
class _Hours:
    """The stretch of time in which the calls to some zones are being planned."""

    opens: datetime
    closes: datetime | None  # None: it does not close again


@dataclass(slots=True)
class Plan:
    """Hands out moments, in the order of the recipients: so many calls begin together, a batch `apart` from the next.

    Batches are counted from each opening, over all zones that open then. `already` tells how many calls are planned from
    an opening on by somebody else.
    """

    starts_at: datetime
    batch_size: int
    apart: timedelta
    delivery: Delivery
    already: Callable[[datetime], int] = lambda _: 0
    _taken: dict[datetime, int] = field(default_factory=dict)
    _hours: dict[tuple[str, ...], _Hours | Never] = field(default_factory=dict)

    def due_at(self, zones: tuple[str, ...], position: int) -> datetime | Never:
        """When the next call is due, which goes to these zones. Without hours its batch is that of its position."""
        if not self.delivery.has_hours:
            return self.starts_at + position // self.batch_size * self.apart
        hours = self._hours.get(zones) or self._opened(zones, self.starts_at)
        for _ in range(_MOST_OPENINGS):
            if isinstance(hours, Never):
                return hours
            due_at = hours.opens + self._taken_from(hours.opens) // self.batch_size * self.apart
            if hours.closes is None or due_at < hours.closes:
                break
            hours = self._opened(zones, hours.closes)
        assert not isinstance(hours, Never)
        self._taken[hours.opens] += 1
        return min(due_at, hours.closes - timedelta(seconds=1)) if hours.closes else due_at

    def _taken_from(self, opening: datetime) -> int:
        if opening not in self._taken:
            self._taken[opening] = self.already(opening)
        return self._taken[opening]

    def _opened(self, zones: tuple[str, ...], at: datetime) -> _Hours | Never:
        """The first stretch from then on in which these zones are open."""
        said = self.delivery.hours(at, zones)
        if isinstance(said, Never):
            self._hours[zones] = said
            return said
        opens = said.at if isinstance(said, Later) and said.at else at
        hours = _Hours(opens, self.delivery.closes(opens, zones))
        self._hours[zones] = hours
        return hours
