"""What the carrier is asked about the container of ours, one request at a time: see `services.storage` for what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
from blast_api.carrierx.storage import KEYS, room
from blast_api.carrierx.wire import Request
from blast_api.domain.pacing import Departure
from blast_api.services import storage

from .jobs import Job

Provision = storage.Provision


@dataclass(frozen=True, slots=True)
class Asking:
    """One turn; a container is answered."""

    slot: float
    turn: storage.Turn

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        return client.tell_container(prepared, departure)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        match outcome:
            case Accepted():
                storage.found(self.turn, outcome.sid, room(outcome.content), now=now)
            case Refused(reach=Refusal.FOR_NOW | Refusal.THIS_FOR_NOW | Refusal.THIS_HOST) | Unknown():
                storage.unclear(self.turn, outcome.reason, now=now)
            case Refused():
                storage.refused(self.turn, outcome.reason, now=now)

    def give_back(self) -> None:
        storage.give_back(self.turn)


@dataclass(frozen=True, slots=True)
class Find(Asking):
    """Is there a container of ours?"""

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_search(KEYS[0])

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        """All keys in one slot: they are few, and it is done once."""
        try:
            found = client.found_container(prepared, KEYS[0], departure)
            for key in KEYS[1:]:
                found = found or client.container(key)
        except CarrierTrouble as trouble:
            return trouble.outcome
        if found is None:
            return Accepted("", {})
        sid = usable_sid(found.get("container_sid"))
        return Accepted(sid, found) if sid else Unknown("a container without a usable container_sid")

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        if isinstance(outcome, Accepted) and not outcome.sid:
            storage.absent(self.turn, now=now)
        else:
            Asking.keep(self, outcome, now=now)


@dataclass(frozen=True, slots=True)
class Make(Asking):
    """Let there be one; if two ask at once, the carrier refuses the second."""

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_new_container()

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        match outcome:
            case Refused(status=400 | 403 | 409 | 422):
                storage.not_made(self.turn, outcome.reason, now=now)
            case _:
                Asking.keep(self, outcome, now=now)


@dataclass(frozen=True, slots=True)
class Look(Asking):
    """How full is it?"""

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_look(self.turn.sid)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        match outcome:
            case Refused(status=404):
                storage.gone(self.turn, now=now)
            case _:
                Asking.keep(self, outcome, now=now)


@dataclass(frozen=True, slots=True)
class Raise(Asking):
    """Let it hold more."""

    def prepare(self, client: CarrierClient) -> Request:
        return client.prepare_quotas(self.turn.sid, self.turn.room.wanted())

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        match outcome:
            case Accepted():
                Asking.keep(self, outcome, now=now)
            case Refused() | Unknown():
                storage.not_raised(self.turn, outcome.reason, now=now)


_ASKED: dict[Provision, Callable[[float, storage.Turn], Job]] = {
    Provision.FIND: Find,
    Provision.MAKE: Make,
    Provision.FIND_AGAIN: Find,
    Provision.LOOK: Look,
    Provision.RAISE: Raise,
}


def claim(slot: float, *, now: datetime) -> list[Job]:
    """What is to be asked now, if anything."""
    turn = storage.claim(now)
    return [_ASKED[turn.step](slot, turn)] if turn else []
