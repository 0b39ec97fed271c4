"""Where the lines of each log come from. Whoever writes lines, writes them again or looks for them in a log asks here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from blast_api.models import LogKind, outboxes
from blast_api.models.outboxes import Outbox

from . import content

_NAME = re.compile(r'"record": ?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class RecordLine:
    """The line of a row, without its end; `status` is the ending that it tells of."""

    pk: int
    text: str
    status: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """An outbox, and how a line is made of a row of it."""

    rows: Outbox
    columns: tuple[str, ...]
    compose: Callable[[content.Columns], str]
    status: str = ""  # the column of the ending
    named: str = "record"  # the column that tells the line's name

    def lines(self, rows: QuerySet[Any, Any]) -> Iterator[RecordLine]:
        """The lines of these rows, in their order, by one query."""
        for pk, *values in rows.values_list("pk", *self.columns):
            row = dict(zip(self.columns, values, strict=True))
            yield RecordLine(pk, self.compose(row), row[self.status] if self.status else None)


_FORMER = tuple(Source(outbox, ("line",), lambda row: str(row["line"]), named="line") for outbox in outboxes.FORMER)
ALL = (
    *_FORMER,
    Source(outboxes.ATTEMPTS, content.OF_AN_ATTEMPT, content.cdr, status="ending"),
    Source(outboxes.SHOUTS, content.OF_A_SHOUT, content.bdr, status="status"),
    Source(outboxes.RECORDING_CALLS, content.OF_A_RECORDING_CALL, content.rec_cdr),
)


def of_log(log: LogKind) -> tuple[Source, ...]:
    """Where the lines of this log come from; those of former releases first, which are older."""
    return tuple(source for source in ALL if source.rows.log == log)


def names_in(text: str) -> list[str]:
    """The name of a line, its `record`, and whatever else in it is called so; a line without one is its own."""
    return _NAME.findall(text) or [text]


def statuses(lines: Iterable[RecordLine]) -> Iterator[str | None]:
    """Which endings these lines tell of."""
    for line in lines:
        yield line.status if line.status is not None else json.loads(line.text).get("status")
