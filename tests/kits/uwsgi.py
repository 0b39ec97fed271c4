"""uWSGI as its shipped file starts it, on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from django.conf import settings

from tests.kits.processes import environment, wait_until

SHIPPED = Path(settings.BASE_DIR) / "etc/blast-api.ini"
PROCESSES = (os.cpu_count() or 0) + 1
UWSGI = Path(sys.executable).with_name("uwsgi")


@dataclass
class Server:
    """uWSGI and where it listens."""

    process: subprocess.Popen[bytes]
    url: str
    stats: Path
    log: Path

    def loaded(self) -> int:
        """How many processes have loaded the application."""
        return self.log.read_text().count("WSGI app 0")

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=60).status_code == 200
        except (requests.ConnectionError, requests.Timeout):  # it loads
            return False

    def told(self) -> dict[str, Any]:
        """What the stats socket tells."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.stats))
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as answer:
                told: dict[str, Any] = json.loads("{" + answer.read().decode().partition("{")[2])
        return told

    def workers(self) -> set[int]:
        return {worker["pid"] for worker in self.told()["workers"]}


@contextmanager
def serving(
    ini: Path, folder: Path, *, ready: Callable[[], bool] | None = None, more: dict[str, str] | None = None
) -> Iterator[Server]:
    """uWSGI with `more` in its environment, once all of it answers, or once it is as ready as that."""
    more = more or {}
    processes = int(more.get("WORKERS", PROCESSES))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    log = folder / "said"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [UWSGI, "--ini", ini],
            env=environment()
            | {"LISTEN": listen, "RUNTIME_DIRECTORY": str(folder), "ALLOWED_HOSTS": "127.0.0.1"}
            | more,
            stdout=said,
            stderr=said,
        )
    server = Server(process, f"http://{listen}", folder / "stats.sock", log)
    try:
        wait_until(ready or (lambda: server.answers() and server.loaded() == processes))
        yield server
    finally:
        process.kill()
        process.wait()
