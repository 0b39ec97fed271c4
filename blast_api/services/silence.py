"""Calls that the carrier has and says nothing of: it is asked what became of them, and what it cannot tell is timed out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, IntegerField, Q, Value
from django.db.models.functions import Coalesce

from blast_api.conf import configuration
from blast_api.domain.states import CallStatus
from blast_api.domain.transfers import UP
from blast_api.models import Call, CallQuerySet

from . import delivery, transfers

log = logging.getLogger(__name__)

# For so long the carrier's detail records are asked for a call, and for calls that began so close together at once.
_ASKED_FOR = timedelta(seconds=60)
_ASKED_TOGETHER = timedelta(minutes=10)
# How they end does not depend on the carrier's word, or it is being asked for another one.
_NO_NEED_TO_ASK = Q(opted_out=True) | Q(withdrawn=True, recalled=False, status=CallStatus.PENDING)


def claim_to_ask(now: datetime) -> list[Call]:
    """Take calls that the carrier has long said nothing of in hand, to ask it what became of them; none if nobody can.

    `held_since` says since when it is asked.
    """
    if not configuration().carrierx_api_token:
        return []
    asked = Q(held_since=None) | Q(held_since__gt=now - _ASKED_FOR)
    calls = list(_silent(now).filter(asked).exclude(_NO_NEED_TO_ASK).order_by("started")[: delivery.ENDED_AT_ONCE])
    calls = [call for call in calls if call.started and call.started < calls[0].started + _ASKED_TOGETHER]  # type: ignore[operator]  # a silent one has started
    _silent(now).filter(pk__in=[call.pk for call in calls], held_since=None).update(held_since=now)
    return calls


def time_out(now: datetime, *, only: Sequence[int] | None = None) -> int:
    """Calls that the carrier has and has long said nothing of are timed out, a bounded number. Answers how many.

    Where the carrier can be asked, those of which it has not told for so long as it is asked; or `only` these, of which
    it knows nothing. Those of people who have pressed 5 need no word from the carrier, and end so.
    """
    silent = _silent(now)
    if only is not None:
        silent = silent.filter(pk__in=only)
    elif configuration().carrierx_api_token:
        silent = silent.filter(_NO_NEED_TO_ASK | Q(held_since__lte=now - _ASKED_FOR))
    ended = delivery.end_by_shout(silent.order_by("started"), CallStatus.TIMED_OUT, now=now)
    for message_id, count in ended.items():
        about = {"action": "calls_timed_out", "shout": message_id, "count": count}
        log.warning("the carrier says nothing of calls: they are timed out", extra=about)
    return sum(ended.values())


def _silent(now: datetime) -> CallQuerySet:
    """Calls that started, or were answered, the patience and their expected length ago: no end is told."""
    config = configuration()
    length_s = Coalesce(
        "message__recording__length_s", "message__author_call__length_s", Value(0), output_field=IntegerField()
    )
    length = ExpressionWrapper(length_s * Value(timedelta(seconds=config.call_length_ratio)), DurationField())
    over_at = ExpressionWrapper(Coalesce("answered", "started") + length, DateTimeField())
    before = now - config.patience
    return (
        Call.objects.annotate(over_at=over_at)
        .filter(finished=None, started__lt=before, over_at__lt=before)
        .exclude(transferred__gt=before - transfers.LONGEST, transfer_outcome=UP)
    )
