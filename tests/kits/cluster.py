"""A PostgreSQL server of a test's own: it may be restarted as hard as one likes, nobody else uses it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_USER = "postgres"
_PLACES = "/usr/lib/postgresql"  # of Debian and its kin; elsewhere the programs are on the path


@dataclass(frozen=True)
class Cluster:
    """A server on loopback, without passwords and with no more care for the disk than a test needs."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgres://{_USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self.control("-o", options, "start")

    def stop(self) -> None:
        """End every session in good order, and stop."""
        self.control("stop", "-m", "fast")

    def restart(self, mode: Literal["fast", "immediate"]) -> None:
        """Stop and start it. `immediate` is a crash, from which it recovers; `fast` ends every session in good order."""
        self.control("restart", "-m", mode)

    def control(self, *command: str) -> None:
        """Run pg_ctl to its end; what the server says is in its log."""
        self.run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), *command)

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL, which refuses to be root."""
        as_user = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
        command = [*as_user, str(self.programs / program), *arguments]
        # Output to a file: the server inherits it, and a pipe would be open as long as the server lives.
        with (self.folder / "output").open("ab") as output:
            subprocess.run(command, cwd=self.folder, stdout=output, stderr=output, check=True)


def what_is_missing() -> str:
    """Why there can be no cluster here; empty if there can."""
    if _programs() is None:
        return "PostgreSQL's server programs (initdb, pg_ctl) are not installed"
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            return "we are root and PostgreSQL must not be, and there is no runuser"
        try:
            pwd.getpwnam(_USER)
        except KeyError:
            return f"we are root and PostgreSQL must not be, and there is no user {_USER}"
    return ""


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new server for the block; neither it nor its files outlive it."""
    programs = _programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="blast-api-cluster-"))  # pytest's own folders are closed to other users
    if os.geteuid() == 0:
        shutil.chown(folder, _USER)
    server = Cluster(programs, folder, free_port())
    try:
        server.run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", _USER, "-N", "-E", "UTF8", "--locale=C")
        server.start()
        yield server
    finally:
        with suppress(subprocess.CalledProcessError):
            server.control("stop", "-m", "immediate")
        shutil.rmtree(folder)


def _programs() -> Path | None:
    places = [Path(found).parent] if (found := shutil.which("pg_ctl")) else []
    places += sorted(Path(_PLACES).glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists() and (place / "pg_ctl").exists()), None)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
