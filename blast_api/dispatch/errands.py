"""Requests to the carrier that place no call: withdrawing what waits there, keeping recordings and deleting them.

`inquiry` asks what it has.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from blast_api.carrierx.client import Accepted, CarrierClient, Outcome, Refusal, Refused, Unknown
from blast_api.carrierx.outcomes import is_gone
from blast_api.carrierx.storage import is_kept
from blast_api.carrierx.wire import Request
from blast_api.conf import configuration
from blast_api.domain.pacing import LEAD, LOOKAHEAD, Departure, Pace
from blast_api.models import Gate, Recording
from blast_api.services import authors, delivery, recordings

from . import gate, storage
from .clock import DatabaseClock
from .inquiry import Inquiry
from .jobs import Job

log = logging.getLogger(__name__)

# An errand in hand for this long lost its dispatcher, or its answer: it is done again, which does no harm.
_AGAIN = timedelta(seconds=15)
_DISCARDED_AGAIN = timedelta(minutes=5)  # nobody waits for it


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take back a call that waits at the carrier."""

    slot: float
    attempt: delivery.CallAttempt
    sid: str

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_withdrawal(self.sid)

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        return client.withdraw(prepared, departure)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        match outcome:
            case Accepted():
                delivery.withdrawn(self.attempt, still_waited=True, now=now)
            case Refused(status=404):
                delivery.withdrawn(self.attempt, still_waited=False, now=now)
            case Refused() | Unknown():
                log.warning(
                    "a call could not be withdrawn yet",
                    extra={"action": "withdrawal_failed", "call": self.attempt.call_id, "reason": outcome.reason},
                )

    def give_back(self) -> None:
        delivery.let_go(self.attempt)


@dataclass(frozen=True, slots=True)
class KeepRecording:
    """Make a confirmed recording permanent at the carrier, so that its shout may be released."""

    slot: float
    message_id: int
    file_sid: str

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_keeping(self.file_sid)

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        outcome = client.change(prepared, departure)
        if isinstance(outcome, Accepted) and is_kept(outcome.content) is None:
            outcome = client.file(self.file_sid)  # one slot is enough for both
        return outcome

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        match outcome:
            case Accepted(content=file) if is_kept(file) is False:
                lives_s = file.get("lifecycle_ttl")
                self._not_yet(f"its lifecycle_ttl is still {lives_s!r:.40}", now=now, in_vain=True)
            case Accepted():
                authors.kept(self.message_id)
            case Refused(status=404) | Refused(reach=Refusal.THIS_REQUEST):
                self._lost(outcome.reason, now=now)
            case Refused() | Unknown():
                self._not_yet(outcome.reason, now=now)

    def _not_yet(self, reason: str, *, now: datetime, in_vain: bool = False) -> None:
        """It stays in hand, and is done again when that is stale; what the carrier says it did, and did not, not for ever."""
        if in_vain and not authors.may_still_be_kept(self.message_id, now=now):
            self._lost(reason, now=now)
            return
        about = {"action": "recording_not_kept", "shout": self.message_id, "reason": reason}
        log.warning("a recording is not permanent yet", extra=about)

    def _lost(self, reason: str, *, now: datetime) -> None:
        about = {"action": "recording_lost", "shout": self.message_id, "reason": reason}
        log.error("the carrier does not keep a recording", extra=about)
        authors.lost(self.message_id, now=now)

    def give_back(self) -> None:
        authors.let_go(self.message_id)


@dataclass(frozen=True, slots=True)
class DiscardFile:
    """Delete a recording's file at the carrier; one whose answer was lost when it was stored is looked for by its key."""

    slot: float
    recording_id: int
    file_sid: str
    key: str

    @classmethod
    def of(cls, recording: Recording, slot: float) -> DiscardFile:
        return cls(slot, recording.pk, recording.file_sid, recording.key)

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_discarding(self.file_sid, self.key)

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        return client.discard(prepared, self.file_sid, self.key, departure)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        """If it was not done, it stays in hand, and is done again when that is stale."""
        if is_gone(outcome):
            recordings.discarded(self.recording_id, now=now)
        elif not isinstance(outcome, Accepted):
            about = {"action": "recording_not_deleted", "recording": self.recording_id, "reason": outcome.reason}
            log.warning("the carrier has not deleted a recording yet", extra=about)

    def give_back(self) -> None:
        recordings.let_go(self.recording_id)


def claim_errands(
    clock: DatabaseClock, *, room: int, inquiry: Inquiry | None = None, only_shout: int | None = None
) -> list[Job]:
    """Take recordings to keep, withdrawals and files to delete in hand, in slots of their own lane; `only_shout`: that one's.

    An `inquiry` goes first, if it is due: it is one request for many calls. Who has one also looks after the container.
    """
    pace = Pace(configuration().max_calls_per_second)
    with transaction.atomic():
        lane = gate.locked(Gate.Lane.ERRANDS)
        now = clock.read()
        earliest = now.timestamp() + LEAD
        next_slot = gate.next_slot(lane, now=earliest)
        room = min(room, pace.room(next_slot, now=earliest, lookahead=LOOKAHEAD))
        if room <= 0:
            return []
        stale, slots = now - _AGAIN, pace.slots(next_slot, room, now=earliest)
        knows_silence = clock.is_steady(for_s=configuration().placement_confirm_timeout)
        jobs = inquiry.claim(slots[0], now=now) if inquiry and knows_silence else []
        if inquiry and len(jobs) < room:
            jobs += storage.claim(slots[len(jobs)], now=now)
        to_keep = authors.claim_to_keep(limit=room - len(jobs), stale=stale, now=now, only=only_shout)
        jobs += [
            KeepRecording(slot, recording.pk, recording.file_sid)
            for slot, recording in zip(slots[len(jobs) :], to_keep, strict=False)
        ]
        to_withdraw = delivery.claim_to_withdraw(limit=room - len(jobs), stale=stale, now=now, only=only_shout)
        jobs += [
            Withdraw(slot, delivery.CallAttempt(call.pk, call.serial), call.sid)
            for slot, call in zip(slots[len(jobs) :], to_withdraw, strict=False)
        ]
        if only_shout is None and len(jobs) < room:
            doomed = recordings.claim_to_discard(limit=room - len(jobs), stale=now - _DISCARDED_AGAIN, now=now)
            jobs += [DiscardFile.of(*each) for each in zip(doomed, slots[len(jobs) :], strict=False)]
        if jobs:
            Gate.objects.filter(pk=lane.pk).update(next_slot=jobs[-1].slot + pace.step)
    return jobs
