"""Taking work in hand at the gate: who may go next, and in which slot.

The gate's row is locked from the first line to the commit, so claims are one after another on all hosts; everything in
them is bounded by the slots of half a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef

from blast_api.conf import configuration
from blast_api.models import Call, Gate, Message, Recording
from blast_api.pacing import AFTER_A_JUMP, LEAD, LOOKAHEAD, Pace
from blast_api.services import delivery, recordings
from blast_api.states import LIVE_SHOUTS, RecordingState

from .clock import DatabaseClock
from .jobs import Job, PlaceCall, PlaceRecording

# The client's answer comes within this, or never.
_LONGEST_TRIAL = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Claim:
    """What was taken in hand, whether there may be more, and when (epoch seconds, database's clock) its slot would be."""

    jobs: list[Job]
    more: bool
    again_at: float


def claim_placements(clock: DatabaseClock, *, room: int, only_author_of: int | None = None) -> Claim:
    """Take up to `room` calls in hand: authors first, then recipients, fairly among the shouts.

    1. Lock the gate. 2. See how many slots are free. 3. Choose and stamp that many calls. 4. Take their slots.
    """
    config = configuration()
    pace = Pace(config.max_calls_per_second)
    with transaction.atomic():
        gate = Gate.locked(Gate.Lane.CALLS)
        now = clock.read()
        if gate.is_shut(now):
            assert gate.shut_until is not None
            return Claim([], False, gate.shut_until.timestamp())
        if gate.troubles:
            if _is_trial_out(gate, now):
                return Claim([], True, now.timestamp() + LOOKAHEAD)
            room = min(room, 1)
        if clock.has_jumped(within_s=AFTER_A_JUMP):
            return Claim([], True, now.timestamp() + LOOKAHEAD)
        earliest = now.timestamp() + LEAD
        next_slot = gate.sane_next_slot(earliest)
        room = min(room, pace.room(next_slot, now=earliest, lookahead=LOOKAHEAD))
        if room <= 0:
            return Claim([], True, next_slot)  # others have the next slots
        authors = recordings.claim(limit=room, now=now, only=only_author_of)
        calls: list[Call] = []
        if only_author_of is None:
            horizon = now + timedelta(seconds=config.placement_horizon)
            for until in (now, horizon):  # what is due now goes before what is only near
                calls += _claim_fairly(room - len(authors) - len(calls), until=until, now=now)
        slots = pace.slots(next_slot, len(authors) + len(calls), now=earliest)
        jobs: list[Job] = [PlaceRecording.of(author, slot) for author, slot in zip(authors, slots, strict=False)]
        jobs += [PlaceCall.of(call, slot) for call, slot in zip(calls, slots[len(authors) :], strict=True)]
        if slots:
            next_slot = slots[-1] + pace.step
            Gate.objects.filter(pk=gate.pk).update(next_slot=next_slot)
    return Claim(jobs, bool(jobs), next_slot)


def _is_trial_out(gate: Gate, now: datetime) -> bool:
    """Whether the one placement that is to tell if the trouble is over has not been answered yet."""
    since = max(gate.shut_until or now, now - _LONGEST_TRIAL)
    calls = Call.objects.in_hand().filter(held_since__gte=since)
    authors = Recording.objects.filter(state=RecordingState.NO_REC_CALL, held_since__gte=since)
    return calls.exists() or authors.exists()


def _claim_fairly(room: int, *, until: datetime, now: datetime) -> list[Call]:
    """Up to `room` calls that are due by `until`, in equal shares for the shouts that waited longest for a turn."""
    if room <= 0:
        return []
    due = Call.objects.due(until).order_by().filter(message=OuterRef("pk"))
    waiting = Message.objects.unsettled().filter(Exists(due), status__in=LIVE_SHOUTS)
    in_turn = waiting.order_by(F("served").asc(nulls_first=True), "pk")
    skip = connection.features.has_select_for_update_skip_locked
    turn = list(in_turn.select_for_update(of=("self",), skip_locked=skip)[:room])
    claimed: list[Call] = []
    had_turn: set[int] = set()
    while turn and len(claimed) < room:
        share = -(-(room - len(claimed)) // len(turn))
        more: list[Message] = []
        for message in turn:
            limit = min(share, room - len(claimed))
            if limit == 0:
                break
            calls = delivery.claim(message, limit=limit, until=until, now=now)
            had_turn.add(message.pk)
            claimed += calls
            if len(calls) == limit:
                more.append(message)
        turn = more
    Message.objects.filter(pk__in=had_turn).update(served=now)
    return claimed
