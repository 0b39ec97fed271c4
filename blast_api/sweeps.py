"""What time brings about: shouts that begin, run out or are over, and what a crash has left.

Each sweep looks at unsettled shouts only, so its cost does not grow with the past.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .conf import configuration
from .models import Message, MessageQuerySet
from .services import recordings, shouts, silence


def expire(now: datetime) -> int:
    """Time out what is stuck: recording calls in one state, and calls that the carrier has and says nothing of."""
    return recordings.expire(now) + silence.time_out(now)


def finish(now: datetime) -> int:
    """Finish and close the shouts that nobody else did: the last two callbacks came at once, or a process died."""
    changed = 0
    for pk in _pks(Message.objects.live_and_settled()):
        changed += shouts.finish_if_settled(pk, now=now)
    for pk in _pks(Message.objects.settled_late()):
        changed += shouts.finish_late(pk, now=now)
    for message in Message.objects.ended_with_open_calls():
        changed += shouts.end_open_calls(message, now=now)
    window = timedelta(hours=configuration().message_timeout_check_window)
    return changed + Message.objects.to_close(now - window).update(closed=now)


def forget(now: datetime) -> int:
    """Forget the idempotency keys that have expired, a bounded number at once."""
    return shouts.forget_keys(now)


def _pks(messages: MessageQuerySet) -> list[int]:
    return list(messages.values_list("pk", flat=True))
