"""Call, blast and recording-call records: exactly one JSON line each, in the log files that the operator named.

A record is stored in the same transaction as the ending it records (`add_*`), so none can be missing; `write_due` puts
stored records into the files. One process a host writes at a time, under a lock that dies with it: rows that its host
had in hand without having finished are then a dead writer's, and the files themselves tell which lines got there. A host
is whoever shares a STATE_DIR, whatever its name.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import socket
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from . import bulk, counts, lines, packed, state_dir
from .addresses import redacted
from .conf import configuration
from .models import Call, Message, Record, Recording, database_now

log = logging.getLogger(__name__)

_VERSION = 1
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_BATCH = 1000
# The carrier's body of an ending is some 600 characters; one that is longer than this is not written as it is.
_LONGEST_BODY = 16384
_LONGEST_FIELD = 2048
_QUOTED = 1024
_LONGEST_SAID = 300  # characters of the carrier's words about an attempt
_TOLD_OF_AN_ENDING = ("CallSid", "CallStatus", "CallDuration", "Direction", "From", "To")
_LOCK = "cdr.lock"
_RECORD = re.compile(r'"record": ?"([^"]*)"')
_SETTLED_AT_ONCE = 20_000  # some twenty megabytes
# The name of this host for people; writers of earlier releases took records under it.
HOST = socket.gethostname()[:64]
# What one of them has had in hand for so long, it has died over: a batch is written in a moment.
_FORMER_WRITER = timedelta(minutes=1)
# The lease of a record in hand. A host that took records and never came back is lost after this; its lines are written here.
_LOST_HOST = timedelta(hours=1)
# Files bear this host's time, records the database's, and either may have been set meanwhile.
_CLOCKS_APART = timedelta(days=1)


# --- What the lines say --------------------------------------------------------------------------------------------


class _Shout(Protocol):
    pk: int
    application_id: int
    userdata: str
    created: datetime


class _Ended(Protocol):
    pk: int
    number: str
    sid: str
    status: str
    q850: int | None
    duration: int | None
    answerer: str
    attempts: int
    started: datetime | None
    answered: datetime | None
    finished: datetime | None


def cdr(call: _Ended, message: _Shout, *, said: str = "", late: bool = False) -> str:
    """The line about an attempt that has ended, for who stores it together with the ending; `call` holds how it ended.

    `said` are the carrier's own words about it.
    """
    return _line(_cdr(call, message, said=said, late=late))


def add_cdrs(calls: Iterable[Call], message: Message) -> None:
    """Store the records of many ended calls of one shout."""
    _add(Record.Kind.CDR, (_cdr(call, message) for call in calls))


def _cdr(call: _Ended, message: _Shout, *, said: str = "", late: bool = False) -> dict[str, object]:
    return {
        "pk": call.pk,
        "message": message.pk,
        "application": message.application_id,
        "user_data": message.userdata,
        "to_number": call.number,
        "did": configuration().did if call.attempts else None,
        "sid": call.sid,
        "status": call.status,
        "q850": call.q850,
        "duration": call.duration or 0,
        "answerer": call.answerer,
        "carrier_said": redacted(said[:_LONGEST_SAID]),
        "attempt": call.attempts,
        "num_retries": max(call.attempts - 1, 0),
        "created": written_time(message.created),
        "started": written_time(call.started),
        "answered": written_time(call.answered),
        "finished": written_time(call.finished),
        "late": late,
    }


def add_bdr(message: Message, recording: Recording, *, late: bool = False) -> None:
    """Store the record of a shout that has ended."""
    line: dict[str, object] = {
        "pk": message.pk,
        "application": message.application_id,
        "user_data": message.userdata,
        "title": message.title,
        "caller": message.caller,
        "status": message.status,
        "recording": recording.url,
        "recording_call_status": recording.state,
        "rec_call_status_updated_at": written_time(recording.state_since),
        "schedule": written_time(message.schedule),
        "created": written_time(message.created),
        "started": written_time(message.started),
        "finished": written_time(message.finished),
        "late": late,
    }
    _add(Record.Kind.BDR, [line])


def add_rec_cdr(message_id: int, finished: datetime, body: Mapping[str, object]) -> None:
    """Store the record of a recording call that has ended: the carrier's own status body and two fields of ours."""
    line = json.loads(redacted(json.dumps(dict(body))))  # whatever is nested in it
    _add(Record.Kind.REC_CDR, [_bounded(line) | {"message_id": message_id, "finished": written_time(finished)}])


