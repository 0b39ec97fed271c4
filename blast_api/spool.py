"""Callbacks that the database could not take: on this host's disk until it is back, one JSON line each.

The carrier tells a thing once. That somebody must never be called again, and how a call ended, is kept therefore, wherever
it can be kept. `cron` has it taken up again; what is taken up twice counts once, as the callbacks themselves do.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from .addresses import Kind
from .carrierx.events import Parameters

log = logging.getLogger(__name__)

_NAME = "callbacks.spool"


@dataclass(frozen=True, slots=True)
class Told:
    """One callback whose address was genuine, and when it came."""

    kind: Kind
    row: int
    serial: int
    step: str
    told: Parameters
    at: datetime


def keep(callback: Told) -> None:
    """Add it to the spool, on the disk when this returns. Raises OSError if even that fails."""
    line = json.dumps(asdict(callback) | {"at": callback.at.isoformat()}) + "\n"
    file = _opened()
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)
    log.error(
        "the database is away: a callback waits on disk",
        extra={"action": "callback_spooled", "kind": callback.kind, "row": callback.row, "step": callback.step},
    )


def take_up(again: Callable[[Told], None]) -> int:
    """Hand every callback of the spool to `again`; answers how many. If it raises, all of them wait for the next time."""
    count = 0
    _set_aside()
    for file in sorted(_folder().glob(f"{_NAME}.*")):
        with suppress(FileNotFoundError):  # another process was faster
            for callback in _read(file):
                again(callback)
                count += 1
            file.unlink()
    if count:
        log.info("callbacks were taken from disk", extra={"action": "callbacks_taken_up", "count": count})
    return count


def _folder() -> Path:
    return Path(settings.CDR_LOGGER_PATH).parent


def _opened() -> int:
    """The spool, locked: who has it so is alone with the file of this name, to write to it or to set it aside."""
    path = _folder() / _NAME
    while True:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        os.close(file)  # it was set aside while we waited for the lock


def _set_aside() -> None:
    """Give the spool a name that nobody writes to."""
    path = _folder() / _NAME
    if not path.exists():
        return
    file = _opened()
    try:
        path.rename(path.with_name(f"{_NAME}.{uuid4().hex}"))
    finally:
        os.close(file)


def _read(file: Path) -> Iterator[Told]:
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                told = json.loads(line)
                yield Told(
                    Kind(told["kind"]),
                    int(told["row"]),
                    int(told["serial"]),
                    str(told["step"]),
                    dict(told["told"]),
                    datetime.fromisoformat(told["at"]),
                )
            except (ValueError, KeyError, TypeError):  # torn by a full disk or a power cut
                log.exception(
                    "a line of the spool cannot be read", extra={"action": "spool_unreadable", "line": line[:300]}
                )
