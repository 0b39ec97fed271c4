"""The real processes of the service, each scene with a database, a folder and a carrier of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests

_ROOT = Path(__file__).resolve().parents[2]
_PYTHON = sys.executable
_SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
_UWSGI = Path(_PYTHON).with_name("uwsgi")
_SHIPPED = str(_ROOT / "etc/blast-api.ini")
_TICKS = os.sysconf("SC_CLK_TCK")
_READY_WITHIN_S = 30.0
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


class BenchError(Exception):
    """A process did not do what it should: the figures would mean nothing."""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def cpu_s(*pids: int) -> float:
    """CPU seconds that these processes have used so far."""
    used = 0.0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += (int(fields[11]) + int(fields[12])) / _TICKS
    return used


def peak_mib(pid: int) -> float:
    """The most memory that a process has held at once."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def children_of(pid: int) -> list[int]:
    """The processes that a process has started itself."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Databases:
    """Migrated databases, made by copying; all are gone in the end. `kinds` are those that there are."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="blast-api-bench-"))
        self._name = f"bench_{os.getpid()}"
        self._made = 0
        self._names: list[str] = []
        self.kinds = [SQLITE]
        self.version = "none answers"
        self._copied: dict[str, str] = {}
        with suppress(psycopg.OperationalError), self._server() as server:
            row = server.execute("SHOW server_version").fetchone()
            self.version = str(row[0]) if row else ""
            self.kinds.append(POSTGRESQL)

    def new(self, kind: str) -> str:
        """The URL of a fresh database."""
        if kind not in self._copied:
            url = self._empty(kind)
            Scene(url, self.folder).manage("migrate", "--verbosity=0")
            self._copied[kind] = url
        return self._empty(kind, template=self._copied[kind].rpartition("/")[2])

    def _empty(self, kind: str, template: str = "") -> str:
        self._made += 1
        name = f"{self._name}_{self._made}"
        if kind == SQLITE:
            if template:
                shutil.copy(self.folder / template, self.folder / name)
            return f"sqlite:///{self.folder / name}"
        self._names.append(name)
        with self._server() as server:
            server.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return f"{_SERVER.rpartition('/')[0]}/{name}"

    def backends(self, url: str) -> list[int]:
        """PostgreSQL's processes that serve this database."""
        if url.startswith("sqlite"):
            return []
        with self._server() as server:
            name = url.rpartition("/")[2]
            return [pid for (pid,) in server.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [name])]

    def refuse(self, url: str) -> None:
        """From now on this database ends all connections and takes none, as if it were away."""
        name = url.rpartition("/")[2]
        with self._server() as server:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    def admit(self, url: str) -> None:
        """It is there again."""
        with self._server() as server:
            server.execute(f"ALTER DATABASE {url.rpartition('/')[2]} ALLOW_CONNECTIONS true")

    def close(self) -> None:
        """Drop all of them."""
        for name in reversed(self._names):
            with self._server() as server:
                server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _server(self) -> psycopg.Connection[Any]:
        return psycopg.connect(_SERVER, autocommit=True, connect_timeout=3)


