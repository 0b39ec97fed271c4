"""Bounds of their own that applications and shouts have inside those of the whole: calls a second, and calls at once.

They are kept in the claim, which is one after another on all hosts. A rate is kept as the whole's is: the next of its calls
leaves no earlier than a step after the last, so the proof of `pacing` holds for it, too. What is bounded goes out only when it
is due: a call with a delay would begin to ring when nobody counts any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Q

from blast_api.conf import configuration
from blast_api.domain.pacing import FARTHEST, Pace
from blast_api.models import Application, AuthorCall, Call, Message
from blast_api.services.up import Up

UNBOUNDED = Q(calls_per_second=None, concurrent_calls=None)


@dataclass(slots=True, eq=False)
class Bound:
    """What one application, one shout or the whole may still take in this claim."""

    pace: Pace | None
    free_at: float  # epoch seconds: before then none of its calls leaves
    left: int | None  # calls that may be up beside those that are; None: as many as there are
    of: Application | Message | None = None
    taken: int = 0
    moved: bool = False

    def room(self, limit: int, *, until: float) -> int:
        """How many calls may be claimed for it, at most `limit`, to leave before `until`."""
        room = limit
        if self.left is not None:
            room = min(room, self.left - self.taken)
        if self.pace is not None:
            ahead = until - self.free_at
            slots = int(ahead / self.pace.step) + 1 if ahead >= 0 else 0
            room = min(room, slots - self.taken)
        return max(room, 0)

    def take(self, count: int) -> None:
        """So many calls have been claimed for it."""
        self.taken += count

    def use(self, slot: float) -> None:
        """One of them leaves then."""
        if self.pace is not None:
            self.free_at, self.moved = slot + self.pace.step, True


@dataclass(slots=True)
class Bounds:
    """All bounds that this claim meets. Each is asked of its row when its turn comes, and those of few are counted."""

    now: float
    until: float
    _up: Up | None = None
    _of: dict[tuple[str, int], Bound] = field(default_factory=dict)
    withheld_until: float | None = None  # something is due, and may leave then

    @property
    def whole(self) -> Bound:
        """Of everything together; the whole's rate is the line's own."""
        if ("whole", 0) not in self._of:
            most = configuration().max_concurrent_calls
            left = None if most is None else most - sum(self._counted().by_application.values())
            self._of["whole", 0] = Bound(None, 0.0, left)
        return self._of["whole", 0]

    def of(self, row: Application | Message) -> Bound:
        """Of an application, or a shout."""
        key = (type(row).__name__, row.pk)
        if key not in self._of:
            left = None
            if row.concurrent_calls is not None:
                up = self._counted()
                counts = up.by_application if isinstance(row, Application) else up.by_shout
                left = row.concurrent_calls - counts[row.pk]
            pace = None if row.calls_per_second is None else Pace(row.calls_per_second)
            self._of[key] = Bound(pace, self._free_at(row, pace), left, of=row)
        return self._of[key]

    def room(self, limit: int, *rows: Application | Message) -> int:
        """How many calls may be claimed at most for these together: for a shout and its application, or one of them."""
        for bound in (self.whole, *(self.of(row) for row in rows)):
            limit = bound.room(limit, until=self.until)
            if limit == 0:
                if bound.pace is not None:
                    self._withhold(bound.free_at)
                break
        return limit

    def take(self, count: int, *rows: Application | Message) -> None:
        """So many have been claimed for these."""
        for bound in (self.whole, *(self.of(row) for row in rows)):
            bound.take(count)

    def paced(self, row: Call | AuthorCall) -> list[Bound]:
        """The bounds that say when a claimed call may leave; none for most."""
        keys = [("Application", row.message.application_id)]
        if isinstance(row, Call):  # a shout's rate is of its recipients
            keys.append(("Message", row.message_id))
        return [bound for key in keys if (bound := self._of.get(key)) and bound.pace is not None]

    def keep(self) -> None:
        """Write down when the next call of each may leave."""
        for bound in self._of.values():
            if bound.moved and bound.of is not None:
                type(bound.of)._default_manager.filter(pk=bound.of.pk).update(next_slot=bound.free_at)

    def _counted(self) -> Up:
        if self._up is None:
            self._up = Up.counted()
        return self._up

    def _free_at(self, row: Application | Message, pace: Pace | None) -> float:
        if pace is None or row.next_slot > self.now + pace.step + FARTHEST:  # a clock has been set back since
            return self.now
        return max(row.next_slot, self.now)

    def _withhold(self, until: float) -> None:
        self.withheld_until = min(until, self.withheld_until or until)
