"""Taking work in hand at the gate: who may go next, and in which slot.

The gate's row is locked from the first line to the commit, so claims are one after another on all hosts; everything in
them is bounded by the slots of half a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from blast_api.conf import configuration
from blast_api.domain.breaker import is_shut
from blast_api.domain.pacing import LEAD, LOOKAHEAD, Pace, Starts
from blast_api.domain.shares import divide
from blast_api.domain.states import LIVE_SHOUTS, RecordingState
from blast_api.models import Application, AuthorCall, Call, CallQuerySet, Gate, Message, MessageQuerySet
from blast_api.services import authors, claiming, history

from . import gate
from .bounds import UNBOUNDED, Bounds
from .clock import DatabaseClock
from .jobs import Job, PlaceAuthorCall, PlaceCall

# Stretches of starts that are taken ahead: with a PLACEMENT_HORIZON of hours, what is too much for one row waits with us.
_MOST_STRETCHES = 500
# The client's answer comes within this, or never.
_LONGEST_TRIAL = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was taken in hand, whether there may be more, and when (epoch seconds, database's clock) its slot would be."""

    jobs: list[Job]
    more: bool
    again_at: float


def claim_placements(clock: DatabaseClock, *, room: int, only_author_of: int | None = None) -> Claim:
    """Take up to `room` calls in hand, fairly among the applications, their authors and recipients, and their shouts.

    1. Lock the gate. 2. See how many slots are free. 3. Choose and stamp that many calls. 4. Take their slots, and the
    starts of those with a delay.
    """
    config = configuration()
    with transaction.atomic():
        row = gate.locked(Gate.Lane.CALLS)
        now = clock.read()
        if row.shut_until and is_shut(row.shut_until, now):
            return Claim([], False, row.shut_until.timestamp())
        if row.troubles:
            if _is_trial_out(row, now):
                return Claim([], True, now.timestamp() + LOOKAHEAD)
            room = min(room, 1)
        if not clock.may_take_slots():
            return Claim([], True, now.timestamp() + LOOKAHEAD)
        line = _Line.of(row, now=now)
        free = min(room, line.room_at_once())
        bounds = Bounds(line.next_slot, line.until)
        if only_author_of is not None:
            jobs = line.at_once(_author(only_author_of, free, bounds, now=now), bounds)
        else:
            jobs = line.at_once(_due_now(free, bounds, now=now), bounds)
            # What is due goes before what is only near.
            near = min(room - len(jobs), line.room_ahead()) if config.max_concurrent_calls is None else 0
            horizon = now + timedelta(seconds=config.placement_horizon)
            jobs += line.ahead(_near(near, bounds, until=horizon, now=now))
        if jobs:
            history.begin((job.begun for job in jobs if isinstance(job, PlaceCall)), now=now)
            Gate.objects.filter(pk=row.pk).update(next_slot=line.next_slot, starts=line.starts.stretches)
            bounds.keep()
    if not jobs and bounds.withheld_until is not None:
        return Claim([], True, bounds.withheld_until)
    return Claim(jobs, bool(jobs) or free <= 0, line.next_slot)  # others may have the next slots


def _is_trial_out(row: Gate, now: datetime) -> bool:
    """Whether the one placement that is to tell if the trouble is over has not been answered yet."""
    since = max(row.shut_until or now, now - _LONGEST_TRIAL)
    calls = Call.objects.in_hand().filter(held_since__gte=since)
    authors = AuthorCall.objects.filter(state=RecordingState.NO_REC_CALL, held_since__gte=since)
    return calls.exists() or authors.exists()


