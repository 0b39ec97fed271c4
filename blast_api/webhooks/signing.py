"""The headers of Standard Webhooks: the id, which stays the same, the time of sending, and a signature by each secret that counts."""

from __future__ import annotations

from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

from blast_api import __version__
from blast_api.models import Webhook


def signed(webhook: Webhook, message_id: str, body: str, *, now: datetime) -> dict[str, str]:
    """What goes with a body that is sent now."""
    now = now.astimezone(UTC)  # the package takes any time for UTC
    signatures = [Signer(secret).sign(message_id, now, body) for secret in webhook.secrets(now)]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
        "Content-Type": "application/json",
        "User-Agent": f"blast-api/{__version__}",
    }
