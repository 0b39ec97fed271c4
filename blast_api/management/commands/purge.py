"""`manage.py purge`: delete what is old."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timedelta

from django.core.management.base import CommandError, CommandParser

from blast_api.carrierx.client import CarrierClient
from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.management.operating import USAGE, OperatorCommand
from blast_api.operations import retention
from blast_api.services import people

_COUNTED = ("shouts", "calls", "attempts", "recordings", "records", "keys")
_TOLD_EVERY_S = 5.0


class Command(OperatorCommand):
    help = (
        "Deletes what is older than so many days: shouts that have ended, with their calls and idempotency keys, their "
        "recordings at the carrier unless a younger shout uses the same one, and records that have been written to the "
        "logs. What was uploaded, do-not-call lists, applications and log files stay. Without --yes it only tells what would "
        "go. It may run beside everything else, be interrupted, and be repeated. Exits with 1 if the carrier keeps a "
        "recording; the dispatcher tries again, and so does the next purge."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than",
            type=float,
            required=True,
            metavar="DAYS",
            help="since the end of a shout, or the writing of a record",
        )
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: object, older_than: float, yes: bool, as_json: bool, **options: object) -> None:
        shortest = retention.shortest()
        if not shortest / timedelta(days=1) <= older_than <= 36500:
            raise CommandError(
                f"--older-than takes days, {shortest / timedelta(days=1):g} or more: callbacks and idempotency keys of "
                f"what is younger may still be used.",
                returncode=USAGE,
            )
        now = database_now()
        before = now - timedelta(days=older_than)
        found = self._purge(before, now=now) if yes else retention.preview(before, now=now)
        if as_json:
            counts = {name: count for name, count in asdict(found).items() if name in (*_COUNTED, "kept", "trouble")}
            self.tell_json(counts | {"before": before, "done": yes})
        else:
            rows = [(name, count) for name, count in asdict(found).items() if name in _COUNTED]
            self.tell_rows(("what", "deleted" if yes else "to delete"), rows)
            if not yes:
                self.stderr.write("Nothing was deleted; --yes does it.")
        if found.kept:
            raise CommandError(
                f"The carrier keeps recordings that are to go: {found.kept}. They are tried again. It said: {found.trouble}"
            )

    def _purge(self, before: datetime, *, now: datetime) -> retention.Purged:
        done, told_at = retention.Purged(), time.monotonic()
        with CarrierClient(configuration(), connections=1) as client:
            for done in retention.purge(before, client, now=now):
                if time.monotonic() > told_at + _TOLD_EVERY_S:
                    told_at = time.monotonic()
                    self.stderr.write(
                        f"{done.shouts} shouts, {done.calls} calls, {done.attempts} attempts deleted so far"
                    )
        people.forget_past(now=now)
        return done
