"""What is to be sent at a slot, and what its answer means.

A job is made by a claim in the main thread, sent by any thread (no database there), and kept by the main thread.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Protocol

from blast_api.carrierx.addresses import address
from blast_api.carrierx.client import Accepted, CallOrder, CarrierClient, Outcome, Refusal, Refused, Unknown
from blast_api.carrierx.wire import Request
from blast_api.domain.callbacks import Party, Step
from blast_api.domain.numbers import masked
from blast_api.domain.pacing import Departure, SlotMissed
from blast_api.models import AuthorCall, Call
from blast_api.monitoring import counters
from blast_api.monitoring.counters import PlacementOutcome
from blast_api.services import authors, delivery, history

from . import gate

log = logging.getLogger(__name__)


class Job(Protocol):
    """One request to the carrier."""

    @property
    def slot(self) -> float:
        """When it may leave: epoch seconds of the database's clock."""

    def prepare(self, client: CarrierClient) -> Request:
        """The request, ready before its slot comes."""

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        """Send it once, in its slot. Raises SlotMissed if it was not sent."""

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        """Store what became of it."""

    def give_back(self) -> None:
        """It was never sent: somebody will claim it again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Place a call: the shared half of authors' and recipients' calls."""

    slot: float
    delay_s: int  # whole seconds from the slot to the start
    number: str
    did: str  # the caller id; empty: the operator's
    message_id: int
    kind: ClassVar[Party]

    @property
    def key(self) -> tuple[Party, int, int]:
        """Whose call it is, its row and the serial of its address."""
        raise NotImplementedError

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        try:
            outcome = client.place(prepared, departure)
        except SlotMissed:
            counters.PLACEMENTS.add(self.kind, PlacementOutcome.MISSED)
            raise
        counters.placement_answered(self.kind, _counted_as(outcome), seconds=departure.now() - self.slot)
        return outcome

    def _prepared(self, client: CarrierClient, row: int, serial: int) -> Request:
        order = CallOrder(
            number=self.number,
            url=address(self.kind, row, serial, Step.ANSWERED),
            status_callback_url=address(self.kind, row, serial, Step.STATUS),
            delay_s=self.delay_s,
            did=self.did,
        )
        return client.prepare_call(order)


@dataclass(frozen=True, slots=True)
class PlaceCall(Place):
    """Call a recipient."""

    attempt: delivery.CallAttempt
    attempts: int  # of the call, with this one
    kind = Party.RECIPIENT

    @classmethod
    def of(cls, call: Call, slot: float, delay_s: int = 0) -> PlaceCall:
        attempt = delivery.CallAttempt(call.pk, call.serial)
        return cls(slot, delay_s, call.number, call.message.did, call.message_id, attempt, call.attempts)

    @property
    def begun(self) -> history.Begun:
        """The attempt, as its row begins."""
        return history.Begun(
            self.message_id, self.attempt.call_id, self.attempt.serial, number=self.attempts, slot=self.slot
        )

    @property
    def key(self) -> tuple[Party, int, int]:
        return self.kind, self.attempt.call_id, self.attempt.serial

    def prepare(self, client: CarrierClient) -> Request:
        return self._prepared(client, self.attempt.call_id, self.attempt.serial)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        about = {"call": self.attempt.call_id, "serial": self.attempt.serial, "number": masked(self.number)}
        match outcome:
            case Accepted(sid=sid):
                delivery.accepted([self.placed(sid, now=now)])
            case Refused(reach=Refusal.THIS_REQUEST):
                log.error(
                    "the carrier refused a call", extra={"action": "call_refused", "reason": outcome.reason, **about}
                )
                delivery.refused(self.attempt, reason=outcome.reason, now=now)
            case Refused(reach=Refusal.THIS_FOR_NOW | Refusal.THIS_OR_ALL):
                delivery.put_off(self.attempt, reason=outcome.reason, suspect=_is_its_own(outcome, now=now), now=now)
            case Refused():
                delivery.give_back([self.attempt])
            case Unknown():
                log.warning(
                    "the answer to a call was lost", extra={"action": "call_unknown", "reason": outcome.reason, **about}
                )
        gate.heed(outcome, now=now)

    def placed(self, sid: str, *, now: datetime) -> delivery.Placed:
        """The carrier's word, as it is kept."""
        delayed = self.delay_s > 0
        starts_at = datetime.fromtimestamp(self.slot + self.delay_s, UTC) if delayed else now
        return delivery.Placed(self.attempt, sid, delayed, starts_at)

    def give_back(self) -> None:
        delivery.give_back([self.attempt])


