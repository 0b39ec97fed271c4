"""How far shouts are, how fast they go on, and when they may be expected to end: for operators.

Read in a few queries, however many calls the shouts have; nothing is locked or changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q

from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.domain.states import LIVE_SHOUTS, OPEN_CALLS, OPEN_SHOUTS, CallStatus, public_shout_status
from blast_api.models import Application, Call, Message
from blast_api.monitoring.health import Readiness, readiness
from blast_api.services.attempts import public_status

_JUST_NOW = timedelta(seconds=10)
_LATELY = timedelta(seconds=60)
# Calls that have been due for so long while nothing went out: nobody places.
_UNATTENDED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShoutSelection:
    """The shouts that are asked for: those that have not ended, or `ended` ones too, the newest first."""

    ended: bool = False
    application: Application | None = None
    userdata: str | None = None
    limit: int = 100


@dataclass(slots=True)
class Progress:
    """One shout; a rate is calls that began to ring, each second, over so many seconds."""

    id: int
    application: str
    userdata: str
    status: str
    created: datetime
    starts_at: datetime | None
    finished: datetime | None
    recipients: int = 0
    settled: int = 0
    completed: int = 0
    failed: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    rate_10s: float = 0.0
    rate_60s: float = 0.0
    waiting: int = 0  # calls that are due and not with the carrier
    waiting_since: datetime | None = None
    expected_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What runs at this moment, and what stands in its way."""

    at: datetime
    service: Readiness
    shouts: Sequence[Progress]
    there_are: int  # that were asked for; `shouts` are the first of them

    @property
    def remark(self) -> str:
        """Why placing waits, if it does, in a sentence."""
        carrier, cron = self.service.carrier, self.service.cron
        if not self.service.migrated:
            return "The database lacks migrations: nothing is placed. Run manage.py migrate."
        if cron and cron.is_silent:
            since = f" since {cron.last_run:%Y-%m-%d %H:%M:%S} UTC" if cron.last_run else " yet"
            return f"runcrons has not run{since}: nothing is placed."
        if carrier and carrier.cause:
            until = f" until {carrier.until:%H:%M:%S} UTC" if carrier.until else ""
            what = "nothing is placed" if until else "one call is placed at a time"
            return f"Trouble with the carrier ({carrier.cause}): {what}{until}."
        waiting = [shout.waiting_since for shout in self.shouts if shout.waiting_since]
        rate = sum(shout.rate_10s for shout in self.shouts)
        if waiting and not rate and min(waiting) < self.at - _UNATTENDED:
            return f"Calls are due since {min(waiting):%H:%M:%S} UTC and none goes out."
        return ""


def overview(which: ShoutSelection) -> Overview:
    """The shouts that are asked for, as they stand now."""
    service = readiness()
    now = database_now()
    shouts = Message.objects.proper().select_related("application", "author_call", "recording")
    if not which.ended:
        shouts = shouts.unclosed().filter(status__in=OPEN_SHOUTS)
    if which.application is not None:
        shouts = shouts.filter(application=which.application)
    if which.userdata is not None:
        shouts = shouts.filter(userdata=which.userdata)
    chosen = list(shouts.order_by("-id")[: which.limit])
    there_are = len(chosen) if len(chosen) < which.limit else shouts.count()
    by_shout = {message.pk: _progress(message) for message in chosen}
    last_due = _count_calls(by_shout, now=now)
    _expect(chosen, by_shout, last_due, now=now, not_before=service.carrier.until if service.carrier else None)
    return Overview(now, service, list(by_shout.values()), there_are)


def _progress(message: Message) -> Progress:
    return Progress(
        id=message.pk,
        application=message.application.name,
        userdata=message.userdata,
        status=public_shout_status(message.status, paused=message.paused_at is not None),
        created=message.created,
        starts_at=message.starts_at,
        finished=message.finished,
    )


def _count_calls(by_shout: Mapping[int, Progress], *, now: datetime) -> dict[int, datetime]:
    """Fill in what the calls tell; answers when the last open call of each shout is due."""
    began = Q(started__lte=now)
    due = Q(status=CallStatus.READY, held_since=None, due_at__lte=now, message__paused_at=None)
    rows = (
        Call.objects.filter(message__in=list(by_shout))
        .annotate(public_status=public_status(now))
        .values("message_id", "public_status")
        .annotate(
            number=Count("pk"),
            just_now=Count("pk", filter=began & Q(started__gt=now - _JUST_NOW)),
            lately=Count("pk", filter=began & Q(started__gt=now - _LATELY)),
            waiting=Count("pk", filter=due),
            waiting_since=Min("due_at", filter=due),
            last_due=Max("due_at", filter=Q(finished=None)),
        )
    )
    last_due: dict[int, datetime] = {}
    for row in rows:
        shout, status, count = by_shout[row["message_id"]], row["public_status"], row["number"]
        shout.calls[status] = count
        shout.recipients += count
        shout.settled += count if status not in OPEN_CALLS else 0
        shout.completed += count if status in (CallStatus.COMPLETED, CallStatus.OPTED_OUT) else 0
        shout.failed += count if status in (CallStatus.FAILED, CallStatus.APP_ERROR) else 0
        shout.rate_10s += row["just_now"] / _JUST_NOW.total_seconds()
        shout.rate_60s += row["lately"] / _LATELY.total_seconds()
        shout.waiting += row["waiting"]
        shout.waiting_since = min(_those(shout.waiting_since, row["waiting_since"]), default=None)
        if last := max(_those(last_due.get(shout.id), row["last_due"]), default=None):
            last_due[shout.id] = last
    return last_due


def _expect(
    chosen: Iterable[Message],
    by_shout: Mapping[int, Progress],
    last_due: Mapping[int, datetime],
    *,
    now: datetime,
    not_before: datetime | None,
) -> None:
    """When each live shout is likely to end: its last batch begins, or its fair share of the rate is through, and then
    one more call is listened to. Retries to come are not foreseen."""
    config = configuration()
    live = [message for message in chosen if message.status in LIVE_SHOUTS and message.paused_at is None]
    left = {message.pk: by_shout[message.pk].calls.get(CallStatus.READY, 0) for message in live}
    for message in live:
        before_it = sum(min(count, left[message.pk]) for count in left.values())
        placed = max(now, not_before or now) + timedelta(seconds=before_it / config.max_calls_per_second)
        one_call = timedelta(seconds=message.length_s * config.call_length_ratio)
        by_shout[message.pk].expected_end = max(_those(placed, last_due.get(message.pk))) + one_call


def _those(*moments: datetime | None) -> list[datetime]:
    return [moment for moment in moments if moment is not None]
