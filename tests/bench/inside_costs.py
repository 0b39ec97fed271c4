"""What one piece of work costs: measured in-process, within the service's settings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from blast_api.carrierx.client import Accepted
from blast_api.carrierx.events import StatusReport
from blast_api.db.clock import database_now
from blast_api.dispatch.claims import claim_placements
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.jobs import keep_all
from blast_api.domain.recipients import Recipient
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Application, Call, Gate, Message
from blast_api.services import creation, delivery, shouts, sweeps

from .inside import AUTHOR, addresses, fill, number, release

_OF_A_TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
_BODIES = {"answered": {"CallSid": "s"}, "status": {"CallSid": "s", "CallStatus": "completed", "CallDuration": 9}}


# --- What happens while others place ---------------------------------------------------------------------------------


def releases(*, count: int, apart_s: float) -> dict[str, float]:
    """Release shouts of one call each, one after another; number and time of the commit."""
    made = [(number(group, 0), fill(calls=1, group=group)) for group in range(count)]
    times: dict[str, float] = {}
    for called, shout in made:
        times[called] = release(shout=shout)
        time.sleep(apart_s)
    return times


def numbers(*, shout: int) -> list[str]:
    """The numbers of a shout."""
    return list(Call.objects.filter(message=shout).values_list("number", flat=True))


def fail(*, shout: int, calls: int) -> dict[str, float]:
    """Calls that the carrier has, end as failed; number and time of the commit."""
    times: dict[str, float] = {}
    kept = Call.objects.filter(message=shout, status=CallStatus.ONGOING, attempts=1)
    while kept.count() < calls:
        time.sleep(0.1)
    for call in kept[:calls]:
        report = StatusReport(CallStatus.FAILED, "failed", call.sid, 0, {})
        delivery.settled(delivery.CallAttempt(call.pk, call.serial), report, now=database_now())
        times[call.number] = time.monotonic()
    return times


def authors(*, count: int) -> dict[str, float]:
    """New shouts whose authors are to be rung by whoever dispatches; number and time of the commit."""
    implied, _ = Application.objects.get_or_create(name=Application.IMPLIED)
    times: dict[str, float] = {}
    for index in range(count):
        author = f"1555562{index:04d}"
        new = creation.NewShout(userdata="bench", caller=author, recipients=[Recipient(number(9, index))])
        creation.create(implied, new, now=database_now())
        times[author] = time.monotonic()
    return times


# --- Queries ---------------------------------------------------------------------------------------------------------


def queries(*, step: str, status: str) -> list[str]:
    """The statements of a hot callback for a call of that status, without those that begin and end transactions."""
    path, *_ = addresses(shout=fill(calls=20, status=status, attempts=1), step=step)
    client = Client()
    client.post("/empty")
    with CaptureQueriesContext(connection) as captured:
        assert client.post(path, _BODIES[step], content_type="application/json").status_code == 200
    return [query["sql"][:90] for query in captured if not query["sql"].startswith(_OF_A_TRANSACTION)]


def queries_of_post(*, recipients: int) -> int:
    """How many statements it takes to create a shout of that many."""
    body = {"caller": AUTHOR, "userdata": "bench", "recipients": [number(8, index) for index in range(recipients)]}
    client = Client()
    client.post("/empty")
    with CaptureQueriesContext(connection) as captured:
        assert client.post("/api/v1/shouts", body, content_type="application/json").status_code == 201
    return sum(1 for query in captured if not query["sql"].startswith(_OF_A_TRANSACTION))


# --- Scale and capacity ----------------------------------------------------------------------------------------------


def past(*, count: int, calls: int) -> None:
    """Shouts that are over."""
    now = timezone.now()
    for _ in range(count):
        shout = fill(calls=calls, group=7, status=CallStatus.COMPLETED, attempts=1)
        Message.objects.filter(pk=shout).update(status=ShoutStatus.FINISHED, finished=now, closed=now)


def claim_cost(*, times: int) -> dict[str, float]:
    """Seconds of one claim of 10 calls, and of one round of sweeps: medians and minima."""
    clock = DatabaseClock()
    claims, rounds = [], []
    for _ in range(times):
        Gate.objects.filter(pk=Gate.Lane.CALLS).update(next_slot=0)
        begun = time.monotonic()
        assert len(claim_placements(clock, room=10).jobs) == 10
        claims.append(time.monotonic() - begun)
        begun = time.monotonic()
        now = database_now()
        shouts.begin_due(now)
        sweeps.expire(now)
        sweeps.finish(now)
        delivery.lapse(now - timedelta(days=1))
        rounds.append(time.monotonic() - begun)
    return {
        "claim_median_s": median(claims),
        "claim_least_s": min(claims),
        "sweep_median_s": median(rounds),
        "sweep_least_s": min(rounds),
    }


def place(*, seconds: float, at_once: int) -> dict[str, float]:
    """Claim and keep as fast as it goes, as if the carrier answered at once; calls, and CPU seconds spent here."""
    clock = DatabaseClock()
    count, begun, used = 0, time.monotonic(), time.process_time()
    while time.monotonic() < begun + seconds:
        jobs = claim_placements(clock, room=at_once).jobs
        with transaction.atomic():
            now = database_now()
            keep_all([(job, Accepted(os.urandom(12).hex(), {})) for job in jobs], now=now)
        count += len(jobs)
    return {"calls": count, "seconds": time.monotonic() - begun, "cpu_s": time.process_time() - used}


FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (releases, numbers, fail, authors, queries, queries_of_post, past, claim_cost, place)
}