@dataclass(frozen=True, slots=True)
class PlaceAuthorCall(Place):
    """Call an author."""

    attempt: authors.AuthorAttempt
    kind = Party.AUTHOR

    @classmethod
    def of(cls, recording: AuthorCall, slot: float) -> PlaceAuthorCall:
        attempt = authors.AuthorAttempt(recording.pk, recording.serial)
        return cls(slot, 0, recording.message.caller, recording.message.did, recording.pk, attempt)

    @property
    def key(self) -> tuple[Party, int, int]:
        return self.kind, self.attempt.message_id, self.attempt.serial

    def prepare(self, client: CarrierClient) -> Request:
        return self._prepared(client, self.attempt.message_id, self.attempt.serial)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        about = {"shout": self.attempt.message_id, "serial": self.attempt.serial, "number": masked(self.number)}
        match outcome:
            case Accepted(sid=sid):
                authors.accepted(self.attempt, sid=sid)
            case Refused(reach=Refusal.THIS_REQUEST):
                log.error(
                    "the carrier refused the call to an author",
                    extra={"action": "recording_refused", "reason": outcome.reason, **about},
                )
                authors.refused(self.attempt, now=now)
            case Refused(reach=Refusal.THIS_FOR_NOW | Refusal.THIS_OR_ALL):
                authors.put_off(self.attempt, suspect=_is_its_own(outcome, now=now), now=now)
            case Refused():
                authors.give_back(self.attempt)
            case Unknown():
                log.warning(
                    "the answer to the call to an author was lost",
                    extra={"action": "recording_unknown", "reason": outcome.reason, **about},
                )
        gate.heed(outcome, now=now)

    def give_back(self) -> None:
        authors.give_back(self.attempt)


def keep_all(sent: Iterable[tuple[Job, Outcome | None]], *, now: datetime) -> None:
    """Store what became of many jobs; None: it was never sent. The usual outcomes take one statement for all of them.

    Call it inside a transaction of its own.
    """
    sent = list(sent)
    attempts = (getattr(job, "attempt", None) for job, _ in sent)
    delivery.lock(attempt for attempt in attempts if isinstance(attempt, delivery.CallAttempt))
    placed: list[delivery.Placed] = []
    unsent: list[delivery.CallAttempt] = []
    others: list[tuple[Job, Outcome]] = []
    taken: list[float] = []
    for job, outcome in sent:
        if isinstance(job, Place) and isinstance(outcome, Accepted):
            taken.append(job.slot)
        match job, outcome:
            case PlaceCall(), Accepted(sid=sid):
                placed.append(job.placed(sid, now=now))
            case PlaceCall(attempt=attempt), None:
                unsent.append(attempt)
            case _, None:
                job.give_back()
            case _, _:
                others.append((job, outcome))
    delivery.accepted(placed)
    delivery.give_back(unsent)
    if taken and gate.taken(max(taken), now=now):
        _fail_what_is_barred(datetime.fromtimestamp(max(taken), UTC), now=now)
    for job, outcome in others:  # a refusal shuts the gate, whatever was accepted at the same moment
        job.keep(outcome, now=now)


def _fail_what_is_barred(before: datetime, *, now: datetime) -> None:
    """The carrier took a call that left then: what it has forbidden before, it forbids for the number."""
    delivery.barred(before, now=now)
    authors.barred(before, now=now)


def _is_its_own(refusal: Refused, *, now: datetime) -> bool:
    """Whether a call that is forbidden may be so for its number. If all of us are, so were those before it."""
    if refusal.reach is not Refusal.THIS_OR_ALL:
        return False
    its_own = gate.denied(refusal.reason, now=now)
    if not its_own:
        delivery.clear_suspects()
        authors.clear_suspects()
    return its_own


def _counted_as(outcome: Outcome) -> PlacementOutcome:
    match outcome:
        case Accepted():
            return PlacementOutcome.ACCEPTED
        case Refused(reach=Refusal.THIS_REQUEST | Refusal.THIS_FOR_NOW):
            return PlacementOutcome.REFUSED
        case Refused(reach=Refusal.FOR_NOW):
            return PlacementOutcome.BUSY
        case Refused(reach=Refusal.THIS_HOST):
            return PlacementOutcome.UNREACHABLE
        case Refused():
            return PlacementOutcome.DENIED
        case Unknown():
            return PlacementOutcome.UNKNOWN
