"""The rules of a shout as they are in force: what stands in its row, over the operator's sheet."""

from __future__ import annotations

from blast_api.conf import configuration
from blast_api.domain.rules import delivery
from blast_api.domain.rules.delivery import Delivery
from blast_api.models import Message


def in_force(message: Message) -> Delivery:
    """The rules by which its calls go out. Reads no row but this one."""
    return delivery.in_force(
        message.delivery,
        operators=configuration().delivery,
        until=message.until,
        calls_per_second=message.calls_per_second,
        concurrent_calls=message.concurrent_calls,
    )


def caller_id(message: Message) -> str:
    """The number that calls its author and its recipients."""
    return message.did or configuration().did
