"""Callbacks that the database could not take: on this host's disk until it is back, one JSON line each.

The carrier tells a thing once. That somebody must never be called again, and how a call ended, is kept therefore, wherever
it can be kept: in STATE_DIR, or beside the logs if that takes nothing. `cron` has it taken up again from both, and
earlier releases kept it beside the logs, too; what is taken up twice counts once, as the callbacks themselves do.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from . import lines, state_dir
from .addresses import Kind
from .carrierx.events import Parameters

log = logging.getLogger(__name__)

_NAME = "callbacks.spool"
_UNUSABLE = "callbacks.unusable"  # for an operator to look at


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
    """Add it to the spool, whole and on the disk when this returns. Raises OSError if even that fails."""
    _append(_NAME, callback)
    log.error(
        "the database is away: a callback waits on disk",
        extra={"action": "callback_spooled", "kind": callback.kind, "row": callback.row, "step": callback.step},
    )


def put_aside(callback: Told) -> None:
    """Keep one that failed where it stands in the way of no other. Raises OSError."""
    _append(_UNUSABLE, callback)


def take_up(again: Callable[[Told], None]) -> int:
    """Hand every callback of the spool to `again`; answers how many. If it raises, all of them wait for the next time.

    What cannot be read, or not be removed afterwards, waits too, and holds up nobody who calls this.
    """
    count = 0
    for place in state_dir.places():
        with _patience():
            _set_aside(place)
    with _patience():
        _bring_what_is_unusable()
    for file in _waiting():
        with _patience():
            taken_up = 0
            for callback in _read(file):
                again(callback)
                taken_up += 1
            file.unlink()
            count += taken_up
    if count:
        log.info("callbacks were taken from disk", extra={"action": "callbacks_taken_up", "count": count})
    return count


def size() -> int:
    """Bytes that wait to be taken up on this host; what is out of reach does not count."""
    waiting = 0
    for file in (*(place / _NAME for place in state_dir.places()), *_waiting()):
        with suppress(OSError):
            waiting += file.stat().st_size
    return waiting


@contextmanager
def _patience() -> Iterator[None]:
    """A spool that is out of reach is there for the next time."""
    try:
        yield
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as error:
        log.error(
            "callbacks on disk are out of reach and wait", extra={"action": "spool_unreachable", "error": str(error)}
        )


def _waiting() -> list[Path]:
    """What was set aside, here or by a process that died since."""
    found: list[Path] = []
    for place in state_dir.places():
        with _patience():
            names = os.listdir(place)  # a glob would find nothing where we may not look
            found += [place / name for name in sorted(names) if name.startswith(f"{_NAME}.")]
    return found


def _append(name: str, callback: Told) -> None:
    """Add it to the file of this name in the first place that takes it. Raises OSError if none does."""
    line = json.dumps(asdict(callback) | {"at": callback.at.isoformat()}) + "\n"
    *others, last = state_dir.places()
    for place in others:
        try:
            _add(place / name, line.encode())
        except OSError as error:
            log.error(
                "a callback cannot be kept in STATE_DIR: it goes beside the logs",
                extra={"action": "spool_unreachable", "error": str(error)},
            )
        else:
            return
    _add(last / name, line.encode())


def _add(path: Path, data: bytes) -> None:
    file = _opened(path)
    try:
        lines.append(file, data)
    finally:
        os.close(file)


def _opened(path: Path) -> int:
    """The file, locked: who has it so is alone with the file of this name, to write to it or to set it aside."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        os.close(file)  # it was set aside while we waited for the lock


def _set_aside(place: Path) -> None:
    """Give the spool of a place a name that nobody writes to."""
    path = place / _NAME
    if not path.exists():
        return
    file = _opened(path)
    try:
        path.rename(path.with_name(f"{_NAME}.{uuid4().hex}"))
    finally:
        os.close(file)


def _bring_what_is_unusable() -> None:
    """Whoever cleans the logs must not clean away what somebody still has to look at."""
    former = state_dir.former()
    if former is None or not (former / _UNUSABLE).exists():
        return
    file = _opened(former / _UNUSABLE)
    try:
        _add(state_dir.folder() / _UNUSABLE, os.pread(file, os.fstat(file).st_size, 0))
        (former / _UNUSABLE).unlink()
    finally:
        os.close(file)


def _read(file: Path) -> Iterator[Told]:
    with file.open(encoding="utf-8", errors="replace") as spooled:
        for line in spooled:
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
