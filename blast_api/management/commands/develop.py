"""`manage.py develop`: the service with the simulated carrier beside it, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from blast_api.management.stage import StageError, stage


class Command(BaseCommand):
    help = "Serves the API, with the simulated carrier and a dispatcher beside it, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the API (default: %(default)s)")
        parser.add_argument("--carrier-port", type=int, default=8001, help="of the simulator (default: %(default)s)")
        parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time people act")

    def handle(self, *args: object, port: int, carrier_port: int, speed: float, **options: object) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # what it has started ends with it
        logs = Path(settings.CDR_LOGGER_PATH).parent
        try:
            with stage(folder=logs, web_port=port, carrier_port=carrier_port, speed=speed) as scene:
                self.stdout.write(
                    f"Pages                {scene.pages}\n"
                    f"API documentation    http://127.0.0.1:{port}/docs\n"
                    f"Shouts               {scene.api}/shouts?userdata=me\n"
                    f"Simulated carrier    {scene.carrier}/   (who answers how)\n"
                    f"Logs and records     {logs}/\n"
                    "Ctrl-C ends all of it."
                )
                while True:
                    scene.check()
                    time.sleep(0.5)
        except KeyboardInterrupt:
            self.stdout.write("Good night.")
        except StageError as error:
            raise CommandError(f"{error}; see {logs}/*.out") from error
