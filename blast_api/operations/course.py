"""How a shout went over time: attempts that began to ring in each span, by what became of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min
from django.db.models.functions import Trunc

from blast_api.conf import configuration
from blast_api.domain.outcomes import OUTCOME, Outcome
from blast_api.domain.states import CallStatus
from blast_api.models import Attempt, Call, Message

# Spans that the database can cut times to; a chart has at most some two hundred of them.
_SPANS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_MOST = 180


@dataclass(frozen=True, slots=True)
class Point:
    """One span: how many attempts began in it, by outcome."""

    at: datetime
    counts: dict[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class ShoutCourse:
    """Points in order, those without attempts left out; `cap`: so many may begin in a span."""

    span: str
    points: Sequence[Point]
    cap: float

    @property
    def span_s(self) -> float:
        return _SPANS[self.span].total_seconds()

    @property
    def highest(self) -> int:
        return max((point.total for point in self.points), default=0)


def of_shout(message: Message, *, now: datetime) -> ShoutCourse:
    """From its first attempt on, in spans of a second, a minute or an hour."""
    ended = Attempt.objects.filter(message=message, started__lte=now, ending__gt="")
    # Of an open attempt its call knows when it began.
    up = Call.objects.filter(message=message, started__lte=now, finished=None)
    edges = [rows.aggregate(first=Min("started"), last=Max("started")) for rows in (ended, up)]
    first, last = _of(min, edges, "first"), _of(max, edges, "last")
    lasts = last - first if first and last else timedelta(0)
    span = next((name for name, length in _SPANS.items() if lasts < _MOST * length), "hour")
    by_time: defaultdict[datetime, dict[Outcome, int]] = defaultdict(lambda: dict.fromkeys(Outcome, 0))
    at = Trunc("started", span)
    for when, ending, count in ended.annotate(at=at).order_by().values_list("at", "ending").annotate(Count("pk")):
        by_time[when][OUTCOME[CallStatus(ending)]] += count
    for when, count in up.annotate(at=at).order_by().values_list("at").annotate(Count("pk")):
        by_time[when][Outcome.UP] += count
    points = [Point(when, counts) for when, counts in sorted(by_time.items())]
    return ShoutCourse(span, points, _cap(message) * _SPANS[span].total_seconds())


def _of(choose: Callable[..., datetime], edges: Sequence[Mapping[str, datetime | None]], name: str) -> datetime | None:
    known = [edge[name] for edge in edges if edge[name] is not None]
    return choose(known) if known else None


def _cap(message: Message) -> float:
    bounds = (message.calls_per_second, message.application.calls_per_second, configuration().max_calls_per_second)
    return min(bound for bound in bounds if bound is not None)
