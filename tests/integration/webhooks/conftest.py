from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from blast_api.webhooks.wire import WebhookWire

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.fixture
def wire() -> Iterator[WebhookWire]:
    """The way to a receiver on loopback, as the operator would open it."""
    wire = WebhookWire(opened=LOOPBACK, within_s=5.0)
    yield wire
    wire.close()
