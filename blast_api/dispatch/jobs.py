"""What is to be sent at a slot, and what its answer means.

A job is made by a claim in the main thread, sent by any thread (no database there), and kept by the main thread.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

import requests

from blast_api import counts
from blast_api.addresses import Kind, address
from blast_api.carrierx.client import Accepted, CallOrder, CarrierClient, Outcome, Refusal, Refused, Unknown
from blast_api.models import Call, Gate, Recording
from blast_api.numbers import masked
from blast_api.pacing import Departure, SlotMissed
from blast_api.services import delivery, recordings

log = logging.getLogger(__name__)

_LONGEST_BACKOFF_S = 60.0
_DENIED_BACKOFF_S = 60.0


class Job(Protocol):
    """One request to the carrier."""

    @property
    def slot(self) -> float:
        """When it may leave: epoch seconds of the database's clock."""

    def prepare(self, client: CarrierClient) -> requests.PreparedRequest:
        """The request, ready before its slot comes."""

    def send(self, client: CarrierClient, prepared: requests.PreparedRequest, departure: Departure) -> Outcome:
        """Send it once, in its slot. Raises SlotMissed if it was not sent."""

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        """Store what became of it."""

    def give_back(self) -> None:
        """It was never sent: somebody will claim it again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Place a call: the shared half of authors' and recipients' calls."""

    slot: float
    number: str
    due_at: datetime
    message_id: int
    kind: ClassVar[Kind]

    @property
    def key(self) -> tuple[Kind, int, int]:
        """Whose call it is, its row and the serial of its address."""
        raise NotImplementedError

    @property
    def delay_s(self) -> int:
        """Whole seconds from the slot to the call's time, rounded up; 0 if it has come."""
        return max(0, math.ceil(self.due_at.timestamp() - self.slot))

    def send(self, client: CarrierClient, prepared: requests.PreparedRequest, departure: Departure) -> Outcome:
        try:
            outcome = client.place(prepared, departure)
        except SlotMissed:
            counts.PLACEMENTS.add(self.kind, "missed")
            raise
        counts.placed(self.kind, _in_a_word(outcome), seconds=departure.now() - self.slot)
        return outcome

    def _prepared(self, client: CarrierClient, row: int, serial: int) -> requests.PreparedRequest:
        order = CallOrder(
            number=self.number,
            url=address(self.kind, row, serial, "answered"),
            status_callback_url=address(self.kind, row, serial, "status"),
            delay_s=self.delay_s,
        )
        return client.prepare_call(order)


@dataclass(frozen=True, slots=True)
class PlaceCall(Place):
    """Call a recipient."""

    attempt: delivery.Attempt
    kind = Kind.CALL

    @classmethod
    def of(cls, call: Call, slot: float) -> PlaceCall:
        assert call.due_at is not None
        return cls(slot, call.number, call.due_at, call.message_id, delivery.Attempt(call.pk, call.serial))

    @property
    def key(self) -> tuple[Kind, int, int]:
        return self.kind, self.attempt.call_id, self.attempt.serial

    def prepare(self, client: CarrierClient) -> requests.PreparedRequest:
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
            case Refused():
                delivery.give_back([self.attempt])
            case Unknown():
                log.warning(
                    "the answer to a call was lost", extra={"action": "call_unknown", "reason": outcome.reason, **about}
                )
        heed(outcome, now=now)

    def placed(self, sid: str, *, now: datetime) -> delivery.Placed:
        """The carrier's word, as it is kept."""
        delayed = self.delay_s > 0
        return delivery.Placed(self.attempt, sid, delayed, starts_at=self.due_at if delayed else now)

    def give_back(self) -> None:
        delivery.give_back([self.attempt])


@dataclass(frozen=True, slots=True)
class PlaceRecording(Place):
    """Call an author."""

    attempt: recordings.Attempt
    kind = Kind.RECORDING

    @classmethod
    def of(cls, recording: Recording, slot: float) -> PlaceRecording:
        assert recording.due_at is not None
        attempt = recordings.Attempt(recording.pk, recording.serial)
        return cls(slot, recording.message.caller, recording.due_at, recording.pk, attempt)

    @property
    def key(self) -> tuple[Kind, int, int]:
        return self.kind, self.attempt.message_id, self.attempt.serial

    def prepare(self, client: CarrierClient) -> requests.PreparedRequest:
        return self._prepared(client, self.attempt.message_id, self.attempt.serial)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        about = {"shout": self.attempt.message_id, "serial": self.attempt.serial, "number": masked(self.number)}
        match outcome:
            case Accepted(sid=sid):
                recordings.accepted(self.attempt, sid=sid)
            case Refused(reach=Refusal.THIS_REQUEST):
                log.error(
                    "the carrier refused the call to an author",
                    extra={"action": "recording_refused", "reason": outcome.reason, **about},
                )
                recordings.refused(self.attempt, now=now)
            case Refused():
                recordings.give_back(self.attempt)
            case Unknown():
                log.warning(
                    "the answer to the call to an author was lost",
                    extra={"action": "recording_unknown", "reason": outcome.reason, **about},
                )
        heed(outcome, now=now)

    def give_back(self) -> None:
        recordings.give_back(self.attempt)


def keep_all(sent: Iterable[tuple[Job, Outcome | None]], *, now: datetime) -> None:
    """Store what became of many jobs; None: it was never sent. The usual outcomes take one statement for all of them."""
    placed: list[delivery.Placed] = []
    unsent: list[delivery.Attempt] = []
    others: list[tuple[Job, Outcome]] = []
    for job, outcome in sent:
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
    if placed:
        Gate.open(now=now)
    for job, outcome in others:  # a refusal shuts the gate, whatever was accepted at the same moment
        job.keep(outcome, now=now)


def _in_a_word(outcome: Outcome) -> str:
    """As it is counted."""
    match outcome:
        case Accepted():
            return "accepted"
        case Refused(reach=Refusal.THIS_REQUEST):
            return "refused"
        case Refused(reach=Refusal.FOR_NOW):
            return "busy"
        case Refused():
            return "denied"
        case Unknown():
            return "unknown"


def heed(outcome: Outcome, *, now: datetime) -> None:
    """Open or shut the gate, as the carrier's answer to a placement demands."""
    match outcome:
        case Accepted():
            Gate.open(now=now)
        case Refused(reach=Refusal.THIS_REQUEST):
            pass
        case Refused(reach=Refusal.ALL_OF_US):
            if Gate.shut(now + timedelta(seconds=_DENIED_BACKOFF_S), Gate.Cause.DENIED, outcome.reason, now=now):
                log.critical(
                    "the carrier refuses us: nothing is placed until it does not",
                    extra={"action": "placing_stopped", "reason": outcome.reason},
                )
        case Refused() | Unknown():
            told = outcome.retry_after_s if isinstance(outcome, Refused) else None
            wait_s = _backoff_s() if told is None else told
            cause = Gate.Cause.BUSY if isinstance(outcome, Refused) else Gate.Cause.UNCLEAR
            if Gate.shut(now + timedelta(seconds=wait_s), cause, outcome.reason, now=now):
                log.warning(
                    "the carrier is in trouble: placing waits",
                    extra={"action": "placing_waits", "seconds": round(wait_s, 1), "reason": outcome.reason},
                )


def _backoff_s() -> float:
    """From about one second, twice as long after each trouble in a row, with jitter so that hosts do not march."""
    troubles = Gate.objects.values_list("troubles", flat=True).get(pk=Gate.Lane.CALLS)
    return min(_LONGEST_BACKOFF_S, 2.0 ** min(troubles, 6)) * random.uniform(0.5, 1.0)  # noqa: S311
