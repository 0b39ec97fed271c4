"""The outboxes of the record logs: which tables have rows of which a line is to be written, or was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from .records import LogKind, Record
from .shouts import Attempt, AuthorCall, Message


@dataclass(frozen=True, slots=True)
class Outbox:
    """Rows of one table of which lines of one log are made."""

    log: LogKind
    rows: QuerySet[Any, Any]
    since: str  # the column that tells when that happened of which the line tells

    def waiting(self) -> QuerySet[Any, Any]:
        """Rows of which a line is to be written."""
        return self.rows.filter(written=None)

    def written(self, since: datetime) -> QuerySet[Any, Any]:
        """Rows since then of which the line is written."""
        return self.rows.filter(**{f"{self.since}__gte": since}, written__isnull=False)

    def oldest_first(self, rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        """Rows in the order in which that happened of which they tell."""
        return rows.order_by(self.since, "pk")


ATTEMPTS = Outbox(LogKind.CDR, Attempt.objects.filter(record__gt=""), "ended")
SHOUTS = Outbox(LogKind.BDR, Message.objects.filter(record__gt=""), "finished")
RECORDING_CALLS = Outbox(LogKind.REC_CDR, AuthorCall.objects.filter(record__gt=""), "ended")
# Lines of former releases, which stored the text of each.
FORMER = tuple(Outbox(log, Record.objects.filter(kind=log), "created") for log in LogKind)
OUTBOXES = (*FORMER, ATTEMPTS, SHOUTS, RECORDING_CALLS)
