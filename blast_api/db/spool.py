"""Callbacks that the database could not take: on this host's disk until it is back, one JSON line each.

The carrier tells a thing once. That somebody must never be called again, and how a call ended, is kept therefore, wherever
it can be kept: in STATE_DIR, or beside the logs if that takes nothing. `cron` has it taken up again from both, and
earlier releases kept it beside the logs, too; what is taken up twice counts once, as the callbacks themselves do.

An outage may leave many. So threads that keep something at the same moment share one flush of the disk, and a file is short:
whoever takes one up is soon back at its other work. What must not wait for the rest goes to files of its own.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from blast_api.domain.callbacks import Party, Step

from . import state_dir, whole_lines

log = logging.getLogger(__name__)

_NAME = "callbacks.spool"
_NAME_OF_FIRST = "callbacks.spool-first"
_UNUSABLE = "callbacks.unusable"  # dead letters, for an operator to look at
# Full or to be taken up, a file has one of these names, and the time: in their order they are taken up.
_ASIDE = {_NAME_OF_FIRST: "callbacks.spool.a", _NAME: "callbacks.spool.b"}
_FULL = 32768  # bytes: some hundred callbacks
# How many of a file this process has taken up; if it dies, the next one does so again.
_taken_up: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class Postponed:
    """One callback whose address was genuine, and when it came."""

    kind: Party
    row: int
    serial: int
    step: Step
    params: Mapping[str, object]  # what the carrier told
    at: datetime


def keep(callback: Postponed, *, first: bool = False) -> None:
    """Add it to the spool, whole and on the disk when this returns; `first`: it is taken up before all others.

    Raises OSError if even that fails.
    """
    _groups[_NAME_OF_FIRST if first else _NAME].append(_line(callback))
    log.error(
        "the database is away: a callback waits on disk",
        extra={"action": "callback_spooled", "kind": callback.kind, "row": callback.row, "step": callback.step},
    )


def put_aside(callback: Postponed) -> None:
    """Keep one that failed where it stands in the way of no other. Raises OSError."""
    _append(_UNUSABLE, _line(callback))


def take_up(again: Callable[[Postponed], None], *, within_s: float = math.inf, only_first: bool = False) -> int:
    """Hand callbacks of the spool to `again`, in their order; answers how many, 0 if there are no more.

    After `within_s` seconds what is left waits for the next time, but for those that come first; so does it if `again`
    raises, and all but those with `only_first`. What cannot be read, or not be removed afterwards, waits too, and holds up nobody who calls this.
    """
    deadline = time.monotonic() + within_s
    for place in state_dir.places():
        for name in (_NAME_OF_FIRST,) if only_first else _ASIDE:
            with _patience():
                _set_aside(place / name)
    with _patience():
        _bring_what_is_unusable()
    files = [file for file in _waiting() if _comes_first(file) or not only_first]
    count = _take_up_until(deadline, files, again)
    if count:
        log.info("callbacks were taken from disk", extra={"action": "callbacks_taken_up", "count": count})
    return count


def _comes_first(file: Path) -> bool:
    return file.name.startswith(_ASIDE[_NAME_OF_FIRST])


def _take_up_until(deadline: float, files: list[Path], again: Callable[[Postponed], None]) -> int:
    count = 0
    for file in files:
        until = math.inf if _comes_first(file) else deadline
        with _patience():
            for number, callback in enumerate(_read(file), 1):
                if number <= _taken_up.get(file, 0):
                    continue
                if count and time.monotonic() > until:
                    return count
                again(callback)
                _taken_up[file] = number
                count += 1
            file.unlink()
            _taken_up.pop(file, None)
    return count


def size() -> int:
    """Bytes that wait to be taken up on this host; what is out of reach does not count."""
    waiting = 0
    for file in (*(place / name for place in state_dir.places() for name in _ASIDE), *_waiting()):
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
    """What was set aside, here or by a process that died since; those that come first, and of each the oldest, before others."""
    found: list[Path] = []
    for place in state_dir.places():
        with _patience():
            names = os.listdir(place)  # a glob would find nothing where we may not look
            found += [place / name for name in names if name.startswith(f"{_NAME}.")]
    return sorted(found, key=lambda file: file.name)


def _line(callback: Postponed) -> bytes:
    """As every release writes and reads it: none of these words may change."""
    about = {"kind": callback.kind, "row": callback.row, "serial": callback.serial, "step": callback.step}
    return (json.dumps(about | {"told": callback.params, "at": callback.at.isoformat()}) + "\n").encode()


@dataclass(slots=True)
class _Waiting:
    """What a thread waits for to be on the disk."""

    line: bytes
    is_done: bool = False
    error: OSError | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """The threads of this process that write to one file: one of them writes for all that have come meanwhile."""

    name: str
    _waiting: list[_Waiting] = field(default_factory=list)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def append(self, line: bytes) -> None:
        """Add the line; it is on the disk when this returns. Raises OSError."""
        mine = _Waiting(line)
        self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                self._write()
        if mine.error:
            raise mine.error

    def _write(self) -> None:
        batch = self._waiting[:]
        del self._waiting[: len(batch)]
        error: OSError | None = None
        try:
            _append(self.name, b"".join(each.line for each in batch))
        except OSError as failed:
            error = failed
        for each in batch:
            each.error, each.is_done = error, True


_groups = {name: _Group(name) for name in _ASIDE}


def _append(name: str, data: bytes) -> None:
    """Add it to the file of this name in the first place that takes it. Raises OSError if none does."""
    *others, last = state_dir.places()
    for place in others:
        try:
            _add(place / name, data)
        except OSError as error:
            log.error(
                "a callback cannot be kept in STATE_DIR: it goes beside the logs",
                extra={"action": "spool_unreachable", "error": str(error)},
            )
        else:
            return
    _add(last / name, data)


def _add(path: Path, data: bytes) -> None:
    file = _opened(path)
    try:
        if whole_lines.append(file, data) >= _FULL and path.name in _ASIDE:
            with suppress(OSError):  # then whoever takes it up has more to do
                _rename(path)
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


def _set_aside(path: Path) -> None:
    """Give a file of the spool a name that nobody writes to."""
    if not path.exists():
        return
    file = _opened(path)
    try:
        _rename(path)
    finally:
        os.close(file)


def _rename(path: Path) -> None:
    path.rename(path.with_name(f"{_ASIDE[path.name]}.{time.time_ns():020d}.{uuid4().hex}"))


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


def _read(file: Path) -> Iterator[Postponed]:
    with file.open(encoding="utf-8", errors="replace") as spooled:
        for line in spooled:
            try:
                fields = json.loads(line)
                yield Postponed(
                    Party(fields["kind"]),
                    int(fields["row"]),
                    int(fields["serial"]),
                    Step(fields["step"]),
                    dict(fields["told"]),
                    datetime.fromisoformat(fields["at"]),
                )
            except (ValueError, KeyError, TypeError):  # torn by a full disk or a power cut
                log.exception(
                    "a line of the spool cannot be read", extra={"action": "spool_unreadable", "line": line[:300]}
                )
