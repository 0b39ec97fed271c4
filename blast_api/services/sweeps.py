"""What time brings about: shouts that begin, run out or are over, and what a crash has left.

Each sweep looks at unclosed shouts only, so its cost does not grow with the past. Each turn does a bounded piece of what
there is to do; and what is wrong with one sweep, or with one shout, costs that one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q

from blast_api.conf import configuration
from blast_api.db.clock import AWAY
from blast_api.domain.states import RecordingState, ShoutStatus
from blast_api.models import AuthorCall, Message, MessageQuerySet

from . import authors, creation, recordings, shouts, silence

log = logging.getLogger(__name__)

_SHOUTS_AT_ONCE = 50
_CALLS_AT_ONCE = 500
_RELEASED_AT_ONCE = 10  # shouts, with all their calls


def sweep(now: datetime) -> int:
    """One turn of all sweeps. Answers how much they did; there may be more if that is not nothing."""
    sweeps = (release, shouts.begin_due, expire, finish, forget)
    return sum(_alone(partial(each, now), sweep=each.__name__) for each in sweeps)


def release(now: datetime) -> int:
    """Release shouts whose recordings are confirmed and permanent, a bounded number. Answers how many.

    Whoever keeps the carrier's answers has no time for it: a shout may have 100,000 calls.
    """
    confirmed = AuthorCall.objects.filter(state=RecordingState.CONFIRMED, kept=True, message__closed=None)
    released_by_code_of_before = Q(message__recording=None)
    waiting = confirmed.filter(Q(message__status=ShoutStatus.PENDING) | released_by_code_of_before)
    return sum(
        _alone(partial(_release, author_call, now=now), shout=author_call.pk)
        for author_call in waiting.select_related("message").order_by("pk")[:_RELEASED_AT_ONCE]
    )


def expire(now: datetime) -> int:
    """Time out what is stuck: recording calls in one state, and calls that the carrier has and says nothing of.

    And end what its shout wanted placed by now.
    """
    return authors.expire(now) + silence.time_out(now) + _expire_unplaced(now)


def finish(now: datetime) -> int:
    """Finish and close the shouts that nobody else did: the last two callbacks came at once, or a process died."""
    changed = 0
    for pk in _pks(Message.objects.live_and_settled()):
        changed += _alone(partial(shouts.finish_if_settled, pk, now=now), shout=pk)
    for pk in _pks(Message.objects.settled_late()):
        changed += _alone(partial(shouts.finish_late, pk, now=now), shout=pk)
    window = timedelta(hours=configuration().message_timeout_check_window)
    return changed + _end_open_calls(now) + Message.objects.to_close(now - window).update(closed=now)


def forget(now: datetime) -> int:
    """Forget the idempotency keys that have expired, and recordings without a file that are doomed; a bounded number at once."""
    return creation.forget_keys(now) + recordings.forget(now)


def _release(author_call: AuthorCall, *, now: datetime) -> int:
    with transaction.atomic():
        recording = recordings.adopt(author_call)
        return shouts.release(author_call.message, length_s=recording.length_s, now=now)


def _expire_unplaced(now: datetime) -> int:
    ended = 0
    for message in Message.objects.past_until(now).order_by("until", "pk")[:_SHOUTS_AT_ONCE]:
        ended += _alone(partial(shouts.expire, message, now=now), shout=message.pk)
        if ended >= _CALLS_AT_ONCE:
            break
    return ended


def _end_open_calls(now: datetime) -> int:
    """End calls that ended shouts have left open: of the shout that ended first, then of the next."""
    ended = 0
    for message in Message.objects.ended_with_open_calls().order_by("finished", "pk")[:_SHOUTS_AT_ONCE]:
        ended += _alone(partial(shouts.end_open_calls, message, now=now), shout=message.pk)
        if ended >= _CALLS_AT_ONCE:
            break
    return ended


def _pks(messages: MessageQuerySet) -> list[int]:
    return list(messages.order_by("pk").values_list("pk", flat=True)[:_SHOUTS_AT_ONCE])


def _alone(do: Callable[[], int], **about: object) -> int:
    """What it did; nothing if it failed, so that others get their turn. Raises what the database says when it is away."""
    try:
        return do()
    except AWAY:
        raise
    except Exception:
        log.exception("a sweep failed and is tried again", extra={"action": "sweep_failed", **about})
        return 0
