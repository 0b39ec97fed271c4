"""What Prometheus reads: how things stand, asked of the database at each scrape, and what has happened, as it was counted.

Each question is answered by an index, and counts no further than `_MOST`, however many calls there are. What is asked of
the database is the same on each host; what is counted, and the spool, is this host's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from blast_api.conf import configuration
from blast_api.db import spool
from blast_api.db.clock import AWAY, database_now
from blast_api.domain.callbacks import Party
from blast_api.domain.states import LIVE_SHOUTS, OPEN_CALLS, RecordingState
from blast_api.models import OUTBOXES, AuthorCall, Call, DeliveryState, Gate, Message, Webhook, WebhookDelivery

from . import counters, health

log = logging.getLogger(__name__)

_MOST = 100_000
_MOST_SHOUTS = 1000
# The client's answer comes within this, or never.
_ANSWERED_WITHIN = timedelta(seconds=15)


def exposition(accept: str) -> tuple[bytes, str]:
    """All metrics, in the form that the reader accepts, and the name of that form."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    return encode(registry), content_type


def figures() -> dict[str, dict[tuple[str, ...], float]]:
    """The same numbers for who shows them otherwise: of each metric, without its prefix, by the values of its labels."""
    told: dict[str, dict[tuple[str, ...], float]] = {}
    for family in _Collector().collect():
        told[family.name.removeprefix("blast_api_")] = {
            tuple(sample.labels.values()): sample.value for sample in family.samples
        }
    return told


class _Collector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield _gauge("placements_per_second_limit", "MAX_CALLS_PER_SECOND", configuration().max_calls_per_second)
        yield _gauge(
            "spool_bytes", "Bytes of callbacks on this host's disk that the database has not taken.", spool.size()
        )
        yield from _counted()
        try:
            standing = list(_standing())
        except AWAY as error:
            log.error("metrics lack what the database knows", extra={"action": "database_away", "error": str(error)})
            standing = []
        yield _gauge("database_up", "Whether the database could be asked.", len(standing) > 0)
        yield from standing


def _gauge(name: str, meaning: str, number: float) -> Metric:
    return GaugeMetricFamily(f"blast_api_{name}", meaning, value=number)


