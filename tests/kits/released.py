"""Shouts that are recorded and wait for the dispatcher, and the dispatcher itself without the other cron jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from blast_api.db import bulk
from blast_api.dispatch.claims import Claim, claim_placements
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.dispatcher import Dispatcher
from blast_api.dispatch.jobs import PlaceCall
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, Message
from tests.kits import factories, unhurried


def released(calls: int, *, due: timedelta = timedelta(seconds=-1), **fields: Any) -> Message:
    """A shout of so many calls that are ready, and due so long from now."""
    now = timezone.now()
    defaults: dict[str, Any] = {
        "status": ShoutStatus.ONGOING,
        "starts_at": now,
        "started": now,
    }
    message = factories.message(**defaults | fields)
    factories.author_call(message, recorded=True)
    rows = [[position, factories.number(position)] for position in range(calls)]
    bulk.insert(Call, ["position", "number"], rows, message_id=message.pk, status=CallStatus.READY, due_at=now + due)
    return message


def claim(room: int = 1000) -> Claim:
    """One claim, of as much as the gate has room for."""
    return claim_placements(DatabaseClock(), room=room)


def placed_of(claim: Claim) -> list[Call]:
    """The recipients' calls of a claim, in the order of their slots."""
    ids = [job.attempt.call_id for job in claim.jobs if isinstance(job, PlaceCall)]
    rows = Call.objects.in_bulk(ids)
    return [rows[pk] for pk in ids]


def dispatch(dispatcher: Dispatcher | None = None) -> None:
    """Place what is due, until nothing more is."""
    with dispatcher or unhurried.dispatcher() as dispatcher:
        while dispatcher.turn(0.05) or dispatcher.is_busy:
            pass


def hold(call: Call, *, since: datetime, **fields: Any) -> Call:
    """A call in hand, as a claim leaves it: nobody knows whether it was placed."""
    changes: dict[str, Any] = {"status": CallStatus.READY, "held_since": since, "serial": 1, "attempts": 1} | fields
    Call.objects.filter(pk=call.pk).update(**changes)
    call.refresh_from_db()
    return call