# --- Which slot ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Line:
    """The slots that are free within half a second, and the starts that are taken ahead of them."""

    pace: Pace
    next_slot: float
    until: float
    starts: Starts

    @classmethod
    def of(cls, row: Gate, *, now: datetime) -> _Line:
        config = configuration()
        pace = Pace(config.max_calls_per_second)
        earliest = now.timestamp() + LEAD
        first = pace.first_free(gate.next_slot(row, now=earliest), now=earliest)
        taken = Starts(pace.step, tuple((first, last) for first, last in row.starts or ()))
        return cls(
            pace, first, earliest + LOOKAHEAD, taken.between(earliest, earliest + 2 * config.placement_horizon + 60)
        )

    def room_at_once(self) -> int:
        """How many calls can be rung within half a second."""
        return sum(self.starts.free_from(slot) == slot for slot in self._slots())

    def room_ahead(self) -> int:
        """How many slots are left for calls with a delay: one at least, or what is near would look as if it were not."""
        if len(self.starts.stretches) >= _MOST_STRETCHES:
            return 0
        left = self._slots()
        return max(1, sum(map(self.pace.suits_a_delay, left))) if left and self.pace.looks_ahead else 0

    def _slots(self) -> list[float]:
        count = self.pace.room(self.next_slot, now=self.until - LOOKAHEAD, lookahead=LOOKAHEAD)
        return self.pace.slots(self.next_slot, count, now=self.next_slot)

    def at_once(self, rows: Sequence[Call | AuthorCall], bounds: Bounds) -> list[Job]:
        """Slots for who is to be rung now: those that are nobody's start. Who has a rate of their own leaves no faster.

        In this order, but that others go before those who may not leave yet.
        """
        jobs: list[Job] = []
        waiting = [(row, bounds.paced(row)) for row in rows]
        while waiting:
            self.next_slot = self.starts.free_from(self.next_slot)
            free_at = [max((bound.free_at for bound in paced), default=0.0) for _, paced in waiting]
            first = next((index for index, at in enumerate(free_at) if at <= self.next_slot), None)
            if first is None:
                self.next_slot = min(free_at)
                continue
            row, paced = waiting.pop(first)
            slot = self.next_slot
            jobs.append(PlaceAuthorCall.of(row, slot) if isinstance(row, AuthorCall) else PlaceCall.of(row, slot))
            for bound in paced:
                bound.use(slot)
            self.next_slot = slot + self.pace.step
        return jobs

    def ahead(self, calls: Sequence[Call]) -> list[Job]:
        """Slots for calls that are near: each takes the start that its delay leads to, and is due then."""
        jobs: list[Job] = []
        for call in calls:
            assert call.due_at is not None
            while not self.pace.suits_a_delay(self.next_slot):
                self.next_slot += self.pace.step
            delay_s = self.starts.delay_s(self.next_slot, call.due_at.timestamp())
            start = self.next_slot + delay_s
            call.due_at = datetime.fromtimestamp(start, UTC)
            jobs.append(PlaceCall.of(call, self.next_slot, delay_s))
            self.starts = self.starts.with_start(start)
            self.next_slot += self.pace.step
        Call.objects.bulk_update(calls, ["due_at"])
        return jobs


# --- Whose turn it is ------------------------------------------------------------------------------------------------


def _author(message_id: int, room: int, bounds: Bounds, *, now: datetime) -> Sequence[AuthorCall]:
    """The author of one shout, if a bound lets them be rung now."""
    application = Application.objects.filter(message=message_id).first()
    if application is None or not bounds.room(min(room, 1), application):
        return []
    return authors.claim(limit=1, now=now, only=message_id)


def _due_now(room: int, bounds: Bounds, *, now: datetime) -> list[Call | AuthorCall]:
    """Up to `room` authors and recipients whose time has come, authors first.

    In equal shares for the applications that waited longest for a turn, for the authors and the recipients of each, and for
    its shouts.
    """
    authors_wait = Exists(authors.due(now).filter(message__application=OuterRef("pk")))
    in_turn = _in_turn(authors_wait | _has_shouts(Call.objects.due(now), now=now), room)
    turns = [_Turn(application, room, bounds, until=now, now=now) for application in in_turn]
    claimed = divide(bounds.room(room), [turn.anybody for turn in turns])
    _remember(turns, now=now)
    return sorted(claimed, key=lambda row: isinstance(row, Call))


