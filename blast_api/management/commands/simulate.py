"""`manage.py simulate`: the carrier's double on loopback."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from threading import Event

from django.core.management.base import BaseCommand

from blast_api.conf import configuration
from blast_api.simulator import describe, run


class Command(BaseCommand):
    help = "Serves a carrier that calls nobody: it plays our documents to scripted people. " + describe()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time people act")

    def handle(self, *args: object, host: str, port: int, speed: float, **options: object) -> None:
        config = configuration()
        stop = Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: stop.set())
        run(
            host,
            port,
            speed=speed,
            user=config.flexml_api_user,
            password=config.flexml_api_password,
            token=config.carrierx_api_token,
            stop=stop,
            on_ready=lambda url: self.stdout.write(f"The simulated carrier is at {url}"),
        )
