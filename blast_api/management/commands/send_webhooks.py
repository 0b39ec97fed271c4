"""`manage.py send_webhooks`: send what webhooks are told."""

from __future__ import annotations

import logging
from argparse import SUPPRESS, ArgumentParser
from threading import Event

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from blast_api import cron
from blast_api.conf import configuration
from blast_api.db.clock import AWAY
from blast_api.management.going import told_to_go
from blast_api.management.lane import Parent
from blast_api.webhooks.lane import Sending
from blast_api.webhooks.wire import WebhookWire

log = logging.getLogger(cron.__name__)


class SendWebhooks(cron.CronJob):
    """Sends what webhooks are told."""

    every_s = 0.0
    _wait_s = 0.05

    def __init__(self, lane: Sending) -> None:
        super().__init__()
        self._lane = lane

    def run(self) -> bool:
        return self._lane.turn(self._wait_s)


class Command(BaseCommand):
    help = (
        "Sends what webhooks are to be told, until nothing is due. `runcrons` does that by itself, beside its other work. "
        "Several at once, on one host or many, are safe."
    )
    requires_system_checks = ("blast_api",)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--beside", action="store_true", help=SUPPRESS)  # of a run of the jobs: until that has gone

    def handle(self, *args: object, beside: bool, **options: object) -> None:
        try:
            with told_to_go() as go:
                if beside:
                    Parent(gone=go.now)
                with Sending(go.stop, WebhookWire(opened=configuration().webhook_networks)) as lane:
                    _send(SendWebhooks(lane), go.stop, lingers=beside)
        except AWAY as error:
            log.error("the database is away: nothing was sent", extra={"action": "database_away", "error": str(error)})
            raise CommandError(f"The database is away: {error}") from error


def _send(job: SendWebhooks, stop: Event, *, lingers: bool) -> None:
    if lingers:
        cron.stay([job], stop, idle_s=0.1, gives_way=connection.vendor == "sqlite")
        return
    while job.run() and not stop.is_set():
        pass
