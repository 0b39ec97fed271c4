"""`manage.py runcrons`: place what is ready, retry, sweep."""

from __future__ import annotations

import logging
import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from django.core.management.base import BaseCommand, CommandError

from blast_api import cron
from blast_api.health import missing_migrations
from blast_api.models import AWAY

log = logging.getLogger(cron.__name__)

_GO = (signal.SIGTERM, signal.SIGINT)
# Seconds. Who tells us to go waits for ten, and then kills; what is in hand by then is as after a crash.
_GONE_WITHIN_S = 9


class Command(BaseCommand):
    help = (
        "Runs PlaceCalls, Retry and CheckMessageStatuses once, until nothing is due; with --linger it stays and starts "
        "newly ready work within a second. Several at once, on one host or many, are safe."
    )

    # Not those of STATE_DIR: calls go on while it is out of reach, and records wait.
    requires_system_checks = ("blast_api",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--linger", type=float, default=0.0, metavar="S", help="stay for S seconds (default: %(default)g)"
        )

    def handle(self, *args: object, linger: float, **options: object) -> None:
        if not 0 <= linger < float("inf"):
            raise CommandError("--linger takes a number of seconds, 0 or more.")
        try:
            with _told_to_go() as stop:
                _refuse_if_unmigrated()
                if linger:
                    cron.run_for(linger, stop)
                else:
                    cron.run_once(stop)
        except AWAY as error:
            log.error("the database is away: nothing was done", extra={"action": "database_away", "error": str(error)})
            raise CommandError(f"The database is away: {error}") from error


@contextmanager
def _told_to_go() -> Iterator[Event]:
    """Set by SIGTERM and SIGINT. In-flight answers are kept before the process goes, but nothing keeps it for long.

    A thread of its own waits for them: one that hangs in the database, as the main thread may, runs no handler.
    """
    stop = Event()

    def wait() -> None:
        signal.sigwait(_GO)
        stop.set()
        signal.alarm(_GONE_WITHIN_S)  # ends the process, whatever its threads are at

    former = signal.pthread_sigmask(signal.SIG_BLOCK, _GO)
    Thread(target=wait, name="signals", daemon=True).start()
    try:
        yield stop
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _refuse_if_unmigrated() -> None:
    """Raises CommandError if this code is newer than the database: it would fail at every other step."""
    if missing := missing_migrations():
        log.critical(
            "the database lacks migrations: nothing is placed", extra={"action": "unmigrated", "missing": missing}
        )
        raise CommandError(
            f"Nothing was placed: the database lacks {', '.join(missing)}. Run `manage.py migrate`, then this again."
        )
