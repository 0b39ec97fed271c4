"""Requests to the carrier that place no call: withdrawing what waits there, keeping recordings, asking what it has."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import requests
from django.db import transaction

from blast_api.addresses import Kind, address
from blast_api.carrierx.client import (
    Accepted,
    CarrierClient,
    CarrierTrouble,
    Outcome,
    Refusal,
    Refused,
    Unknown,
    usable_sid,
)
from blast_api.conf import configuration
from blast_api.models import Call, Gate, database_now
from blast_api.pacing import LEAD, LOOKAHEAD, Pace
from blast_api.services import delivery, recordings

from .clock import DatabaseClock
from .jobs import Job

log = logging.getLogger(__name__)

# An errand in hand for this long lost its dispatcher, or its answer: it is done again, which does no harm.
_AGAIN = timedelta(seconds=15)
# A placement in hand for this long has lost its answer; asking for it earlier would only find it on its way.
_ANSWER_LOST = timedelta(seconds=15)
_ASKED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take back a call that waits at the carrier."""

    slot: float
    attempt: delivery.Attempt
    sid: str

    def prepare(self, client: CarrierClient) -> requests.PreparedRequest:
        return client.prepare_withdrawal(self.sid)

    def send(self, client: CarrierClient, prepared: requests.PreparedRequest) -> Outcome:
        return client.withdraw(prepared)

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
    """Make a confirmed recording permanent at the carrier, then release its shout."""

    slot: float
    message_id: int
    file_sid: str

    def prepare(self, client: CarrierClient) -> requests.PreparedRequest:
        return client.prepare_keeping(self.file_sid)

    def send(self, client: CarrierClient, prepared: requests.PreparedRequest) -> Outcome:
        return client.change(prepared)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        about = {"shout": self.message_id}
        match outcome:
            case Accepted():
                recordings.kept(self.message_id, now=now)
            case Refused(status=404) | Refused(reach=Refusal.THIS_REQUEST):
                log.error(
                    "the carrier does not keep a recording",
                    extra={"action": "recording_lost", "reason": outcome.reason, **about},
                )
                recordings.lost(self.message_id, now=now)
            case Refused() | Unknown():
                log.warning(
                    "a recording is not permanent yet",
                    extra={"action": "recording_not_kept", "reason": outcome.reason, **about},
                )

    def give_back(self) -> None:
        recordings.let_go(self.message_id)


def claim_errands(clock: DatabaseClock, *, room: int, only_shout: int | None = None) -> list[Job]:
    """Take recordings to keep and withdrawals in hand, in slots of their own lane; `only_shout`: that one's."""
    pace = Pace(configuration().max_calls_per_second)
    with transaction.atomic():
        gate = Gate.locked(Gate.Lane.ERRANDS)
        now = clock.read()
        earliest = now.timestamp() + LEAD
        next_slot = gate.sane_next_slot(earliest)
        room = min(room, pace.room(next_slot, now=earliest, lookahead=LOOKAHEAD))
        if room <= 0:
            return []
        stale = now - _AGAIN
        to_keep = recordings.claim_to_keep(limit=room, stale=stale, now=now, only=only_shout)
        to_withdraw = delivery.claim_to_withdraw(limit=room - len(to_keep), stale=stale, now=now, only=only_shout)
        slots = pace.slots(next_slot, len(to_keep) + len(to_withdraw), now=earliest)
        jobs: list[Job] = [
            KeepRecording(slot, recording.pk, recording.file_sid)
            for slot, recording in zip(slots, to_keep, strict=False)
        ]
        jobs += [
            Withdraw(slot, delivery.Attempt(call.pk, call.serial), call.sid)
            for slot, call in zip(slots[len(to_keep) :], to_withdraw, strict=True)
        ]
        if slots:
            Gate.objects.filter(pk=gate.pk).update(next_slot=slots[-1] + pace.step)
    return jobs


def ask_the_carrier(client: CarrierClient) -> int:
    """Placements whose answer was lost and whose time has not come: the carrier can tell whether they wait there.

    Those that do are accepted; answers how many. The others wait for their confirmation time.
    """
    now = database_now()
    lost = Call.objects.in_hand().filter(held_since__lt=now - _ANSWER_LOST, due_at__gt=now)
    wanted = {address(Kind.CALL, call.pk, call.serial, "answered"): call for call in lost[:_ASKED_AT_ONCE]}
    if not wanted:
        return 0
    try:
        return sum(_found(item, wanted) for item in client.waiting_calls())
    except CarrierTrouble as trouble:
        log.warning(
            "the carrier does not list its waiting calls", extra={"action": "list_failed", "reason": str(trouble)}
        )
        return 0


def _found(item: Mapping[str, object], wanted: Mapping[str, Call]) -> bool:
    url, sid = item.get("url"), usable_sid(item.get("call_sid"))
    if not isinstance(url, str) or sid is None or url not in wanted:
        return False
    call = wanted[url]
    starts_at = call.due_at or database_now()
    delivery.accepted([delivery.Placed(delivery.Attempt(call.pk, call.serial), sid, delayed=True, starts_at=starts_at)])
    return True
