"""The transactional outbox of the record logs: a line of each row that waits for one gets into the file that the operator named.

One process a host writes at a time, under a lock that dies with it: rows that its host had in hand without having finished
are then a dead writer's, and the files themselves tell which lines got there. A host is whoever shares a STATE_DIR,
whatever its name.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from blast_api.db import locks, state_dir, whole_lines
from blast_api.db.clock import database_now
from blast_api.models import LogKind
from blast_api.monitoring import counters

from . import reader
from .sources import ALL, RecordLine, Source, names_in, of_log, statuses

log = logging.getLogger(__name__)

_BATCH = 1000
_LOCK = "cdr.lock"
_SETTLED_AT_ONCE = 20_000  # some twenty megabytes
# The name of this host for people; writers of earlier releases took records under it.
HOST = socket.gethostname()[:64]
# What one of them has had in hand for so long, it has died over: a batch is written in a moment.
_FORMER_WRITER = timedelta(minutes=1)
# The lease of a record in hand. A host that took records and never came back is lost after this; its lines are written here.
_LOST_HOST = timedelta(hours=1)
# Files bear this host's time, records the database's, and either may have been set meanwhile.
_CLOCKS_APART = timedelta(days=1)


def path_of(kind: LogKind) -> Path:
    """The log file of one kind of record."""
    paths = {
        LogKind.CDR: settings.CDR_LOGGER_PATH,
        LogKind.BDR: settings.BDR_LOG_PATH,
        LogKind.REC_CDR: settings.REC_CDR_LOG_PATH,
    }
    return Path(paths[kind])


def write_due(*, batches: int = sys.maxsize) -> int:
    """Write the records that wait, of each log the oldest, at most so many batches of each; answers how many are written now.

    Each log for itself: one that cannot be written keeps its records, and holds up no other.
    """
    with only_writer() as alone:
        if not alone:
            return 0
        try:
            host = state_dir.host()
        except OSError as error:  # as without the lock, which lies beside it
            _keep_for_later(error)
            return 0
        return _settle(host) + sum(
            _write_batches(source, host, most=batches) for kind in LogKind for source in of_log(kind)
        )


def _write_batches(source: Source, host: str, *, most: int) -> int:
    written = 0
    for _ in range(most):
        taken = _take(source, host)
        if taken is None or not (count := _write(source, taken)):
            break
        written += count
    return written


@dataclass(frozen=True, slots=True)
class Taken:
    """Lines in hand, and since when: a row that was corrected meanwhile is in hand no more."""

    lines: list[RecordLine]
    at: datetime


def _take(source: Source, host: str) -> Taken | None:
    with transaction.atomic():
        waiting = source.rows.oldest_first(source.rows.waiting().filter(taken=None))
        locked = waiting.select_for_update(skip_locked=connection.features.has_select_for_update)
        pks = list(locked.values_list("pk", flat=True)[:_BATCH])
        if not pks:
            return None
        rows = source.rows.waiting().filter(pk__in=pks)
        lines = list(source.lines(source.rows.oldest_first(rows)))
        now = database_now()
        rows.update(taken=now, writer=host)
    return Taken(lines, now)


def _write(source: Source, taken: Taken) -> int:
    """How many of the lines, which are in hand, are written now."""
    rows = source.rows.waiting().filter(pk__in=[line.pk for line in taken.lines], taken=taken.at)
    try:
        stands = append(path_of(source.rows.log), "".join(f"{line.text}\n" for line in taken.lines).encode())
    except OSError as error:
        _keep_for_later(error, kind=source.rows.log, count=len(taken.lines))
        rows.update(taken=None, writer="")
        return 0
    if not stands:  # they stay in hand, and the next run looks for them as for those of a dead writer
        return 0
    rows.update(written=database_now())
    _count(source.rows.log, statuses(taken.lines))
    return len(taken.lines)


def _count(kind: LogKind, written: Iterable[str | None]) -> None:
    """What the lines tell, as metrics: each ending is a line, and each line is written once."""
    counter = {LogKind.CDR: counters.ATTEMPTS_ENDED, LogKind.BDR: counters.SHOUTS_ENDED}.get(kind)
    if counter is None:
        return
    for status, times in Counter(status or counters.OTHER for status in written).items():
        counter.add(status, times=times)


def _keep_for_later(error: OSError, **about: object) -> None:
    log.error("records cannot be written and are kept", extra={"action": "records_kept", "error": str(error), **about})


def append(path: Path, data: bytes) -> bool:
    """All of `data` at the end of the file and on the disk, or nothing of it and OSError.

    False: the file was moved away, removed or cut short meanwhile, so nobody knows yet what has become of it.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        return whole_lines.stands(file, path, length=whole_lines.append(file, data))
    finally:
        os.close(file)


