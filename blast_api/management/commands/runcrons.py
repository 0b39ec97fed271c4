"""`manage.py runcrons`: place what is ready, retry, sweep."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from threading import Event

from django.core.management.base import BaseCommand, CommandError

from blast_api import cron


class Command(BaseCommand):
    help = (
        "Runs PlaceCalls, Retry and CheckMessageStatuses once, until nothing is due; with --linger it stays and starts "
        "newly ready work within a second. Several at once, on one host or many, are safe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--linger", type=float, default=0.0, metavar="S", help="stay for S seconds (default: %(default)g)"
        )

    def handle(self, *args: object, linger: float, **options: object) -> None:
        if not 0 <= linger < float("inf"):
            raise CommandError("--linger takes a number of seconds, 0 or more.")
        stop = Event()
        # In-flight answers are kept before the process goes.
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        if linger:
            cron.run_for(linger, stop)
        else:
            cron.run_once(stop)
