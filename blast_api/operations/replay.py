"""Record lines written again from the database, for an operator who lost a log: the very lines, and none twice.

The files themselves tell which lines are missing: each line has an id of its own, its `record`. Whoever writes has the
writers' lock of this host, so `runcrons` may go on; what it wants to write meanwhile waits. Each host has files of its
own, so only the lines that this one wrote are missed here, unless `every_host` is asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from blast_api.db import state_dir
from blast_api.domain.errors import BlastError
from blast_api.models import LogKind
from blast_api.records.sources import Source, of_log
from blast_api.records.writer import HOST, append, lines_since, only_writer

_BATCH = 1000
# So many lines are looked for in the files at a time: some forty megabytes.
_WINDOW = 50_000
_PATIENCE_S = 30.0


class Unreplayable(BlastError):
    """Lines cannot be written again just now."""

    code = "replay"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the records that were asked for."""

    stored: int = 0
    written: int = 0

    @property
    def present(self) -> int:
        return self.stored - self.written


@dataclass(frozen=True, slots=True)
class RecordSelection:
    """Lines of one log about what has happened since a moment, as far as they have been written."""

    kind: LogKind
    since: datetime
    every_host: bool = False

    def lines(self) -> Iterator[str]:
        """The lines, in the order in which their rows were made. Call it with the writers' lock. Raises OSError."""
        for source in of_log(self.kind):
            yield from self._of(source)

    def _of(self, source: Source) -> Iterator[str]:
        """By short queries: a writer that waits must not wait for a long one to end."""
        last = 0
        written = source.rows.written(self.since).order_by("pk")
        if not self.every_host:
            written = written.filter(writer__in=(state_dir.host(), HOST))  # and as earlier releases named it
        while batch := list(source.lines(written.filter(pk__gt=last)[:_BATCH])):
            yield from (line.text for line in batch)
            last = batch[-1].pk


def replay(which: RecordSelection, path: Path, *, force: bool = False, dry_run: bool = False) -> Replayed:
    """Append the lines stored since then that neither the file nor its rotated forms have; with `force`, all of them.

    Raises Unreplayable, OSError. What was written before that stays, and is found the next time.
    """
    found = written = 0
    if not path.parent.is_dir():
        raise Unreplayable(f"there is no folder {path.parent}")
    with _alone():
        for window in _windows(which.lines()):
            missing = window if force else _missing(window, path, which.since)
            found += len(window)
            for first in range(0, len(missing), _BATCH):
                batch = missing[first : first + _BATCH]
                if not dry_run and not append(path, "".join(f"{line}\n" for line in batch).encode()):
                    raise Unreplayable(f"{path} was moved away meanwhile: run this again")
                written += len(batch)
    return Replayed(found, written)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the writers' lock, which they have for a moment at a time. Raises Unreplayable if it cannot be had."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        with only_writer() as alone:
            if alone:
                yield
                return
        if time.monotonic() > deadline:
            raise Unreplayable("another process writes records all the time, or the folder cannot be written")
        time.sleep(0.05)


def _windows(lines: Iterator[str]) -> Iterator[list[str]]:
    while window := list(islice(lines, _WINDOW)):
        yield window


def _missing(window: list[str], path: Path, since: datetime) -> list[str]:
    """The lines of which no file has the record, in their order."""
    wanted = {_record_of(line): line for line in window}
    for line in lines_since(path, since):
        wanted.pop(_record_of(line), None)
        if not wanted:
            break
    return list(wanted.values())


def _record_of(line: str) -> str:
    """The id of a line; a line that is no record is its own."""
    try:
        return str(json.loads(line)["record"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return line
