"""Rows of which lines wait to be written, what has become of them in the files, and what logrotate does to these."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from blast_api.db import state_dir
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import OUTBOXES, Attempt, AuthorCall, Call, LogKind, Message, Record
from blast_api.models.outboxes import FORMER
from blast_api.records import content, outbox, writer
from blast_api.records.sources import of_log
from tests.kits import factories

KINDS = list(LogKind)
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}


def waiting(count: int, kind: str = "cdr") -> list[str]:
    """So many rows of which a line waits; answers their lines."""
    last = _ours(kind).order_by("pk").values_list("pk", flat=True).last() or 0
    _MAKE[LogKind(kind)](count, timezone.now())
    (source,) = (source for source in of_log(LogKind(kind)) if source.rows not in FORMER)
    rows = source.rows.oldest_first(_ours(kind).filter(pk__gt=last))
    return [line.text for line in source.lines(rows)]


def waiting_of_a_former_release(count: int, kind: str = "cdr", **fields: Any) -> list[str]:
    """So many lines as a former release stored them."""
    first = Record.objects.count()
    lines = [json.dumps({"record": f"r{first + index}", "pk": index}) for index in range(count)]
    Record.objects.bulk_create(Record(kind=kind, line=line, **fields) for line in lines)
    return lines


def attempts(count: int, at: datetime) -> None:
    """So many recipients of one shout who ended then, one after another, each without a call."""
    message = factories.message(status=ShoutStatus.ONGOING)
    calls = [
        Call(
            message=message,
            position=position,
            number=factories.number(position),
            status=CallStatus.BUSY,
            finished=at + timedelta(microseconds=position),
        )
        for position in range(count)
    ]
    rows = [
        Attempt(
            message=message,
            call=call,
            serial=0,
            number=0,
            ended=call.finished,
            ending=call.status,
            record=outbox.name(),
        )
        for call in Call.objects.bulk_create(calls, batch_size=1000)
    ]
    Attempt.objects.bulk_create(rows, batch_size=1000)


def _shouts(count: int, at: datetime) -> None:
    for index in range(count):
        then = at + timedelta(microseconds=index)
        message = factories.message(status=ShoutStatus.FINISHED, finished=then, record=outbox.name())
        factories.author_call(message, recorded=True)


def _recording_calls(count: int, at: datetime) -> None:
    for index in range(count):
        then, report = at + timedelta(microseconds=index), content.report({"CallStatus": "completed"})
        factories.author_call(factories.message(), ended=then, report=report, record=outbox.name())


_MAKE: dict[LogKind, Callable[[int, datetime], None]] = {
    LogKind.CDR: attempts,
    LogKind.BDR: _shouts,
    LogKind.REC_CDR: _recording_calls,
}
_MODELS = {LogKind.CDR: Attempt, LogKind.BDR: Message, LogKind.REC_CDR: AuthorCall}


def _ours(kind: str) -> QuerySet[Any, Any]:
    return _MODELS[LogKind(kind)]._default_manager.filter(record__gt="")


def unwritten() -> int:
    """How many lines wait, in hand or not."""
    return sum(outbox.waiting().count() for outbox in OUTBOXES)


def in_hand() -> int:
    """How many lines somebody has in hand."""
    return sum(outbox.waiting().exclude(taken=None).count() for outbox in OUTBOXES)


def written(kind: str = "cdr") -> list[str]:
    """The lines of a log and all its rotated forms, in no order."""
    path = writer.path_of(LogKind(kind))
    found: list[str] = []
    for file in path.parent.glob(f"{path.name}*"):
        text = _UNPACK.get(file.suffix, bytes)(file.read_bytes())
        assert text == b"" or text.endswith(b"\n")
        found += text.decode().splitlines()
    return sorted(found)


def taken(kind: str = "cdr") -> Iterator[writer.Taken]:
    """Lines as a writer of this host has them in hand, the oldest of each outbox."""
    for source in of_log(LogKind(kind)):
        if found := writer._take(source, state_dir.host()):
            yield found


def crash_before_marking(line_count: int) -> None:
    """A writer of this host took the lines and wrote so many of them."""
    lines = [line for each in taken() for line in each.lines]
    data = "".join(f"{line.text}\n" for line in lines[:line_count])
    with writer.path_of(LogKind.CDR).open("a") as log:
        log.write(data)


def rotate(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}-20260101"))


def rotate_and_compress(path: Path) -> None:
    with gzip.open(path.with_name(f"{path.name}-20260101.gz"), "wb") as packed:
        packed.write(path.read_bytes())
    path.unlink()
