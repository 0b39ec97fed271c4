"""One piece of work right away, inside the web request that caused it. Whatever does not fit is the dispatcher's.

It looks four times a second, so a nudge gains little and may never cost much: in each process a few requests at most wait
for the carrier, however slow that is and however many there are.
"""

from __future__ import annotations

import logging
import time
from threading import BoundedSemaphore

from django.db import transaction

from blast_api.carrierx.client import CarrierClient
from blast_api.conf import Configuration, configuration
from blast_api.db.clock import database_now
from blast_api.domain.pacing import TOLERANCE, Departure, SlotMissed

from . import recall
from .claims import claim_placements
from .clock import DatabaseClock
from .errands import claim_errands
from .jobs import Job, keep_all

log = logging.getLogger(__name__)

# With half a second for the slot, a request that nudges is answered within 3 seconds.
_CONNECT_TIMEOUT_S = 0.75
_ANSWER_TIMEOUT_S = 1.5
_BOUND_S = 3.0

_MOST_AT_ONCE = 2
_places = BoundedSemaphore(_MOST_AT_ONCE)

_clients: dict[Configuration, CarrierClient] = {}


def ring_author(message_id: int, *, tolerance_s: float = TOLERANCE) -> None:
    """Ring the author of a new shout, if the gate lets us within the bound."""
    _quietly("ring_author", message_id, tolerance_s=tolerance_s)


def withdraw(message_id: int, *, for_good: bool = True) -> None:
    """Hold back what a canceled or paused shout has in hand, and take back what it has waiting at the carrier, within the bound."""
    recall.mark(message_id, for_good=for_good)
    _quietly("withdraw", message_id)


def resume(message_id: int) -> None:
    """What this host held back may leave again."""
    recall.unmark(message_id)


def _quietly(action: str, message_id: int, *, tolerance_s: float = TOLERANCE) -> None:
    """A nudge that fails or finds no place is no fault of the request: the dispatcher does the work."""
    if not _places.acquire(blocking=False):
        return
    try:
        _run(action, message_id, deadline=time.monotonic() + _BOUND_S, tolerance_s=tolerance_s)
    except Exception:
        log.exception("a nudge failed", extra={"action": action, "shout": message_id})
    finally:
        _places.release()


def _run(action: str, message_id: int, *, deadline: float, tolerance_s: float) -> None:
    clock = DatabaseClock()
    while time.monotonic() < deadline - _CONNECT_TIMEOUT_S - _ANSWER_TIMEOUT_S:
        jobs = _claim(action, message_id, clock)
        if not jobs:
            return
        for job in jobs:
            send(job, clock, tolerance_s=tolerance_s)


def _claim(action: str, message_id: int, clock: DatabaseClock) -> list[Job]:
    if action == "ring_author":
        return claim_placements(clock, room=1, only_author_of=message_id).jobs
    return claim_errands(clock, room=1, only_shout=message_id)


def send(job: Job, clock: DatabaseClock, *, tolerance_s: float = TOLERANCE) -> None:
    """Send one job in its slot and keep what becomes of it, all in this thread."""
    prepared = job.prepare(_client())
    departure = Departure(job.slot, clock.now, time.sleep, tolerance_s=tolerance_s)
    try:
        outcome = job.send(_client(), prepared, departure)
    except SlotMissed:
        job.give_back()
    else:
        with transaction.atomic():
            keep_all([(job, outcome)], now=database_now())


def _client() -> CarrierClient:
    """The process's own client for nudges: connections are kept from one request to the next."""
    config = configuration()
    if config not in _clients:
        _clients[config] = CarrierClient(
            config, connect_timeout_s=_CONNECT_TIMEOUT_S, answer_timeout_s=_ANSWER_TIMEOUT_S
        )
    return _clients[config]
