"""The rules of a shout as they are in force: what stands in its row, over the operator's sheet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from blast_api.conf import configuration
from blast_api.domain.rules import delivery, said
from blast_api.domain.rules.delivery import Delivery
from blast_api.models import Application, Message


class Ruled(Protocol):
    """A shout, or what was read of one."""

    delivery: Any  # as JSON
    until: datetime | None
    calls_per_second: float | None
    concurrent_calls: int | None


def in_force(message: Ruled) -> Delivery:
    """The rules by which its calls go out. Reads no row but this one."""
    return delivery.in_force(
        message.delivery,
        operators=configuration().delivery,
        until=message.until,
        calls_per_second=message.calls_per_second,
        concurrent_calls=message.concurrent_calls,
    )


def over_the_operators(rules: Mapping[str, object] | None) -> Delivery:
    """These rules, as they are stored with a shout or an application, over those of the operator; with no bounds of its own."""
    return delivery.in_force(rules, operators=configuration().delivery)


def caller_id(message: Message) -> str:
    """The number that calls its author and its recipients."""
    return named_or_the_operators(message.did)


def named_or_the_operators(did: str) -> str:
    """A caller id that a shout names, or the operator's."""
    return did or configuration().did


def caller_ids(application: Application) -> frozenset[str]:
    """The numbers from which this application's shouts may call."""
    return frozenset({configuration().did, *(application.dids or ())})


def too_wide(rules: Mapping[str, object]) -> str | None:
    """What is wrong with a window that is surely open when the operator's is not, as a sentence; None: nothing."""
    calling_window = configuration().calling_window
    if calling_window is None or "window" not in rules:
        return None
    if said.window(rules["window"]).is_within(calling_window) is not False:
        return None
    return f"It is wider than the operator's hours: {said.window_words(calling_window)}."
