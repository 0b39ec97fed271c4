"""What the bench of webhooks does within the service's settings."""

from __future__ import annotations

import time

from django.utils import timezone

from blast_api.carrierx.events import StatusReport
from blast_api.domain.states import CallStatus
from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import Application, Call, DeliveryState, WebhookDelivery
from blast_api.services import delivery, webhooks


def listen(*, url: str, application: str) -> int:
    """A webhook of this application that is told of each call's end."""
    whose, _ = Application.objects.get_or_create(name=application)
    return webhooks.make(whose, url, [WebhookEvent.CALL_ENDED]).pk


def end_calls(*, shout: int, per_second: float, seconds: float) -> float:
    """End calls of a shout as the carrier's callbacks do, at a steady pace; answers how many a second it were."""
    report = StatusReport(CallStatus.COMPLETED, "completed", "s", 9, {})
    calls = list(Call.objects.filter(message=shout).order_by("position").values_list("pk", "serial"))
    begun = time.monotonic()
    ended = 0
    for pk, serial in calls[: int(per_second * seconds)]:
        time.sleep(max(0.0, begun + ended / per_second - time.monotonic()))
        delivery.settled(delivery.CallAttempt(pk, serial), report, now=timezone.now())
        ended += 1
    return ended / (time.monotonic() - begun)


def undelivered() -> int:
    """How many deliveries still wait."""
    return WebhookDelivery.objects.filter(state=DeliveryState.WAITING).count()


FUNCTIONS = {function.__name__: function for function in (listen, end_calls, undelivered)}
