"""Why a call does not go out at this moment, or a whole shout: what stands in its way first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from blast_api.domain.states import LIVE_SHOUTS, OPEN_SHOUTS, CallStatus, ShoutStatus

from .delivery import Delivery
from .verdict import Because, Later


@dataclass(frozen=True, slots=True)
class Waiting:
    """For what, until when if anybody can tell, and for hours in which zone."""

    because: Because
    at: datetime | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What stands in everybody's way, or in that of all calls of a shout."""

    gate_shut_until: datetime | None = None
    is_full: bool = False  # as many calls are up as its shout, its application or the whole may have

    def waiting(self, *, now: datetime) -> Waiting:
        """What a call waits for whose time has come."""
        if self.gate_shut_until is not None and self.gate_shut_until > now:
            return Waiting(Because.CARRIER, self.gate_shut_until)
        return Waiting(Because.CONCURRENCY if self.is_full else Because.RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """What is asked of a call and its shout."""

    status: str
    is_in_hand: bool
    is_at_carrier: bool
    due_at: datetime | None
    attempts: int
    refusals: int
    shout_status: str
    starts_at: datetime | None
    is_paused: bool
    delivery: Delivery
    zones: tuple[str, ...]


def waits(call: OpenCall, road: Road, *, now: datetime) -> Waiting | None:
    """What the call waits for; None: it is on its way, rings, is up or has ended."""
    if call.status not in {CallStatus.PENDING, CallStatus.READY} or call.is_in_hand:
        return None
    if call.is_paused:
        return Waiting(Because.PAUSED)
    if call.shout_status == ShoutStatus.PENDING or call.due_at is None:
        return Waiting(Because.RECORDING)
    if call.due_at > now:
        return _ahead(call, call.due_at, now=now)
    if call.is_at_carrier:
        return None
    return _opening(call.delivery, now, call.zones) or road.waiting(now=now)


def _ahead(call: OpenCall, due_at: datetime, *, now: datetime) -> Waiting:
    """What it waits for until its time, which may lie outside its hours: a retry has no plan."""
    if call.starts_at is not None and call.starts_at > now:
        return Waiting(Because.SCHEDULED, due_at)
    if opening := _opening(call.delivery, due_at, call.zones):
        return opening
    if call.refusals:
        return Waiting(Because.CARRIER, due_at)
    if call.attempts and not call.is_at_carrier:
        return Waiting(Because.RETRY, due_at)
    return _opening(call.delivery, now, call.zones) or Waiting(Because.BATCH, due_at)


def _opening(delivery: Delivery, at: datetime, zones: tuple[str, ...]) -> Waiting | None:
    """The opening that somebody in these zones waits for then, if it is for one."""
    said = delivery.hours(at, zones)
    if not isinstance(said, Later):
        return None
    return Waiting(Because.WINDOW, said.at, delivery.shut_zone(at, zones))


# --- A whole shout -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCalls:
    """What is asked of all open calls of a shout together: how many wait, for when, and how many the carrier has."""

    waiting: int = 0
    due: int = 0  # of those: their time has come
    up: int = 0  # ringing, up, or on the way
    first_due: datetime | None = None  # of those that wait
    last_due: datetime | None = None
    least_attempts: int = 0
    least_refusals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenShout:
    """What is asked of a shout; `zones` are those of its waiting calls, each once, where hours matter."""

    status: str
    is_paused: bool
    starts_at: datetime | None
    calls: OpenCalls
    delivery: Delivery
    zones: frozenset[tuple[str, ...]]


def opening_of_all(shout: OpenShout, *, now: datetime) -> datetime | None:
    """When the first of its waiting calls may go, if all wait for their hours."""
    said = [_opening(shout.delivery, now, zones) for zones in shout.zones]
    return min((each.at for each in said if each and each.at), default=None) if all(said) else None


def shout_waits(shout: OpenShout, road: Road, *, now: datetime) -> Waiting | None:
    """What a shout waits for as a whole; None: its calls are up, or it is over."""
    if shout.is_paused and shout.status in OPEN_SHOUTS:
        return Waiting(Because.PAUSED)
    if shout.status == ShoutStatus.PENDING:
        return Waiting(Because.RECORDING)
    if shout.status not in LIVE_SHOUTS or not shout.calls.waiting:
        return None
    if shout.starts_at is not None and shout.starts_at > now:
        return Waiting(Because.SCHEDULED, shout.starts_at)
    if shout.calls.up and not shout.calls.due:
        return None
    if opening := opening_of_all(shout, now=now):
        return Waiting(Because.WINDOW, opening)
    if shout.calls.due:
        return road.waiting(now=now)
    if shout.calls.least_refusals:
        return Waiting(Because.CARRIER, shout.calls.first_due)
    return Waiting(Because.RETRY if shout.calls.least_attempts else Because.BATCH, shout.calls.first_due)
