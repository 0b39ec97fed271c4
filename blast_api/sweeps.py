"""What time brings about: shouts that begin, run out or are over, and what a crash has left.

Each sweep looks at unsettled shouts only, so its cost does not grow with the past.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from .conf import configuration
from .models import Message, MessageQuerySet
from .services import recordings, shouts
from .states import CallStatus, ShoutStatus

log = logging.getLogger(__name__)

_GIVEN_UP_AT_ONCE = 500


def expire(now: datetime) -> int:
    """Time out what took too long: recording calls in one state, and shouts past their deadline."""
    changed = recordings.expire(now)
    for message in Message.objects.past_deadline(now):
        if shouts.time_out(message, now=now):
            log.warning("a shout is timed out", extra={"action": "shout_timed_out", "shout": message.pk})
            changed += 1
    return changed


def finish(now: datetime) -> int:
    """Finish and close the shouts that nobody else did: the last two callbacks came at once, or a process died."""
    changed = 0
    for pk in _pks(Message.objects.live_and_settled()):
        changed += shouts.finish_if_settled(pk, now=now)
    for pk in _pks(Message.objects.settled_late()):
        changed += shouts.finish_late(pk, now=now)
    for message in Message.objects.ended_with_open_calls():
        changed += shouts.end_open_calls(message, now=now)
    for message in Message.objects.unsettled().filter(status=ShoutStatus.CANCELED, deadline__lt=now):
        _give_up(message, now=now)
    window = timedelta(hours=configuration().message_timeout_check_window)
    return changed + Message.objects.to_close(now - window).update(closed=now)


def forget(now: datetime) -> int:
    """Forget the idempotency keys that have expired, a bounded number at once."""
    return shouts.forget_keys(now)


def _pks(messages: MessageQuerySet) -> list[int]:
    return list(messages.values_list("pk", flat=True))


def _give_up(message: Message, *, now: datetime) -> None:
    """Calls of a canceled shout that the carrier never reported: past the deadline they are timed out like all others."""
    with transaction.atomic():
        unheard = message.calls.unfinished().order_by("pk").select_for_update()[:_GIVEN_UP_AT_ONCE]
        shouts.end_calls(message, list(unheard), CallStatus.TIMED_OUT, now=now)
