"""What the service takes, as keyword arguments of `shouts.create` and `shouts.preflight`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NotRequired, Required, TypedDict

# Names that are Python's own words, or none of its words: how the service calls them.
_NAMES = {"from_": "from", "old_shout_id": "old-shout-id"}


class NewRecipient(TypedDict):
    """A recipient of whom more is known than the number."""

    number: str
    zone: NotRequired[str | None]
    reference: NotRequired[str | None]


class NewTransfer(TypedDict):
    """Who presses `key` is put through to `to`."""

    key: str
    to: str
    concurrent: NotRequired[int | None]


NewWindow = TypedDict("NewWindow", {"from": str, "to": str, "days": NotRequired[list[str]], "zone": NotRequired[str]})


class NewPauseAt(TypedDict):
    """When the shout is paused by itself."""

    failed_percent: float
    of: int


class NewDelivery(TypedDict, total=False):
    """Rules of the shout; what it does not say, the application's own say, then the operator's."""

    window: NewWindow | None
    until: datetime | str | None
    attempts: int | None
    retry: dict[str, float] | None
    machines: str | None
    calls_per_second: float | None
    concurrent_calls: int | None
    pause_at: NewPauseAt | None


class NewShout(TypedDict, total=False):
    """A shout: to whom, and one of `text`, `recording`, `old_shout_id` and `caller`, who records it by phone.

    `recipients` may be a list in a file, CSV or XLSX: its path, or the file opened as binary.
    """

    userdata: Required[str]
    recipients: Required[Sequence[str | NewRecipient] | Path | BinaryIO]
    text: str | None
    voice: str | None
    recording: int | None
    caller: str | None
    old_shout_id: int | None
    voicemail_recording: int | None
    title: str | None
    schedule: datetime | str | None
    delivery: NewDelivery | None
    language: str | None
    transfer: NewTransfer | None
    from_: str | None


def as_sent(shout: Mapping[str, Any]) -> dict[str, Any]:
    """The same by the service's names."""
    return {_NAMES.get(name, name): value for name, value in shout.items()}
