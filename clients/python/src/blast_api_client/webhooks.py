"""Webhooks: where the service tells what happens. `verify` tells whether what comes there is the service's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .models import SecretWebhook, Webhook, WebhookDelivery
from .transport import Transport

_PAGE = 500


class Webhooks:
    """`client.webhooks`, of the application."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, url: str, events: Sequence[str]) -> SecretWebhook:
        """Have these events sent to an address. Keep the secret: it is told this once."""
        return self._transport.post("/webhooks", SecretWebhook, body={"url": url, "events": events})

    def list(self, *, page_size: int = _PAGE) -> Iterator[Webhook]:
        """All of them, newest first."""
        return self._transport.pages("/webhooks", Webhook, page_size=page_size)

    def get(self, webhook_id: int) -> Webhook:
        """One webhook."""
        return self._transport.get(f"/webhooks/{webhook_id}", Webhook)

    def delete(self, webhook_id: int) -> None:
        """Have nothing more sent there."""
        self._transport.discard(f"/webhooks/{webhook_id}")

    def test(self, webhook_id: int) -> WebhookDelivery:
        """Have an event `webhook.test` sent there."""
        return self._transport.post(f"/webhooks/{webhook_id};test", WebhookDelivery)

    def rotate(self, webhook_id: int) -> SecretWebhook:
        """Change the secret; for a day both sign. Not sent again by itself: a second one would end the first secret's day."""
        return self._transport.post(f"/webhooks/{webhook_id};rotate", SecretWebhook)

    def enable(self, webhook_id: int) -> Webhook:
        """Let one that was disabled be told again."""
        return self._transport.post(f"/webhooks/{webhook_id};enable", Webhook, repeatable=True)

    def deliveries(
        self, webhook_id: int, *, state: str | None = None, page_size: int = _PAGE
    ) -> Iterator[WebhookDelivery]:
        """What it was told, or is to be told, newest first."""
        path = f"/webhooks/{webhook_id}/deliveries"
        return self._transport.pages(path, WebhookDelivery, page_size=page_size, state=state)
