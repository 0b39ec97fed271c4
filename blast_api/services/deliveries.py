"""What is to be sent to webhooks: who sends it, what became of it, and when it is forgotten.

A sender takes a webhook in hand, not a delivery: so an endpoint is told by one at a time, in order, and a delivery costs two
writes. It holds it by a lease, which is renewed while it works; what a dead one had sent and not kept is sent again.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce

from blast_api.domain import webhooks as rule
from blast_api.models import DeliveryState, Webhook, WebhookDelivery
from blast_api.monitoring import counters

from . import webhooks

LEASE = timedelta(seconds=60)
_KEPT_FOR = timedelta(days=7)  # so long an application can look up what became of a delivery
_FORGOTTEN_AT_ONCE = 1000
# Of a transaction that began before the webhook was deleted, something may still come.
_STRAGGLERS = timedelta(minutes=10)
_LONGEST_TROUBLE = 200  # characters, as the column has them


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one try; without a status there was no answer."""

    status: int | None
    trouble: str = ""  # empty: it was taken
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery that was tried, by what it said."""

    pk: int
    since: datetime
    attempts: int  # before this one
    body: str
    answered: Answered


# --- In hand -----------------------------------------------------------------------------------------------------------


def claim(holder: str, *, most: int, now: datetime) -> list[Webhook]:
    """Take webhooks in hand that nobody has and that have something to be told. Of several that want one, one gets it."""
    waiting = WebhookDelivery.objects.filter(webhook=OuterRef("pk"), state=DeliveryState.WAITING)
    has_work = Exists(waiting.filter(due_at=None)) | Exists(waiting.filter(due_at__lte=now))
    free = Webhook.objects.enabled().filter(Q(held_until=None) | Q(held_until__lt=now))
    rested = free.filter(Q(rests_until=None) | Q(rests_until__lte=now))
    held = {"held_by": holder, "held_until": now + LEASE}
    pks = rested.filter(has_work).order_by("held_until", "pk").values_list("pk", flat=True)[:most]
    won = [pk for pk in list(pks) if rested.filter(pk=pk).update(**held)]
    return list(Webhook.objects.filter(pk__in=won, held_by=holder).order_by("pk")) if won else []


def renew(holder: str, pks: Collection[int], *, now: datetime) -> list[Webhook]:
    """Hold them for longer; answers those that are still ours to tell, as they are now."""
    ours = Webhook.objects.enabled().filter(pk__in=pks, held_by=holder)
    ours.update(held_until=now + LEASE)
    return list(ours)


def let_go(holder: str, pks: Collection[int]) -> None:
    """Others may have them."""
    Webhook.objects.filter(pk__in=pks, held_by=holder).update(held_by="", held_until=None)


def to_send(webhook: Webhook, *, most: int, known: Collection[int], now: datetime) -> list[WebhookDelivery]:
    """What it is to be told next, but for what is `known` to be on its way: in the order of the changes, what is tried again first."""
    waiting = WebhookDelivery.objects.filter(webhook=webhook, state=DeliveryState.WAITING)
    limit = most + len(known)
    fresh = waiting.filter(due_at=None).order_by("id")[:limit]
    again = waiting.filter(due_at__lte=now).order_by("due_at")[:limit]
    found = [row for row in (*again, *fresh) if row.pk not in known][:most]
    return sorted(found, key=lambda row: row.pk)


# --- Kept --------------------------------------------------------------------------------------------------------------


def gone(pks: Sequence[int], *, now: datetime) -> None:
    """Nothing is left of what these were to tell."""
    WebhookDelivery.objects.filter(pk__in=pks, state=DeliveryState.WAITING).update(state=DeliveryState.GONE, ended=now)


def keep(webhook_id: int, tried: Iterable[Sent], *, now: datetime) -> Webhook | None:
    """Store what became of them; what was not taken is tried again later, or given up. Answers the webhook; None: it is gone.

    One that says 410, or has taken nothing for five days, is disabled.
    """
    taken: dict[int | None, list[int]] = defaultdict(list)
    failed: list[Sent] = []
    for sent in tried:
        if sent.answered.trouble:
            failed.append(sent)
        else:
            taken[sent.answered.status].append(sent.pk)
    with transaction.atomic():
        for status, pks in taken.items():
            waiting = WebhookDelivery.objects.filter(pk__in=pks, state=DeliveryState.WAITING)
            told = {"state": DeliveryState.DELIVERED, "ended": now, "status": status, "trouble": "", "body": ""}
            counters.WEBHOOKS.add(DeliveryState.DELIVERED, times=waiting.update(attempts=F("attempts") + 1, **told))
        for sent in failed:
            _keep_failed(sent, now=now)
        _judge(webhook_id, took=bool(taken), failed=failed, now=now)
    return Webhook.objects.filter(pk=webhook_id).first()


def _keep_failed(sent: Sent, *, now: datetime) -> None:
    attempts, answered = sent.attempts + 1, sent.answered
    at = rule.next_try(
        attempts,
        since=sent.since,
        now=now,
        asked_s=answered.retry_after_s,
        draw=random.random(),  # noqa: S311  # no secret
    )
    changes: dict[str, object] = {"due_at": at, "body": sent.body}
    if at is None:
        changes = {"state": DeliveryState.FAILED, "ended": now, "body": sent.body}
        counters.WEBHOOKS.add(DeliveryState.FAILED)
    WebhookDelivery.objects.filter(pk=sent.pk, state=DeliveryState.WAITING).update(
        attempts=attempts, status=answered.status, trouble=answered.trouble[:_LONGEST_TROUBLE], **changes
    )


def _judge(webhook_id: int, *, took: bool, failed: Sequence[Sent], now: datetime) -> None:
    row = Webhook.objects.filter(pk=webhook_id)
    if took:
        row.filter(failing_since__isnull=False).update(failing_since=None, failures=0, rests_until=None)
    if not failed:
        return
    if not took:  # otherwise it fails now and then
        row.update(failures=F("failures") + len(failed), failing_since=Coalesce("failing_since", Value(now)))
    for webhook in row:
        asked_s = max((sent.answered.retry_after_s or 0.0 for sent in failed), default=0.0)
        if rest := rule.rest(webhook.failures, asked_s=asked_s):
            row.update(rests_until=now + rest)
        if any(sent.answered.status == HTTPStatus.GONE for sent in failed):
            webhooks.disable(webhook_id, because="it answered 410", now=now)
        elif webhook.failing_since and rule.is_given_up(webhook.failing_since, now=now):
            because = f"it has taken nothing for {rule.GIVEN_UP_AFTER.days} days: {failed[-1].answered.trouble}"
            webhooks.disable(webhook_id, because=because[:300], now=now)


# --- Forgotten ---------------------------------------------------------------------------------------------------------


def forget(now: datetime) -> int:
    """Forget what was told, or given up, a week ago, what disabled webhooks were not told in time, and deleted ones; a bounded number."""
    old = WebhookDelivery.objects.filter(ended__lt=now - _KEPT_FOR).order_by("ended").values_list("pk", flat=True)
    count = _delete(list(old[:_FORGOTTEN_AT_ONCE]))
    for webhook in Webhook.objects.kept().filter(disabled__isnull=False):
        waiting = WebhookDelivery.objects.filter(webhook=webhook, state=DeliveryState.WAITING).order_by("id")
        late = [
            pk for pk, since in waiting.values_list("pk", "since")[:_FORGOTTEN_AT_ONCE] if since < now - rule.TRIED_FOR
        ]
        given_up = {"state": DeliveryState.FAILED, "ended": now, "trouble": "the webhook is disabled"}
        count += WebhookDelivery.objects.filter(pk__in=late).update(**given_up)
    for webhook in Webhook.objects.filter(deleted__isnull=False)[:1]:
        of_it = WebhookDelivery.objects.filter(webhook=webhook).order_by("id").values_list("pk", flat=True)
        count += (left := _delete(list(of_it[:_FORGOTTEN_AT_ONCE])))
        if not left and webhook.deleted and webhook.deleted < now - _STRAGGLERS:
            count += Webhook.objects.filter(pk=webhook.pk).delete()[0]
    return count


def _delete(pks: Sequence[int]) -> int:
    return WebhookDelivery.objects.filter(pk__in=pks).delete()[0] if pks else 0
