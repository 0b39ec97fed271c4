"""The cron jobs, in lanes that hold each other up in nothing: placing; sweeping, which writes the records as well; and, where
there are webhooks, sending what they are told (`manage.py send_webhooks`).

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
from .services import authors, deliveries, delivery, postponed, sweeps

log = logging.getLogger(__name__)


class CronJob:
    """A unit of work that is due every so often, and at once as long as there is more of it.

    `run` does a bounded piece. True: again, there may be more of it; False: rest.
    """

    every_s: float

    def __init__(self) -> None:
        self._due_at = 0.0

    def run_if_due(self) -> bool:
        """Run, unless there was nothing to do less than `every_s` seconds ago. True: it is due again at once."""
        if time.monotonic() < self._due_at:
            return False
        self.put_off()
        again = self.run()
        if again:
            self._due_at = 0.0
        return again

    def put_off(self, *, at_least_s: float = 0.0) -> None:
        """Not before `every_s` seconds from now."""
        self._due_at = time.monotonic() + max(self.every_s, at_least_s)

    def run(self) -> bool:
        raise NotImplementedError


class PlaceCalls(CronJob):
    """Hands the calls of shouts to the carrier. The rest of each tick is its."""

    every_s = 0.0
    _wait_s = 0.1

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._dispatcher = dispatcher

    def run(self) -> bool:
        return self._dispatcher.turn(self._wait_s) > 0


class Retry(CronJob):
    """Placements that nothing ever confirmed become ready again. Where the carrier can tell, the dispatcher asks it."""

    every_s = 5.0

    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__()
        self._clock = dispatcher.clock

    def run(self) -> bool:
        now = self._clock.read()
        # Set ahead, it makes what is on its way look as if it had waited for long.
        if not self._clock.is_steady(for_s=configuration().placement_confirm_timeout):
            return False
        return delivery.lapse(now) + authors.lapse(now) > 0


class CheckMessageStatuses(CronJob):
    """Takes up what callbacks left on disk; releases, begins, times out, finishes and closes shouts; writes the records that wait."""

    every_s = 0.5

    def run(self) -> bool:
        taken_up = postponed.take_up()  # before anything else: somebody may have asked never to be called again
        return taken_up + sweeps.sweep(database_now()) + writer.write_due(batches=1) > 0


class TakeUpOptOuts(CronJob):
    """Before each claim: who pressed 5 while the database was away is called by nobody, also if that lane has much to do."""

    every_s = 0.0

    def run(self) -> bool:
        return postponed.take_up(only_opt_outs=True) > 0


class RefreshStatistics(CronJob):
    """Tells the database's planner of tables that have grown: it plans for what it knows."""

    every_s = 1.0

    def run(self) -> bool:
        statistics.refresh()
        return False


class ForgetDeliveries(CronJob):
    """Forgets what webhooks were told long ago."""

    every_s = 10.0

    def run(self) -> bool:
        return deliveries.forget(database_now()) > 0


class TellOfIt(CronJob):
    """Tells whoever watches that the others run. The last of all: it is true when they have done what was due."""

    every_s = 5.0

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell = tell

    def run(self) -> bool:
        self._tell()
        return False


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

        def place() -> bool:
            """Place, and meanwhile do what else is due. Rest when no call is on its way."""
            again = placing.run() or dispatcher.is_busy
            if again and not stop.is_set():
                _beside(dispatcher, (job.run_if_due for job in (*others, telling)))
            return again

        def everything() -> bool:
            """Run each job, due or not, and place until that rests. Rest when there was nothing to do."""
            done = _beside(dispatcher, (job.run for job in others))
            again = placing.run() or done or dispatcher.is_busy
            if again:
                _until_rest(place, stop)
            return again

        _until_rest(everything, stop)
        telling.run()
    writer.write_due()
    ForgetDeliveries().run()


def _until_rest(step: Callable[[], bool], stop: Event) -> None:
    while step() and not stop.is_set():
        pass


def _beside(dispatcher: Dispatcher, others: Iterable[Callable[[], bool]]) -> bool:
    """Run others than placing, each of them. True: the same run places what they have made ready."""
    done = sum(run() for run in others) > 0
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
        stay((*beside, Retry(dispatcher), TakeUpOptOuts(), PlaceCalls(dispatcher), last), stop, seconds=seconds)
        leaving()


def sweep_until(stop: Event, *, telling: Callable[[], None] = tell) -> None:
    """Run the lane of sweeps and records until told to stop.

    SQLite has one writer, and who waits for it looks only now and then: so this one rests for as long as it worked.
    """
    jobs = (CheckMessageStatuses(), ForgetDeliveries(), RefreshStatistics(), TellOfIt(telling))
    stay(jobs, stop, idle_s=0.1, gives_way=connection.vendor == "sqlite")
    with suppress(*AWAY):  # they are kept in it
        writer.write_due(batches=1)


def stay(
    jobs: Sequence[CronJob], stop: Event, *, seconds: float = float("inf"), idle_s: float = 0.0, gives_way: bool = False
) -> None:
    """Tick for so many seconds or until told to stop, and rest in between where a tick says so."""
    deadline = time.monotonic() + seconds
    while (begun := time.monotonic()) < deadline and not stop.is_set():
        if not _tick(jobs, stop):
            stop.wait(idle_s)
        elif gives_way:
            stop.wait(time.monotonic() - begun)


def _tick(jobs: Sequence[CronJob], stop: Event) -> bool:
    """Run each job that is due. True: one of them has more to do. An error costs the job that raised it, and no other."""
    again = False
    for job in jobs:
        try:
            again |= job.run_if_due()
        except AWAY as error:
            log.error("the database is away", extra={"action": "database_away", "error": str(error)})
            _wait_for_the_database(jobs, stop)
            break
        except Exception:
            log.exception("a job failed and is tried again", extra={"action": "job_failed", "job": type(job).__name__})
            job.put_off(at_least_s=1.0)
            jobs[-1].put_off()  # who tells that all is well
    return again


def _wait_for_the_database(jobs: Sequence[CronJob], stop: Event) -> None:
    """Give it a second and a new connection. All jobs wait, above all Retry: what is in memory is kept before it gives up."""
    connection.close()
    for job in jobs:
        job.put_off()
    stop.wait(1.0)
