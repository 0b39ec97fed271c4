"""The service's own commands as processes of their own, on the database and the carrier of the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection

from blast_api import conf

_MANAGE = Path(settings.BASE_DIR) / "manage.py"


def environment(**configuration: object) -> dict[str, str]:
    """What a command needs to work where the test does; `configuration` are keys of the operator's sheet."""
    folder = Path(settings.CDR_LOGGER_PATH).parent
    config = conf.configuration()
    keys = {
        "BASE_CARRIERX_API_URL": config.base_carrierx_api_url,
        "BASE_CALLCONTROL_API_URL": config.base_callcontrol_api_url,
        "FLEXML_API_USER": config.flexml_api_user,
        "FLEXML_API_PASSWORD": config.flexml_api_password,
        "CARRIERX_API_TOKEN": config.carrierx_api_token,
        "MAX_CALLS_PER_SECOND": config.max_calls_per_second,
        "RETRY_DELAY": 0,
        "LOG_DIR": folder,
        "STATE_DIR": settings.STATE_DIR,
    }
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "blast_api_project.settings.dev",
        "DATABASE_URL": _database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        **{f"BLAST_{key}": str(value) for key, value in (keys | configuration).items()},
    }


def _database_url() -> str:
    of_test = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{of_test['NAME']}"
    return f"postgres://{of_test['USER']}:{of_test['PASSWORD']}@{of_test['HOST']}:{of_test['PORT']}/{of_test['NAME']}"


@dataclass
class Processes:
    """Children of a test; none outlives it."""

    environment: dict[str, str]
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command; its output goes where the test's own goes."""
        child = subprocess.Popen([sys.executable, *command], env=self.environment, cwd=_MANAGE.parent)
        self.children.append(child)
        return child

    def manage(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a management command."""
        return self.start(str(_MANAGE), *arguments)

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """End a child as a power cut would."""
        child.send_signal(signal.SIGKILL)
        child.wait()


@contextmanager
def processes(**configuration: object) -> Iterator[Processes]:
    """Children may be started in the block; those that are left are killed at its end."""
    group = Processes(environment(**configuration))
    try:
        yield group
    finally:
        for child in group.children:
            if child.poll() is None:
                child.kill()
            child.wait()


def wait_until(condition: Callable[[], object], *, within_s: float = 300.0) -> None:
    """Wait for a condition, by looking often; the bound only ends what hangs, however busy the machine is."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)
