"""What time brings about: shouts that begin, run out or are over, and what a crash has left.

Each sweep looks at unsettled shouts only, so its cost does not grow with the past.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from .models import Message
from .services import recordings, shouts
from .states import ENDED_SHOUTS, LIVE_SHOUTS, ShoutStatus

log = logging.getLogger(__name__)

# A shout that no callback finished, because the last two came at once or a process died, is found this late.
_OVERLOOKED = timedelta(seconds=2)


def expire(now: datetime) -> int:
    """Time out what took too long: recording calls in one state, and shouts past their deadline."""
    changed = recordings.expire(now)
    for message in Message.objects.past_deadline(now):
        if shouts.end(message, ShoutStatus.TIMED_OUT, now=now):
            log.warning("a shout is timed out", extra={"action": "shout_timed_out", "shout": message.pk})
            changed += 1
    return changed


def finish(now: datetime) -> int:
    """Finish and close the shouts that nobody else did."""
    changed = 0
    unsettled = Message.objects.unsettled()
    for pk in unsettled.filter(status__in=LIVE_SHOUTS, served__lt=now - _OVERLOOKED).values_list("pk", flat=True):
        changed += shouts.finish_if_settled(pk, now=now)
    for message in unsettled.filter(status__in=ENDED_SHOUTS):
        if message.status == ShoutStatus.TIMED_OUT:
            changed += shouts.finish_late(message.pk, now=now)
        else:
            shouts.end_calls_at_rest(message, now=now)
        changed += shouts.close_if_settled(message, now=now)
    return changed
