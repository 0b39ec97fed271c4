"""What an estimate of a shout goes by: the bounds in force, how calls of before ended, and what waits in the queue."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Q

from blast_api.conf import configuration
from blast_api.domain.rules.delivery import Delivery
from blast_api.domain.rules.estimate import Ahead, Course, Endings, RateBound
from blast_api.domain.states import LIVE_SHOUTS, NOT_CALLED, CallStatus, ShoutStatus
from blast_api.models import Application, Call, Message

# Of the last calls, so many in so many shouts: what was long ago says little, and reading takes time.
_LAST_SHOUTS, _LAST_CALLS = 5, 1000
NO_ENDING = NOT_CALLED | {CallStatus.CANCELLED}


def course(application: Application, delivery: Delivery, *, length_s: int, endings: Endings) -> Course:
    """How calls of a shout with these rules go, whose message is so long."""
    config = configuration()
    bounds = (
        RateBound(config.max_calls_per_second, config.max_concurrent_calls),
        RateBound(application.calls_per_second, application.concurrent_calls),
        RateBound(delivery.calls_per_second, delivery.concurrent_calls),
    )
    return Course.of(
        bounds,
        message_s=length_s * config.call_length_ratio,
        ring_s=config.ring_timeout,
        endings=endings,
        retry=delivery.retry,
    )


def endings_before(application: Application, userdata: str) -> tuple[Endings, str]:
    """How the calls of this user's last shouts ended, else those of the application, else what is assumed; and which it is."""
    over = Message.objects.proper().filter(application=application, status=ShoutStatus.FINISHED)
    for whose, messages in (("user", over.filter(userdata=userdata)), ("application", over)):
        ended: Counter[str] = Counter()
        for pk in list(messages.order_by("-pk").values_list("pk", flat=True)[:_LAST_SHOUTS]):
            ended.update(_endings(pk, most=_LAST_CALLS - ended.total()))
        if endings := Endings.of(ended):
            return endings, whose
    return Endings.assumed(), "assumed"


def _endings(message_id: int, *, most: int) -> Iterator[str]:
    """Of the last so many calls of a shout, those that were placed; one shout after another, as its index has them in order."""
    last = Call.objects.filter(message=message_id).order_by("-position").values_list("status", "attempts")[:most]
    return (status for status, attempts in last if attempts and status not in NO_ENDING)


def ahead_of(application: Application, calls: int, *, first: datetime, now: datetime) -> Ahead:
    """What leaves beside so many calls of a new shout of the application, the first of which is due then.

    Turns go round the applications, and within this one round its shouts.
    """
    live = Message.objects.proper().unclosed().filter(status__in=LIVE_SHOUTS, paused_at=None)
    due = Call.objects.due(first).order_by().filter(message__in=live)
    queued = due.values_list("message__application_id", "message_id")
    rows = queued.annotate(waiting=Count("pk", filter=Q(due_at__lte=now)), count=Count("pk"))
    queues: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for of_application, message, waiting, count in rows:
        queue = queues[of_application, message if of_application == application.pk else 0]
        queue[0] += waiting
        queue[1] += count - waiting
    return Ahead.of([(waiting, planned) for waiting, planned in queues.values()], calls)