def _bounded(body: dict[str, object]) -> dict[str, object]:
    """The body, or of one that is too long its short fields, what it is mostly read for first, and a piece of the rest."""
    whole = _ENCODER.encode(body)
    if len(whole) <= _LONGEST_BODY:
        return body
    kept: dict[str, object] = {}
    room = _LONGEST_BODY - _QUOTED
    for name in (*(name for name in _TOLD_OF_AN_ENDING if name in body), *body):
        size = len(_ENCODER.encode({name: body[name]})) if name not in kept else 0
        if size <= min(room, _LONGEST_FIELD):
            kept[name] = body[name]
            room -= size
    rest = _ENCODER.encode({name: value for name, value in body.items() if name not in kept})
    return kept | {"cut": {"length": len(whole), "begins": rest[:_QUOTED]}}


def _add(kind: Record.Kind, lines: Iterable[dict[str, object]]) -> None:
    bulk.insert(Record, ["line"], ([_line(line)] for line in lines), kind=kind)


def _line(about: dict[str, object]) -> str:
    return _ENCODER.encode(about | {"v": _VERSION, "record": uuid4().hex})


def written_time(moment: datetime | None) -> str | None:
    """A time as the records write it: RFC 3339, UTC, milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- How they get into the files -----------------------------------------------------------------------------------


def path_of(kind: Record.Kind) -> Path:
    """The log file of one kind of record."""
    paths = {
        Record.Kind.CDR: settings.CDR_LOGGER_PATH,
        Record.Kind.BDR: settings.BDR_LOG_PATH,
        Record.Kind.REC_CDR: settings.REC_CDR_LOG_PATH,
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
        return _settle(host) + sum(_write_batches(kind, host, most=batches) for kind in Record.Kind)


def _write_batches(kind: Record.Kind, host: str, *, most: int) -> int:
    written = 0
    for _ in range(most):
        if not (count := _write(kind, _take(kind, host))):
            break
        written += count
    return written


def _take(kind: Record.Kind, host: str) -> list[Record]:
    with transaction.atomic():
        waiting = Record.objects.filter(kind=kind, written=None, taken=None).order_by("id")
        batch = list(waiting.select_for_update(skip_locked=connection.features.has_select_for_update)[:_BATCH])
        Record.objects.filter(pk__in=[record.pk for record in batch]).update(taken=database_now(), writer=host)
    return batch


def _write(kind: Record.Kind, records: list[Record]) -> int:
    """How many of the records, which are in hand, are written now."""
    if not records:
        return 0
    rows = Record.objects.filter(pk__in=[record.pk for record in records])
    try:
        stands = append(path_of(kind), "".join(f"{record.line}\n" for record in records).encode())
    except OSError as error:
        _keep_for_later(error, kind=kind, count=len(records))
        rows.update(taken=None, writer="")
        return 0
    if not stands:  # they stay in hand, and the next run looks for them as for those of a dead writer
        return 0
    rows.update(written=database_now())
    _count(kind, (record.line for record in records))
    return len(records)


def _count(kind: Record.Kind, written: Iterable[str]) -> None:
    """What the lines tell, as metrics: each ending is a line, and each line is written once."""
    counter = {Record.Kind.CDR: counts.ATTEMPTS_ENDED, Record.Kind.BDR: counts.SHOUTS_ENDED}.get(kind)
    if counter is None:
        return
    for status, times in Counter(json.loads(line).get("status", counts.OTHER) for line in written).items():
        counter.add(status, times=times)


def _keep_for_later(error: OSError, **about: object) -> None:
    log.error("records cannot be written and are kept", extra={"action": "records_kept", "error": str(error), **about})


def append(path: Path, data: bytes) -> bool:
    """All of `data` at the end of the file and on the disk, or nothing of it and OSError.

    False: the file was moved away, removed or cut short meanwhile, so nobody knows yet what has become of it.
    """
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        return lines.stands(file, path, length=lines.append(file, data))
    finally:
        os.close(file)


@contextmanager
def only_writer() -> Iterator[bool]:
    """Whether this process is the one that writes on this host; the lock dies with the process that holds it.

    While a host is upgraded, a writer of an earlier release knows only the lock that it made beside cdr.log: where there
    is one, it is taken as well. It is never made here, nor removed, which would let two of them have a lock each.
    """
    with _lock(state_dir.folder() / _LOCK, os.O_CREAT) as alone:
        former = state_dir.former()
        if not alone or former is None:
            yield alone
            return
        with _lock(former / _LOCK) as alone_among_former:
            yield alone_among_former


@contextmanager
def _lock(path: Path, make: int = 0) -> Iterator[bool]:
    """Whether nobody else has it, until the block ends; nobody has one that is not there, and is not to be made."""
    try:
        file = os.open(path, os.O_RDWR | make, 0o640)
    except OSError as error:
        is_nobodys = not make and isinstance(error, FileNotFoundError | NotADirectoryError)
        if not is_nobodys:
            _keep_for_later(error)
        yield is_nobodys
        return
    try:
        yield _is_locked(file)
    finally:
        os.close(file)


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # as on a network's file system that has no locks just now
        _keep_for_later(error)
        return False
    return True


def _settle(host: str) -> int:
    """Records that somebody had in hand who is no more: those in the files are written, the others wait again.

    Answers how many were in the files.

    This host's, whose only writer has the lock and begins now; and those of any host whose lease has run out, as this one
    may have had another name. A bounded number at once: a log that cannot be read, or a restored backup, leaves many.
    """
    now = database_now()
    is_over = Q(writer=host) | Q(writer=HOST, taken__lt=now - _FORMER_WRITER) | Q(taken__lt=now - _LOST_HOST)
    left = Record.objects.filter(is_over, written=None, taken__isnull=False).order_by("taken")
    found = 0
    for kind in Record.Kind:
        if rows := list(left.filter(kind=kind).values_list("pk", "line", "taken")[:_SETTLED_AT_ONCE]):
            found += _look_for(kind, rows, host=host, now=now)
    return found


def _look_for(kind: Record.Kind, rows: list[tuple[int, str, datetime | None]], *, host: str, now: datetime) -> int:
    """Settle these by what the files say, if they can be read; answers how many are there. A host that is faster has them."""
    wanted = {name: pk for pk, line, _ in rows for name in _records_in(line)}
    found: dict[int, str] = {}
    try:
        for line in lines_since(path_of(kind), min(taken for _, _, taken in rows if taken)):
            for name in _records_in(line):
                if name in wanted:
                    found[wanted[name]] = line
    except (OSError, packed.UnreadableLog) as error:  # moved away while we looked, perhaps: the next run looks again
        log.warning(
            "a log cannot be read, so nobody knows yet which lines are in it",
            extra={"action": "log_unreadable", "kind": kind, "error": str(error)},
        )
        return 0
    for first in range(0, len(rows), _BATCH):
        pks = [pk for pk, _, _ in rows[first : first + _BATCH]]
        batch = Record.objects.filter(written=None, taken__lte=now)
        batch.filter(pk__in=[pk for pk in pks if pk in found]).update(written=now, writer=host)
        batch.filter(pk__in=pks).update(taken=None, writer="")
    _count(kind, found.values())
    return len(found)


def _records_in(line: str) -> list[str]:
    """The id of a line, its `record`, and whatever else in it has that name; a line without one is its own."""
    return _RECORD.findall(line) or [line]


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
            yield from (line.rstrip(b"\n").decode(errors="replace") for line in packed.lines_of_path(file))
        except packed.UnreadableLog:
            if not _stands_unpacked(file, path):
                raise


def _stands_unpacked(file: Path, log: Path) -> bool:
    """Whether the same rotated log stands beside it as it was: it is being packed just now, or was unpacked for us."""
    name, _, suffix = file.name.rpartition(".")
    return name.startswith(log.name) and name != log.name and not suffix.isdigit() and file.with_name(name).is_file()
