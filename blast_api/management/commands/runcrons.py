"""`manage.py runcrons`: place what is ready, retry, sweep."""

from __future__ import annotations

import logging
from argparse import SUPPRESS, ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from blast_api import cron
from blast_api.db.clock import AWAY
from blast_api.management.going import told_to_go
from blast_api.management.lane import Parent, SendingWebhooks, Sweeping, send_once
from blast_api.management.relay import Relay
from blast_api.monitoring.health import missing_migrations
from blast_api.services import webhooks

log = logging.getLogger(cron.__name__)

# So much longer than it lingers may the run before take to end.
_LATE_S = 15.0


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
        parser.add_argument(
            "--take-over",
            action="store_true",
            help="first wait for the run before on this host, also begun with this, to end; if one waits already, do nothing",
        )
        parser.add_argument("--sweeping", action="store_true", help=SUPPRESS)  # of a lingering run: its other lane

    def handle(self, *args: object, linger: float, take_over: bool, sweeping: bool, **options: object) -> None:
        if not 0 <= linger < float("inf"):
            raise CommandError("--linger takes a number of seconds, 0 or more.")
        relay = Relay()
        try:
            with told_to_go() as go:
                if sweeping:
                    cron.sweep_until(go.stop, telling=Parent(gone=go.now).tell)
                    return
                _refuse_if_unmigrated()
                if take_over and not relay.take_over(go.stop, within_s=linger + _LATE_S):
                    return
                if linger:
                    with Sweeping() as other, SendingWebhooks() as sending:

                        def leaving() -> None:
                            relay.hand_over()
                            other.let_go()  # they end while the last answers come
                            sending.let_go()

                        cron.place_for(linger, go.stop, beside=[other, sending], telling=other.tell, leaving=leaving)
                else:
                    cron.run_once(go.stop)
                    if webhooks.anybody():
                        send_once()
        except AWAY as error:
            log.error("the database is away: nothing was done", extra={"action": "database_away", "error": str(error)})
            raise CommandError(f"The database is away: {error}") from error
        finally:
            relay.hand_over()


def _refuse_if_unmigrated() -> None:
    """Raises CommandError if this code is newer than the database: it would fail at every other step."""
    if missing := missing_migrations():
        log.critical(
            "the database lacks migrations: nothing is placed", extra={"action": "unmigrated", "missing": missing}
        )
        raise CommandError(
            f"Nothing was placed: the database lacks {', '.join(missing)}. Run `manage.py migrate`, then this again."
        )