@dataclass
class Scene:
    """A database and what runs on it; `settings` are configuration keys."""

    url: str
    folder: Path
    settings: dict[str, object] = field(default_factory=dict)
    carrier_port: int = 0
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        keys = {f"BLAST_{key}": str(value) for key, value in self.settings.items()}
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
            "DATABASE_URL": self.url,
            "SECRET_KEY": "a secret of the bench, which is none",
            "BLAST_LOG_DIR": str(self.folder / f"log-{self.url.rpartition('/')[2]}"),
            "BLAST_STATE_DIR": str(self.folder / f"state-{self.url.rpartition('/')[2]}"),
            "BLAST_BASE_CARRIERX_API_URL": f"http://127.0.0.1:{self.carrier_port or 9}",
            "BLAST_CALL_BATCH_SIZE": "1000000",  # all calls of a shout are due at once
            **keys,
        }

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that stays."""
        with (self.folder / "output").open("ab") as output:
            child = subprocess.Popen(command, env=self.environment, cwd=_ROOT, stdout=output, stderr=output)
        self.children.append(child)
        return child

    def manage(self, *arguments: str) -> None:
        """Run one of the service's commands to its end."""
        self._run("manage.py", *arguments)

    def inside(self, name: str, **arguments: object) -> Any:
        """What a function of `inside` answers, run within the service's settings on this database."""
        return json.loads(self._run("-m", "tests.bench.inside", name, json.dumps(arguments)))

    def _run(self, *arguments: str) -> bytes:
        done = subprocess.run([_PYTHON, *arguments], env=self.environment, cwd=_ROOT, capture_output=True)
        if done.returncode:
            raise BenchError(f"{arguments[:3]}: {done.stderr.decode()[-2000:]}")
        return done.stdout

    # --- The processes -----------------------------------------------------------------------------------------------

    def carrier(self, latency_s: float, *, lost_each: int = 0, forbidden: str = "-") -> subprocess.Popen[bytes]:
        """Start the counting carrier and wait until it listens."""
        self.carrier_port = free_port()
        options = map(str, (self.carrier_port, latency_s, lost_each, forbidden))
        child = self.start(_PYTHON, "-m", "tests.bench.carrier", *options)
        _wait_for(self.carrier_port, child)
        return child

    def arrivals(self, first: int = 0) -> list[tuple[float, float, str]]:
        """What was at the carrier's door, from the `first` on: arrived, read, number."""
        return sorted((at, read_at, number) for at, read_at, number, _ in self._asked(first))

    def starts(self) -> list[float]:
        """When each phone would begin to ring: the arrival and the delay."""
        return sorted(at + delay for at, _, _, delay in self._asked(0))

    def _asked(self, first: int) -> list[tuple[float, float, str, int]]:
        answer = requests.get(f"http://127.0.0.1:{self.carrier_port}/_arrivals?{first}", timeout=30)
        return [(at, read_at, number, delay) for at, read_at, number, delay in answer.json()]

    def dispatchers(self, count: int, **environment: str) -> list[int]:
        """Start lingering dispatchers and wait until they are idle; their pids."""
        told = (f"{name}={value}" for name, value in environment.items())
        command = ("env", *told, _PYTHON, "manage.py", "runcrons", "--linger=100000")
        pids = [self.start(*command).pid for _ in range(count)]
        wait_until_idle(pids)
        return pids

    def web(self, *, processes: int = 2, threads: int = 2) -> tuple[int, list[int]]:
        """Start uWSGI; its port and the pids of its workers."""
        port = free_port()
        options = (
            f"--http-socket=127.0.0.1:{port}",
            "--module=blast_api_project.wsgi",
            f"--binary-path={_PYTHON}",
            f"--chdir={_ROOT}",
            "--master",
            "--lazy-apps",
            "--die-on-term",
            "--need-app",
            "--disable-logging",
            "--listen=100",
            "--buffer-size=16384",
            f"--processes={processes}",
            f"--threads={threads}",
        )
        child = self.start(str(_UWSGI), *options)
        _wait_for(port, child)
        requests.get(f"http://127.0.0.1:{port}/empty", timeout=_READY_WITHIN_S)
        workers = children_of(child.pid)
        wait_until_idle(workers)
        return port, workers

    def shipped(self, unit: str, **environment: str) -> int:
        """Start uWSGI as it is shipped, as nice as its unit says, with this in its environment; its port."""
        port = free_port()
        nice = re.search(r"(?m)^Nice=(\d+)", (_ROOT / "etc" / unit).read_text())
        told = {"LISTEN": f"127.0.0.1:{port}", "ALLOWED_HOSTS": "127.0.0.1"} | environment
        command = ("nice", f"-n{nice[1] if nice else 0}", "env", *(f"{name}={value}" for name, value in told.items()))
        child = self.start(*command, str(_UWSGI), "--ini", _SHIPPED)
        _wait_for(port, child)
        requests.get(f"http://127.0.0.1:{port}/healthz", timeout=_READY_WITHIN_S)
        wait_until_idle(children_of(child.pid))
        return port

    def spooled(self) -> int:
        """How many callbacks wait on disk."""
        lines = 0
        for file in Path(self.environment["BLAST_STATE_DIR"]).glob("callbacks.spool*"):
            with suppress(FileNotFoundError):
                lines += file.read_bytes().count(b"\n")
        return lines

    def end(self) -> None:
        """End what this scene has started."""
        for child in self.children:
            child.send_signal(signal.SIGTERM)
        for child in self.children:
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children.clear()


@contextmanager
def scene(databases: Databases, kind: str, **settings: object) -> Iterator[Scene]:
    """A scene on a fresh database; what it started ends with the block."""
    made = Scene(databases.new(kind), databases.folder, settings)
    try:
        yield made
    finally:
        made.end()


def wait_until_idle(pids: Sequence[int], *, share: float = 0.3) -> None:
    """Wait until these processes together use less than that share of a core."""
    deadline = time.monotonic() + _READY_WITHIN_S
    used = 0.0
    while time.monotonic() < deadline:
        before, used = used, cpu_s(*pids)
        if before and used - before < 0.4 * share * len(pids):
            return
        time.sleep(0.4)
    raise BenchError("the processes do not come to rest")


def _wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and child.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise BenchError(f"{child.args!r} does not come up")
