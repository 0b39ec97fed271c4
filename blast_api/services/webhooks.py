"""Webhooks of an application: made, rotated, tried, switched off and on, deleted; and what became of what they were told."""

from __future__ import annotations

import logging
import secrets
from base64 import b64encode
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from blast_api.domain.errors import InvalidField, WebhookDisabled
from blast_api.domain.webhooks import MOST_WEBHOOKS, TEST, WebhookEvent
from blast_api.models import Application, DeliveryState, Webhook, WebhookDelivery, WebhookQuerySet

log = logging.getLogger(__name__)

_SECRET_BYTES = 32


def of(application: Application) -> WebhookQuerySet:
    """The application's webhooks."""
    return Webhook.objects.kept().filter(application=application)


def anybody() -> bool:
    """Whether anybody is to be told of anything."""
    return Webhook.objects.enabled().exists()


def make(application: Application, url: str, events: Collection[WebhookEvent]) -> Webhook:
    """Make a webhook, which is told of what happens from its commit on. Raises InvalidField for one too many."""
    with transaction.atomic():
        # Of two at once, one may be the last; shouts may be made meanwhile.
        Application.objects.select_for_update(no_key=True).get(pk=application.pk)
        if of(application).count() >= MOST_WEBHOOKS:
            raise InvalidField("url", f"An application has at most {MOST_WEBHOOKS} webhooks; delete one first.")
        webhook = Webhook.objects.create(
            application=application,
            name=secrets.token_hex(4),
            url=url,
            events=" ".join(event for event in WebhookEvent if event in events),
            secret=_new_secret(),
        )
        webhook.refresh_from_db()
    log.info("a webhook was made", extra={"action": "webhook_made", "webhook": webhook.pk})
    return webhook


def rotate(webhook: Webhook, *, now: datetime) -> None:
    """It signs with a new secret, and for a day with the one before it as well."""
    with transaction.atomic():
        row = Webhook.objects.select_for_update().get(pk=webhook.pk)
        row.former_secret, row.secret, row.rotated = row.secret, _new_secret(), now
        row.save(update_fields=["former_secret", "secret", "rotated"])
    webhook.secret, webhook.rotated = row.secret, row.rotated
    log.info("the secret of a webhook was rotated", extra={"action": "webhook_rotated", "webhook": webhook.pk})


def test(webhook: Webhook) -> WebhookDelivery:
    """Tell it that this is a test. Raises WebhookDisabled."""
    if webhook.disabled:
        raise WebhookDisabled("The webhook is disabled, so nothing is sent to it.")
    pk = WebhookDelivery.objects.create(webhook=webhook, event=TEST, subject=webhook.pk).pk
    return deliveries(webhook).get(pk=pk)


def delete(webhook: Webhook, *, now: datetime) -> None:
    """From now on it is told nothing, and nobody sees it; `deliveries.forget` takes the rest away."""
    gone = {"deleted": now, "disabled": now, "secret": "", "former_secret": ""}
    Webhook.objects.filter(pk=webhook.pk).update(**gone)
    log.info("a webhook was deleted", extra={"action": "webhook_deleted", "webhook": webhook.pk})


def disable(pk: int, *, because: str, now: datetime) -> bool:
    """It is told nothing more until somebody enables it; False if that was so before."""
    changed = Webhook.objects.enabled().filter(pk=pk).update(disabled=now, disabled_because=because)
    if changed:
        about = {"action": "webhook_disabled", "webhook": pk, "because": because}
        log.error("a webhook is disabled: nothing more is sent to it", extra=about)
    return changed > 0


def enable(pk: int) -> bool:
    """It is told of what happens from now on, and of what still waited for it; False if that was so before."""
    disabled = Webhook.objects.kept().filter(pk=pk, disabled__isnull=False)
    afresh = {"failing_since": None, "failures": 0, "rests_until": None}
    changed = disabled.update(disabled=None, disabled_because="", **afresh)
    if changed:
        log.info("a webhook is enabled", extra={"action": "webhook_enabled", "webhook": pk})
    return changed > 0


def deliveries(webhook: Webhook, *, state: str | None = None) -> QuerySet[WebhookDelivery]:
    """What it was told, or is to be told: newest first, of one state or of each."""
    rows = WebhookDelivery.objects.filter(webhook=webhook).select_related("webhook").order_by("-id")
    return rows.filter(state=state) if state else rows


def retry(webhook: Webhook, *, now: datetime) -> int:
    """What waits is tried again at once, and what was given up for three days more. Answers how many."""
    rows = WebhookDelivery.objects.filter(webhook=webhook)
    waiting = rows.filter(state=DeliveryState.WAITING, due_at__isnull=False).update(due_at=now)
    again = {"state": DeliveryState.WAITING, "ended": None, "due_at": now, "since": now}
    given_up = rows.filter(state=DeliveryState.FAILED).update(**again)
    Webhook.objects.filter(pk=webhook.pk).update(rests_until=None)
    return waiting + given_up


def _new_secret() -> str:
    return b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
