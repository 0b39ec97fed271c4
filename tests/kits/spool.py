"""A database that is away, and what waits for it on this host's disk.

The fixture is for the modules that import it, `as` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from blast_api.domain.callbacks import Party
from blast_api.models import Call
from blast_api.services import postponed
from tests.kits.callbacks import ask, path


@pytest.fixture(autouse=True)
def all_is_taken_up_at_once(impatient_callbacks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postponed, "_TAKEN_UP_FOR_S", 60.0)


@contextmanager
def away() -> Iterator[list[str]]:
    """The database answers nothing; what it was asked."""
    asked: list[str] = []

    def fail(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        raise OperationalError("as the test wishes")

    with connection.execute_wrapper(fail):
        yield asked


def spooled() -> list[Path]:
    return sorted(Path(settings.STATE_DIR).glob("callbacks.spool*"))


def beside_the_logs() -> Path:
    """Where earlier releases keep what waits."""
    return Path(settings.CDR_LOGGER_PATH).parent


def tell(client: Client, call: Call, step: str, **told: Any) -> Any:
    return ask(client, path(Party.RECIPIENT, call.pk, call.serial, step), **told)


# A line as releases before STATE_DIR wrote it, there.
LINE = '{{"kind": "calls", "row": {row}, "serial": {serial}, "step": "{step}", "told": {told}, "at": "{at}"}}\n'


def left(call: Call, step: str, told: str) -> str:
    return LINE.format(row=call.pk, serial=call.serial, step=step, told=told, at=timezone.now().isoformat())
