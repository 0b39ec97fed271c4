"""The cron jobs, and one tick of all of them. `runcrons` calls it once or for a while; several at once are harmless."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from threading import Event

from django.db import connection

from . import health, records, sweeps
from .callcontrol.views import take_up_postponed
from .conf import configuration
from .db import statistics
from .dispatch.dispatcher import Dispatcher
from .models import AWAY, database_now
from .services import delivery, recordings, shouts

log = logging.getLogger(__name__)


class Job:
    """A unit of work that is due every so often; `run` answers how much it did."""

    every_s: float

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._due_at = 0.0

    def run_if_due(self) -> int:
        """Run, unless that was done less than `every_s` seconds ago."""
        if time.monotonic() < self._due_at:
            return 0
        self.put_off()
        return self.run()

    def put_off(self) -> None:
        """Not before `every_s` seconds from now."""
        self._due_at = time.monotonic() + self.every_s

    def run(self) -> int:
        raise NotImplementedError


class PlaceCalls(Job):
    """Begins shouts whose time has come and hands their calls to the carrier. The rest of each tick is its."""

    every_s = 0.0
    _wait_s = 0.1

    def run(self) -> int:
        return self.dispatcher.turn(self._wait_s)


class Retry(Job):
    """Placements that nothing ever confirmed become ready again. Where the carrier can tell, the dispatcher asks it.

    Not while a clock that was set ahead makes them look as if they had waited: what is in hand may be on its way.
    """

    every_s = 5.0

    def run(self) -> int:
        now = self.dispatcher.clock.read()
        if self.dispatcher.clock.has_jumped(within_s=configuration().placement_confirm_timeout):
            return 0
        return delivery.lapse(now) + recordings.lapse(now)


class CheckMessageStatuses(Job):
    """Takes up what callbacks left on disk; begins, times out, finishes and closes shouts; writes the records that wait."""

    every_s = 0.5

    def run(self) -> int:
        taken_up = take_up_postponed()  # before anything else: somebody may have asked never to be called again
        now = database_now()
        swept = shouts.begin_due(now) + sweeps.expire(now) + sweeps.finish(now) + sweeps.forget(now)
        return taken_up + swept + records.write_due()


class RefreshStatistics(Job):
    """Tells the database's planner of tables that have grown: it plans for what it knows."""

    every_s = 1.0

    def run(self) -> int:
        statistics.refresh()
        return 0


class TellOfIt(Job):
    """Tells those who watch that the jobs of this host run. The last of all: it is true when the others have."""

    every_s = 5.0

    def run(self) -> int:
        now, lasts_s = database_now(), self.dispatcher.unreachable_for_s
        since = None if lasts_s is None else now - timedelta(seconds=lasts_s)
        health.cron_ran(records.HOST, now=now, unreachable_since=since)
        return 0


JOBS: tuple[type[Job], ...] = (CheckMessageStatuses, Retry, RefreshStatistics, PlaceCalls)


def run_once(stop: Event | None = None) -> None:
    """Run all jobs until nothing is due."""
    stop = stop or Event()
    with Dispatcher(stop) as dispatcher:
        *others, placing = (job(dispatcher) for job in JOBS)
        telling = TellOfIt(dispatcher)
        while (sum(job.run() for job in (*others, placing)) or dispatcher.is_busy) and not stop.is_set():
            while (placing.run() or dispatcher.is_busy) and not stop.is_set():
                for job in (*others, telling):
                    job.run_if_due()
        telling.run()
    records.write_due()


def run_for(seconds: float, stop: Event) -> None:
    """Run all jobs, each as often as it is due, for so many seconds or until told to stop.

    Answers that are out then are still kept, which takes no longer than the carrier's answer timeout. A database that
    goes away is waited for.
    """
    deadline = time.monotonic() + seconds
    with Dispatcher(stop) as dispatcher:
        jobs = [job(dispatcher) for job in (*JOBS, TellOfIt)]
        while time.monotonic() < deadline and not stop.is_set():
            _tick(jobs, stop)
    with suppress(*AWAY):  # they are kept in it
        records.write_due()


def _tick(jobs: list[Job], stop: Event) -> None:
    try:
        for job in jobs:
            job.run_if_due()
    except AWAY as error:
        log.error("the database is away", extra={"action": "database_away", "error": str(error)})
        connection.close()
        for job in jobs:  # above all Retry: what waited for the database, here and elsewhere, comes before it gives up
            job.put_off()
        stop.wait(1.0)
