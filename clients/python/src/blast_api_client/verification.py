"""Whether a webhook is the service's own: https://www.standardwebhooks.com."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from .errors import BlastError


class NotGenuine(BlastError):
    """The signature is not of this secret, or is old: answer 400, and do nothing."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened. It may come more than once: `id` is then the same. A later event has a larger `sequence`."""

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]
    sequence: int | None = None


def verify(body: bytes, headers: Mapping[str, str], secret: str) -> Event:
    """The event, if `body` was signed with `secret` within five minutes. Raises NotGenuine.

    `body` is what came, byte by byte; JSON that was read and written again is no longer what was signed.
    """
    try:
        told = Webhook(secret).verify(body, dict(headers))
        name = {word.lower(): value for word, value in headers.items()}["webhook-id"]
        return msgspec.convert({**told, "id": name}, Event)
    except (WebhookVerificationError, ValueError, TypeError) as fault:  # of bytes, of base64, of JSON, of its shape
        raise NotGenuine(str(fault)) from fault
