"""What hours cost: measured in-process, within the service's settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from django.db import transaction
from django.utils import timezone

from blast_api.db import bulk, statistics
from blast_api.db.clock import database_now
from blast_api.dispatch.claims import claim_placements
from blast_api.dispatch.clock import DatabaseClock
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import Application, AuthorCall, Call, Message
from blast_api.services import shouts, sweeps

from .foretold import number
from .inside import AUTHOR

_TURNS = 15
# By each clock a minute of one day of the week: hardly anybody's.
_CLOSED: dict[str, object] = {"from": "03:59", "to": "04:00", "days": ["sun"]}


def hours(*, calls: int) -> dict[str, float]:
    """Seconds that a release takes; a claim and a sweep, without what hours hold and with it; and what closing takes."""
    _shout(0, window=None)
    without = _claim_s(), _sweep_s()
    message = _shout(calls, window=_CLOSED)
    begun = time.monotonic()
    with transaction.atomic():
        assert shouts.release(message, length_s=8, now=database_now())
    release_s = time.monotonic() - begun
    shouts.begin_due(database_now())
    statistics.refresh()  # as `runcrons` does beside it
    held = _claim_s(), _sweep_s()
    message.calls.update(due_at=timezone.now())  # the hour at which all of them close, and none was called
    begun, longest = time.monotonic(), 0.0
    while Call.objects.due(database_now()).exists():
        longest = max(longest, _claim_s(turns=1))
    return {
        "release_s": release_s,
        "claim_s": without[0],
        "claim_held_s": held[0],
        "sweep_s": without[1],
        "sweep_held_s": held[1],
        "closing_s": time.monotonic() - begun,
        "longest_claim_s": longest,
    }


def _shout(calls: int, *, window: dict[str, object] | None) -> Message:
    now = timezone.now()
    message = Message.objects.create(
        application=Application.objects.get_or_create(name=Application.IMPLIED)[0],
        userdata="bench",
        caller=AUTHOR,
        created=now,
        status=ShoutStatus.PENDING,
        delivery=window and {"window": window},
    )
    recorded = {"state": RecordingState.CONFIRMED, "kept": True, "url": "http://127.0.0.1:9/f.wav", "length_s": 8}
    AuthorCall.objects.create(message=message, state_since=now, recorded=now, ended=now, **recorded)
    rows = ((position, number(position)) for position in range(calls))
    bulk.insert(Call, ["position", "number"], rows, message_id=message.pk, status=CallStatus.PENDING)
    return message


def _claim_s(*, turns: int = _TURNS) -> float:
    clock = DatabaseClock()
    return median(_timed(lambda: claim_placements(clock, room=12)) for _ in range(turns))


def _sweep_s() -> float:
    return median(_timed(lambda: sweeps.sweep(database_now())) for _ in range(_TURNS))


def _timed(do: Callable[[], object]) -> float:
    begun = time.monotonic()
    do()
    return time.monotonic() - begun
