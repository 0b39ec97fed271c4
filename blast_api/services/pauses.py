"""A shout is paused and goes on: nobody new is rung in between, and nobody loses their turn by it."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from blast_api.db.undone import again_if_undone
from blast_api.domain.errors import AlreadyEnded
from blast_api.domain.states import OPEN_SHOUTS, CallStatus, ShoutStatus
from blast_api.models import Message

from . import withdrawals

log = logging.getLogger(__name__)

ASKED = "asked"


@again_if_undone
def pause(message: Message, *, because: str = ASKED, now: datetime) -> None:
    """From the commit on nothing of it is placed, and what waits at the carrier comes back; again is fine. Raises AlreadyEnded.

    People who listen hear it out, and so do those whose phone rings before their call is back.
    """
    with transaction.atomic():
        open_ = Message.objects.filter(pk=message.pk, status__in=OPEN_SHOUTS)
        if not open_.filter(paused_at=None).update(paused_at=now, paused_because=because):
            _refuse_if_ended(message)
            return
        taken_back = message.calls.with_carrier().filter(
            Q(status=CallStatus.READY) | Q(due_at__gt=now), withdrawn=False
        )
        withdrawals.mark(taken_back, recalled=True)
        about = {"action": "shout_paused", "shout": message.pk, "because": because}
        log.info("a shout was paused", extra=about)


@again_if_undone
def resume(message: Message, *, now: datetime) -> None:
    """It goes on where it was: what is left of an ongoing one moves by the time of the pause. Again is fine. Raises AlreadyEnded."""
    with transaction.atomic():
        paused_at = Message.objects.select_for_update().filter(pk=message.pk).values_list("paused_at", flat=True).get()
        _refuse_if_ended(message)
        if paused_at is None:
            return
        calls = message.calls.order_by("pk")
        list(calls.filter(recalled=True).select_for_update().values_list("pk"))
        # What nobody has begun to take back stays with the carrier.
        calls.filter(recalled=True, held_since=None).update(withdrawn=False, recalled=False)
        if message.status == ShoutStatus.ONGOING:
            calls.filter(status=CallStatus.READY, held_since=None).update(due_at=F("due_at") + (now - paused_at))
        Message.objects.filter(pk=message.pk).update(paused_at=None, paused_because="")
        after_s = round((now - paused_at).total_seconds())
        log.info("a shout was resumed", extra={"action": "shout_resumed", "shout": message.pk, "after_s": after_s})


def _refuse_if_ended(message: Message) -> None:
    message.refresh_from_db()
    if message.status not in OPEN_SHOUTS:
        raise AlreadyEnded(f"The shout has already ended: it is {message.status}.")
