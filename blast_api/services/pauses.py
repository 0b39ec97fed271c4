"""A shout is paused and goes on: nobody new is rung in between, and nobody loses their turn by it."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from blast_api.db.undone import again_if_undone
from blast_api.domain.errors import AlreadyEnded
from blast_api.domain.states import LIVE_SHOUTS, OPEN_SHOUTS, CallStatus, ShoutStatus
from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import Attempt, Message

from . import events, rules, schedule, withdrawals

log = logging.getLogger(__name__)

ASKED = "asked"
FAILING = "pause_at"  # as the rule is called


def pause_if_failing(message_id: int, *, now: datetime) -> None:
    """Pause a shout of whose last attempts too many have failed, by its own rule. What was before it was resumed is past."""
    message = Message.objects.filter(pk=message_id, status__in=LIVE_SHOUTS, paused_at=None).first()
    if message is None or (rule := rules.in_force(message).pause_at) is None:
        return
    ended = Attempt.objects.filter(message=message, claimed__isnull=False, ended__isnull=False)
    if message.resumed_at:
        ended = ended.filter(claimed__gt=message.resumed_at)
    endings = ended.order_by("-id").values_list("ending", flat=True)[: rule.of]
    failed = [ending == CallStatus.FAILED for ending in endings]
    if rule.is_reached(failed) and message.calls.unfinished().exists():
        about = {"action": "shout_failing", "shout": message_id, "failed": sum(failed), "of": rule.of}
        log.error("most attempts of a shout fail: it is paused", extra=about)
        with suppress(AlreadyEnded):
            pause(message, because=FAILING, now=now)


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
        events.of_shout(WebhookEvent.SHOUT_PAUSED, message.pk)
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
            schedule.move(message, by=now - paused_at, now=now)
        Message.objects.filter(pk=message.pk).update(paused_at=None, paused_because="", resumed_at=now)
        events.of_shout(WebhookEvent.SHOUT_RESUMED, message.pk)
        after_s = round((now - paused_at).total_seconds())
        log.info("a shout was resumed", extra={"action": "shout_resumed", "shout": message.pk, "after_s": after_s})


def _refuse_if_ended(message: Message) -> None:
    message.refresh_from_db()
    if message.status not in OPEN_SHOUTS:
        raise AlreadyEnded(f"The shout has already ended: it is {message.status}.")
