"""A whole service on loopback for `demo` and `develop`: simulator, web server and dispatcher as processes of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from django.conf import settings

_MANAGE = Path(settings.BASE_DIR) / "manage.py"
_READY_WITHIN_S = 60.0
_GONE_WITHIN_S = 15.0


def loopback() -> requests.Session:
    """Asks what is on this host; no proxy of the environment has to do with that."""
    session = requests.Session()
    session.trust_env = False
    return session


class StageError(Exception):
    """A process did not come up, or went away."""


@dataclass
class Stage:
    """Where the parts of the service are, and the environment in which its commands run."""

    api: str
    carrier: str
    environment: dict[str, str]
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def pages(self) -> str:
        """Where people look."""
        return self.api.removesuffix("api/v1")

    def manage(self, *arguments: str) -> None:
        """Run a command to its end. Raises StageError if it fails."""
        command = [sys.executable, str(_MANAGE), *arguments]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
        if done.returncode:
            raise StageError(f"manage.py {' '.join(arguments)} failed")

    def start(self, *arguments: str, output: Path) -> None:
        """Start a command that stays; what it prints goes to a file."""
        command = [sys.executable, str(_MANAGE), *arguments]
        with output.open("ab") as out:
            child = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)  # noqa: S603  # our own
        self.children.append(child)

    def wait_for(self, url: str) -> None:
        """Wait until a server answers. Raises StageError if it does not, or if any process has gone."""
        deadline = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline:
            self.check()
            try:
                loopback().get(url, timeout=2)
            except requests.RequestException:
                time.sleep(0.1)
            else:
                return
        raise StageError(f"nothing answers at {url}")

    def check(self) -> None:
        """Raise StageError if a process has gone."""
        for child in self.children:
            if child.poll() is not None:
                raise StageError(f"{child.args!r} has ended with {child.returncode}")


@contextmanager
def stage(
    *, folder: Path, web_port: int = 0, carrier_port: int = 0, speed: float = 1.0, **environment: str
) -> Iterator[Stage]:
    """Set up the service with its logs and output in `folder`; everything ends with the block.

    Port 0: any free one. Raises StageError if a part does not come up.
    """
    web_port, carrier_port = web_port or _free_port(), carrier_port or _free_port()
    web, carrier = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{carrier_port}"
    folder.mkdir(parents=True, exist_ok=True)
    scene = Stage(
        api=f"{web}/api/v1",
        carrier=carrier,
        environment=os.environ
        | {
            "BLAST_LOG_DIR": str(folder),
            "BLAST_STATE_DIR": str(settings.STATE_DIR),
            "BLAST_BASE_CALLCONTROL_API_URL": f"{web}/api/v1/call-control",
            "BLAST_BASE_CARRIERX_API_URL": carrier,
        }
        | environment,
    )
    try:
        scene.manage("migrate", "--verbosity=0")
        scene.start("simulate", f"--port={carrier_port}", f"--speed={speed}", output=folder / "simulator.out")
        scene.start("runserver", "--noreload", str(web_port), output=folder / "web.out")
        scene.wait_for(f"{carrier}/_simulator/")
        scene.wait_for(f"{web}/docs/swagger.json")
        scene.start("runcrons", "--linger=1000000000", output=folder / "dispatcher.out")
        yield scene
    finally:
        for child in reversed(scene.children):
            child.terminate()
        for child in scene.children:
            try:
                child.wait(_GONE_WITHIN_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
