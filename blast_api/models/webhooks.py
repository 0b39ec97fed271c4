"""Webhooks of applications, and what is to be told to them: a transactional outbox, written with the change that it tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from blast_api.domain.webhooks import BOTH_SECRETS, TEST, WebhookEvent

from .applications import Application


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def kept(self) -> Self:
        """Webhooks that nobody has deleted."""
        return self.filter(deleted=None)

    def enabled(self) -> Self:
        """Webhooks that are told of what happens."""
        return self.filter(disabled=None)


class Webhook(models.Model):
    """An address of an application that is told of events.

    One sender at a time has it in hand, until `held_until`, by the database's clock.
    """

    application = models.ForeignKey(Application, models.PROTECT, related_name="webhooks", db_index=False)
    name = models.CharField(
        max_length=16
    )  # in the ids of what is sent: two services that tell one receiver differ by it
    url = models.CharField(max_length=2048)
    events = models.CharField(max_length=255)  # words between spaces
    created = models.DateTimeField(db_default=Now())
    secret = models.CharField(
        max_length=64
    )  # base64; it signs, so it stands here as it is, and nobody is told it again
    former_secret = models.CharField(max_length=64, db_default="")  # signs too, for a day after the rotation
    rotated = models.DateTimeField(null=True)
    disabled = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=300, db_default="")
    deleted = models.DateTimeField(
        null=True
    )  # disabled, too: nobody sees it, and it goes when what it was told is gone
    failing_since = models.DateTimeField(null=True)  # the first failure since it took something
    failures = models.PositiveIntegerField(db_default=0)  # in a row
    rests_until = models.DateTimeField(null=True)
    held_by = models.CharField(max_length=32, db_default="")
    held_until = models.DateTimeField(null=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=["application", "-id"], name="webhook_list"),)

    def __str__(self) -> str:
        return f"webhook {self.pk}"

    @property
    def event_list(self) -> list[str]:
        """The events that it is told of."""
        return self.events.split()

    @property
    def whole_secret(self) -> str:
        """The secret as Standard Webhooks writes it, and as it is told, once, to who made or rotated it."""
        return f"whsec_{self.secret}"

    def secrets(self, now: datetime) -> list[str]:
        """What signs now: the secret, and for a day the one before it."""
        both = self.former_secret and self.rotated and now < self.rotated + BOTH_SECRETS
        return [self.secret, self.former_secret] if both else [self.secret]


class DeliveryState(models.TextChoices):
    WAITING = "waiting"  # to be told, or told again
    DELIVERED = "delivered"
    FAILED = "failed"  # given up
    GONE = "gone"  # nothing is left of what it was to tell


class WebhookDelivery(models.Model):
    """One event that one webhook is told of. Ids are in the order of the changes that they tell of."""

    # Not checked: that would lock the webhook's row for whoever ends a call.
    webhook = models.ForeignKey(
        Webhook, models.DO_NOTHING, related_name="deliveries", db_index=False, db_constraint=False
    )
    event = models.CharField(max_length=16, choices=[*WebhookEvent.choices, (TEST, TEST)])
    subject = models.BigIntegerField()  # the id of the shout, the call or the entry
    serial = models.PositiveIntegerField(db_default=0)  # of an attempt of the call
    facts = models.JSONField(null=True)  # how the shout was then
    created = models.DateTimeField(db_default=Now())
    since = models.DateTimeField(db_default=Now())  # it is tried for three days from then on
    state = models.CharField(max_length=10, choices=DeliveryState.choices, db_default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    due_at = models.DateTimeField(null=True)  # when it is told again; null: it has not been told yet
    ended = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    trouble = models.CharField(max_length=200, db_default="")  # why the last try failed
    body = models.TextField(db_default="")  # of one that failed: it is told again as it was

    class Meta:
        indexes = (
            models.Index(
                fields=["webhook", "id"],
                condition=Q(state=DeliveryState.WAITING, due_at=None),
                name="delivery_fresh",
            ),
            models.Index(
                fields=["webhook", "due_at"],
                condition=Q(state=DeliveryState.WAITING, due_at__isnull=False),
                name="delivery_again",
            ),
            models.Index(fields=["webhook", "-id"], name="delivery_list"),
            models.Index(fields=["webhook", "state", "-id"], name="delivery_by_state"),
            models.Index(fields=["ended"], condition=Q(ended__isnull=False), name="delivery_to_forget"),
        )

    def __str__(self) -> str:
        return f"delivery {self.pk}"

    @property
    def message_id(self) -> str:
        """What receivers know it by, however often it is sent."""
        return f"msg_{self.webhook.name}_{self.pk}"