def _gauges(name: str, meaning: str, label: str, numbers: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(f"blast_api_{name}", meaning, labels=(label,))
    for value, number in numbers.items():
        gauge.add_metric((value,), number)
    return gauge


# --- What has happened ---------------------------------------------------------------------------------------------


def _counted() -> Iterator[Metric]:
    numbers = counters.read()
    for family in counters.families():
        if isinstance(family, counters.Counter):
            counter = CounterMetricFamily(family.name, family.meaning, labels=family.labels)
            for values, number in family.samples(numbers):
                counter.add_metric(values, number)
            yield counter
        else:
            histogram = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
            bounds = (*(str(float(bound)) for bound in family.bounds), "+Inf")
            for values, seconds, buckets in family.samples(numbers):
                histogram.add_metric(values, list(zip(bounds, accumulate(buckets), strict=True)), seconds)
            yield histogram


# --- How things stand ----------------------------------------------------------------------------------------------


def _standing() -> Iterator[Metric]:
    """Raises what the database raises; nothing of it is cached, so that what is told is of now."""
    now = database_now()
    statuses = {
        str(status): _bounded(Call.objects.unfinished().filter(status=status), "status")
        for status in sorted(OPEN_CALLS)
    }
    yield _gauges("calls", f"Calls that have not ended, by status; {_MOST} is that many or more.", "status", statuses)
    yield from _queue(now)
    yield from _in_hand(now)
    yield from _records(now)
    yield from _webhooks()
    hosts = health.cron_hosts()
    yield from _carrier(health.carrier(hosts, now))
    yield from _storage(health.storage(now))
    ages = {host.name: (now - host.last_run).total_seconds() for host in hosts}
    yield _gauges("cron_age_seconds", "Seconds since the cron jobs of a host last ran.", "host", ages)
    reached = {host.name: float(host.unreachable_since is None) for host in hosts}
    yield _gauges(
        "carrier_reached", "Whether this host reaches the carrier; if not, it places nothing.", "host", reached
    )


def _bounded(rows: QuerySet[Any, Any], column: str) -> int:
    """How many there are, `_MOST` at most; `column` is one of the index, so that no row is read."""
    return rows.order_by().values(column)[:_MOST].count()


def _queue(now: datetime) -> Iterator[Metric]:
    due = Call.objects.due(now)
    # The shouts first, as the claim does: their calls are then found by the index that the claim finds them by.
    oldest = Subquery(due.filter(message=OuterRef("pk")).order_by("due_at").values("due_at")[:1])
    shouts = Message.objects.unclosed().filter(status__in=LIVE_SHOUTS, paused_at=None).annotate(oldest=oldest)
    waiting = dict(shouts.filter(oldest__lte=now).order_by("oldest").values_list("pk", "oldest")[:_MOST_SHOUTS])
    calls = _bounded(due.filter(message__in=waiting), "due_at") if waiting else 0
    authors = _authors().filter(held_since=None, due_at__lte=now)
    first = authors.order_by("due_at").values_list("due_at", flat=True).first()
    yield _gauges(
        "queue_depth",
        f"Calls that are due and wait for their turn; {_MOST} is that many or more.",
        "kind",
        {Party.RECIPIENT: calls, Party.AUTHOR: _bounded(authors, "due_at")},
    )
    yield _gauges(
        "oldest_due_seconds",
        "How long the call that has waited longest for its turn is due; 0 if none waits.",
        "kind",
        {
            Party.RECIPIENT: _seconds(now, next(iter(waiting.values()), None)),
            Party.AUTHOR: _seconds(now, first),
        },
    )


def _authors() -> QuerySet[AuthorCall, AuthorCall]:
    return AuthorCall.objects.filter(state=RecordingState.NO_REC_CALL, due_at__isnull=False, message__paused_at=None)


def _seconds(now: datetime, since: datetime | None) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _in_hand(now: datetime) -> Iterator[Metric]:
    held: dict[str, QuerySet[Any, Any]] = {
        Party.RECIPIENT: Call.objects.in_hand(),
        Party.AUTHOR: _authors().filter(held_since__isnull=False),
    }
    unanswered = now - _ANSWERED_WITHIN
    yield _gauges(
        "placements_in_hand",
        "Placements that are on their way to the carrier, or whose answer was lost.",
        "kind",
        {kind: _bounded(rows, "held_since") for kind, rows in held.items()},
    )
    yield _gauges(
        "placements_unknown",
        "Placements whose answer has not come in time, and for which nothing speaks yet; they are tried again after "
        "PLACEMENT_CONFIRM_TIMEOUT.",
        "kind",
        {kind: _bounded(rows.filter(held_since__lt=unanswered), "held_since") for kind, rows in held.items()},
    )


def _records(now: datetime) -> Iterator[Metric]:
    waiting = [(outbox.waiting(), outbox.since) for outbox in OUTBOXES]
    firsts = (rows.order_by(since).values_list(since, flat=True).first() for rows, since in waiting)
    oldest = min(filter(None, firsts), default=None)
    count = min(sum(_bounded(rows, since) for rows, since in waiting), _MOST)
    yield _gauge("records_waiting", f"Records that are not in their log yet; {_MOST} is that many or more.", count)
    yield _gauge(
        "records_oldest_waiting_seconds", "Age of the oldest of them; 0 if there is none.", _seconds(now, oldest)
    )


def _webhooks() -> Iterator[Metric]:
    waiting = WebhookDelivery.objects.filter(state=DeliveryState.WAITING)
    fresh, again = waiting.filter(due_at=None), waiting.filter(due_at__isnull=False)
    yield _gauges(
        "webhook_deliveries_waiting",
        f"Deliveries to webhooks that wait to be sent, or sent again after a failure; {_MOST} is that many or more.",
        "kind",
        {"new": _bounded(fresh, "id"), "again": _bounded(again, "due_at")},
    )
    kept = Webhook.objects.kept()
    yield _gauges(
        "webhooks",
        "Webhooks that take what they are told, that have failed since they last did, and that are disabled.",
        "state",
        {
            "enabled": kept.filter(disabled=None, failing_since=None).count(),
            "failing": kept.filter(disabled=None, failing_since__isnull=False).count(),
            "disabled": kept.filter(disabled__isnull=False).count(),
        },
    )


def _carrier(carrier: health.Carrier) -> Iterator[Metric]:
    states = {state.value: float(state is carrier.state) for state in health.State}
    causes = {cause: float(cause == carrier.cause) for cause in Gate.Cause.values}
    yield _gauges("carrier_state", "How it stands with the carrier: 1 for the state that holds.", "state", states)
    yield _gauges(
        "carrier_trouble", "1 for the cause of the trouble with the carrier, if there is any.", "cause", causes
    )


def _storage(storage: health.Storage) -> Iterator[Metric]:
    states = {state.value: float(state is storage.state) for state in health.StorageState}
    yield _gauges(
        "container_state", "How it stands with the container of the recordings: 1 for what holds.", "state", states
    )
    if room := storage.room:
        free = {"files": room.files.free, "bytes": room.bytes.free}
        yield _gauges("container_free_ratio", "What is left of its quotas, from 0 to 1.", "quota", free)
