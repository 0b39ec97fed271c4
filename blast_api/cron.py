"""The cron jobs, in two lanes that hold each other up in nothing: placing, and sweeping, which writes the records as well.

`runcrons` runs all of them once, or each lane for a while, in a process and with a connection of its own. Several at once
are harmless.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import Event

from django.db import connection

from .conf import configuration
from .db import statistics
from .db.clock import AWAY, database_now
from .dispatch.dispatcher import Dispatcher
from .domain.pacing import TOLERANCE
from .monitoring import health
from .records import writer
from .services import delivery, postponed, recordings, sweeps

log = logging.getLogger(__name__)


class CronJob:
    """A unit of work that is due every so often, and at once as long as there is more of it.

    `run` does a bounded piece and answers how much that was.
    """

    every_s: float

    def __init__(self) -> None:
        self._due_at = 0.0

    def run_if_due(self) -> int:
        """Run, unless there was nothing to do less than `every_s` seconds ago."""
        if time.monotonic() < self._due_at:
            return 0
        self.put_off()
        done = self.run()
        if done:
            self._due_at = 0.0
        return done

    def put_off(self, *, at_least_s: float = 0.0) -> None:
        """Not before `every_s` seconds from now."""
        self._due_at = time.monotonic() + max(self.every_s, at_least_s)

    def run(self) -> int:
        raise NotImplementedError


class PlaceCalls(CronJob):
    """Hands the calls of shouts to the carrier. The rest of each tick is its."""

    every_s = 0.0
    _wait_s = 0.1

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher

    def run(self) -> int:
        return self._dispatcher.turn(self._wait_s)


class Retry(CronJob):
    """Placements that nothing ever confirmed become ready again. Where the carrier can tell, the dispatcher asks it.

    Not while a clock that was set ahead makes them look as if they had waited: what is in hand may be on its way.
    """

    every_s = 5.0

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._clock = dispatcher.clock

    def run(self) -> int:
        now = self._clock.read()
        if self._clock.has_jumped(within_s=configuration().placement_confirm_timeout):
            return 0
        return delivery.lapse(now) + recordings.lapse(now)


class CheckMessageStatuses(CronJob):
    """Takes up what callbacks left on disk; releases, begins, times out, finishes and closes shouts; writes the records that wait."""

    every_s = 0.5

    def run(self) -> int:
        taken_up = postponed.take_up()  # before anything else: somebody may have asked never to be called again
        return taken_up + sweeps.sweep(database_now()) + writer.write_due(batches=1)


class TakeUpOptOuts(CronJob):
    """Before each claim: who pressed 5 while the database was away is called by nobody, also if that lane has much to do."""

    every_s = 0.0

    def run(self) -> int:
        return postponed.take_up(only_opt_outs=True)


class RefreshStatistics(CronJob):
    """Tells the database's planner of tables that have grown: it plans for what it knows."""

    every_s = 1.0

    def run(self) -> int:
        statistics.refresh()
        return 0


class TellOfIt(CronJob):
    """Tells whoever watches that the others run. The last of all: it is true when they have done what was due."""

    every_s = 5.0

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def run(self) -> int:
        self._tell()
        return 0


def tell(unreachable_for_s: float | None = None) -> None:
    """The cron jobs of this host run; the carrier is out of its reach since then, or is not."""
    now = database_now()
    since = None if unreachable_for_s is None else now - timedelta(seconds=unreachable_for_s)
    health.cron_ran(writer.HOST, now=now, unreachable_since=since)


def run_once(stop: Event | None = None, *, tolerance_s: float = TOLERANCE) -> None:
    """Run all jobs until nothing is due, one after another; no slot is used later than by `tolerance_s`."""
    stop = stop or Event()
    with Dispatcher(stop, tolerance_s=tolerance_s) as dispatcher:
        placing, telling = PlaceCalls(dispatcher), TellOfIt(lambda: tell(dispatcher.unreachable_for_s))
        others = (CheckMessageStatuses(), Retry(dispatcher), RefreshStatistics())
        while (
            _done(dispatcher, (job.run for job in others)) + placing.run() or dispatcher.is_busy
        ) and not stop.is_set():
            while (placing.run() or dispatcher.is_busy) and not stop.is_set():
                _done(dispatcher, (job.run_if_due for job in (*others, telling)))
        telling.run()
    writer.write_due()


def _done(dispatcher: Dispatcher, others: Iterable[Callable[[], int]]) -> int:
    """Run others than placing; what they have made ready is placed by the same run."""
    done = sum(run() for run in others)
    if done:
        dispatcher.wake()
    return done


def place_for(
    seconds: float,
    stop: Event,
    *,
    beside: Sequence[CronJob] = (),
    telling: Callable[[float | None], None] = tell,
    leaving: Callable[[], None] = lambda: None,
) -> None:
    """Run the lane of placing, and the jobs `beside` it, for so many seconds or until told to stop.

    From `leaving` on the next run may have its turn; answers that are out then are still kept, which takes no longer than
    the carrier's answer timeout.
    """
    with Dispatcher(stop) as dispatcher:
        last = TellOfIt(lambda: telling(dispatcher.unreachable_for_s))
        _stay((*beside, Retry(dispatcher), TakeUpOptOuts(), PlaceCalls(dispatcher), last), stop, seconds=seconds)
        leaving()


def sweep_until(stop: Event, *, telling: Callable[[], None] = tell) -> None:
    """Run the lane of sweeps and records until told to stop.

    SQLite has one writer, and who waits for it looks only now and then: so this one rests for as long as it worked.
    """
    jobs = (CheckMessageStatuses(), RefreshStatistics(), TellOfIt(telling))
    _stay(jobs, stop, idle_s=0.1, gives_way=connection.vendor == "sqlite")
    with suppress(*AWAY):  # they are kept in it
        writer.write_due(batches=1)


def _stay(
    jobs: Sequence[CronJob], stop: Event, *, seconds: float = float("inf"), idle_s: float = 0.0, gives_way: bool = False
) -> None:
    """Run these jobs, each as often as it is due; where none has anything to do, rest."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stop.is_set():
        begun = time.monotonic()
        if not _tick(jobs, stop):
            stop.wait(idle_s)
        elif gives_way:
            stop.wait(time.monotonic() - begun)


def _tick(jobs: Sequence[CronJob], stop: Event) -> int:
    """Answers how much was done. What is wrong with one job costs that one; a database that goes away is waited for."""
    done = 0
    for job in jobs:
        try:
            done += job.run_if_due()
        except AWAY as error:
            log.error("the database is away", extra={"action": "database_away", "error": str(error)})
            connection.close()
            for each in jobs:  # above all Retry: what waited for the database comes before it gives up
                each.put_off()
            stop.wait(1.0)
            break
        except Exception:
            log.exception("a job failed and is tried again", extra={"action": "job_failed", "job": type(job).__name__})
            job.put_off(at_least_s=1.0)
            jobs[-1].put_off()  # who tells that all is well
    return done