@contextmanager
def only_writer() -> Iterator[bool]:
    """Whether this process is the one that writes on this host; the lock dies with the process that holds it.

    While a host is upgraded, a writer of an earlier release knows only the lock that it made beside cdr.log: where there
    is one, it is taken as well. It is never made here, nor removed, which would let two of them have a lock each.
    """
    with _lock(state_dir.folder() / _LOCK) as alone:
        former = state_dir.former()
        if not alone or former is None:
            yield alone
            return
        with _lock(former / _LOCK, make=False) as alone_among_former:
            yield alone_among_former


@contextmanager
def _lock(path: Path, *, make: bool = True) -> Iterator[bool]:
    """Whether nobody else has it, until the block ends; nobody has one that is not there, and is not to be made."""
    try:
        file = locks.acquire(path, make=make)
    except OSError as error:
        is_nobodys = not make and isinstance(error, FileNotFoundError | NotADirectoryError)
        if not is_nobodys:
            _keep_for_later(error)
        yield is_nobodys
        return
    try:
        yield file is not None
    finally:
        if file is not None:
            os.close(file)


def _settle(host: str) -> int:
    """Records that somebody had in hand who is no more: those in the files are written, the others wait again.

    Answers how many were in the files.

    This host's, whose only writer has the lock and begins now; and those of any host whose lease has run out, as this one
    may have had another name. A bounded number at once: a log that cannot be read, or a restored backup, leaves many.
    """
    now = database_now()
    is_over = Q(writer=host) | Q(writer=HOST, taken__lt=now - _FORMER_WRITER) | Q(taken__lt=now - _LOST_HOST)
    found = 0
    for source in ALL:
        left = source.rows.waiting().filter(is_over, taken__isnull=False).order_by("taken")
        if rows := list(left.values_list("pk", source.named, "taken")[:_SETTLED_AT_ONCE]):
            found += _look_for(source, rows, host=host, now=now)
    return found


def _look_for(source: Source, rows: list[tuple[int, str, datetime | None]], *, host: str, now: datetime) -> int:
    """Settle these by what the files say, if they can be read; answers how many are there. A host that is faster has them."""
    kind = source.rows.log
    wanted = {name: pk for pk, named, _ in rows for name in names_in(named)}
    found: dict[int, str] = {}
    try:
        for line in lines_since(path_of(kind), min(taken for _, _, taken in rows if taken)):
            for name in names_in(line):
                if name in wanted:
                    found[wanted[name]] = line
    except (OSError, reader.UnreadableLog) as error:  # moved away while we looked, perhaps: the next run looks again
        log.warning(
            "a log cannot be read, so nobody knows yet which lines are in it",
            extra={"action": "log_unreadable", "kind": kind, "error": str(error)},
        )
        return 0
    for first in range(0, len(rows), _BATCH):
        pks = [pk for pk, _, _ in rows[first : first + _BATCH]]
        batch = source.rows.waiting().filter(taken__lte=now)  # and none that was corrected meanwhile, or taken anew
        batch.filter(pk__in=[pk for pk in pks if pk in found]).update(written=now, writer=host)
        batch.filter(pk__in=pks).update(taken=None, writer="")
    _count(kind, statuses(RecordLine(pk, line, None) for pk, line in found.items()))
    return len(found)


def lines_since(path: Path, since: datetime) -> Iterator[str]:
    """The lines of a log and of its rotated forms, packed or not, that changed since then. Raises OSError, UnreadableLog.

    Who may not look into the folder, finds another thing under the log's own name, or a form of it that cannot be read,
    knows nothing of its lines.
    """
    for name in sorted(os.listdir(path.parent)):  # a glob would find nothing where we may not look
        file = path.with_name(name)
        if not name.startswith(path.name) or (file != path and file.is_dir()):
            continue
        if datetime.fromtimestamp(file.stat().st_mtime, UTC) < since - _CLOCKS_APART:
            continue
        try:
            yield from (line.rstrip(b"\n").decode(errors="replace") for line in reader.lines_of_path(file))
        except reader.UnreadableLog:
            if not _stands_unpacked(file, path):
                raise


def _stands_unpacked(file: Path, log: Path) -> bool:
    """Whether the same rotated log stands beside it as it was: it is being packed just now, or was unpacked for us."""
    name, _, suffix = file.name.rpartition(".")
    return name.startswith(log.name) and name != log.name and not suffix.isdigit() and file.with_name(name).is_file()