def _near(room: int, bounds: Bounds, *, until: datetime, now: datetime) -> list[Call]:
    """Up to `room` recipients whose time comes before `until`, in shares like those who are due; none that are bounded."""
    in_turn = _in_turn(Q(UNBOUNDED, _has_shouts(Call.objects.near(until), unbounded=True, now=now)), room)
    turns = [_Turn(application, room, bounds, until=until, now=now) for application in in_turn]
    claimed = divide(room, [turn.recipients for turn in turns])
    _remember(turns, now=now)
    return claimed


def _in_turn(waits: Exists | Q, room: int) -> list[Application]:
    if room <= 0:
        return []
    return list(Application.objects.filter(waits).order_by(F("served").asc(nulls_first=True), "pk")[:room])


def _has_shouts(calls: CallQuerySet, *, unbounded: bool = False, now: datetime) -> Exists:
    return Exists(_shouts(calls, unbounded=unbounded, now=now).filter(application=OuterRef("pk")))


def _shouts(calls: CallQuerySet, *, unbounded: bool, now: datetime) -> MessageQuerySet:
    """Live shouts with such calls that are not paused, and may still be placed."""
    due = Exists(calls.order_by().filter(message=OuterRef("pk")))
    in_time = Q(until=None) | Q(until__gt=now)
    which = UNBOUNDED if unbounded else Q()
    return Message.objects.unclosed().filter(in_time, which, due, status__in=LIVE_SHOUTS, paused_at=None)


def _remember(turns: Iterable[_Turn], *, now: datetime) -> None:
    """Whoever had a turn goes behind the others."""
    Application.objects.filter(pk__in=[turn.application.pk for turn in turns if turn.came]).update(served=now)
    Message.objects.filter(pk__in=[pk for turn in turns for pk in turn.served]).update(served=now)


@dataclass(slots=True)
class _Turn:
    """One application's turn in one claim: its share is for its authors and its recipients alike."""

    application: Application
    room: int
    bounds: Bounds
    until: datetime = field(kw_only=True)
    now: datetime = field(kw_only=True)
    came: bool = False
    served: set[int] = field(default_factory=set)
    _found: list[Message] | None = None

    def anybody(self, limit: int) -> list[Call | AuthorCall]:
        """Half for the authors, half for the recipients; what the ones do not need is for the others."""
        self.came = True
        limit = self.bounds.room(limit, self.application)
        half = -(-limit // 2)
        authors = self.authors(half)
        claimed = [*authors, *self.recipients(limit - len(authors))]
        more = limit - len(claimed)
        return claimed + self.authors(more) if more and len(authors) == half else claimed

    def authors(self, limit: int) -> list[Call | AuthorCall]:
        if not limit:
            return []
        claimed = authors.claim(limit=limit, now=self.now, application=self.application.pk)
        self.bounds.take(len(claimed), self.application)
        return [*claimed]

    def recipients(self, limit: int) -> list[Call]:
        self.came = True
        if not limit:
            return []
        if self._found is None:
            self._found = self._shouts_in_turn()
        return divide(limit, [partial(self._of_shout, message) for message in self._found])

    def _shouts_in_turn(self) -> list[Message]:
        calls = Call.objects.claimable(self.until, now=self.now)
        in_turn = _shouts(calls, unbounded=self.until > self.now, now=self.now).filter(application=self.application)
        in_turn = in_turn.order_by(F("served").asc(nulls_first=True), "pk")
        skip = connection.features.has_select_for_update_skip_locked
        return list(in_turn.select_for_update(of=("self",), skip_locked=skip)[: self.room])

    def _of_shout(self, message: Message, limit: int) -> list[Call]:
        limit = self.bounds.room(limit, self.application, message)
        if not limit:
            return []
        self.served.add(message.pk)
        claimed = claiming.claim(message, limit=limit, until=self.until, now=self.now)
        self.bounds.take(len(claimed), self.application, message)
        return claimed
