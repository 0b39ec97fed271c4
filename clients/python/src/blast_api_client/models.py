"""What the service answers. A field that a later release adds is passed over; words are texts, as a later one may add some.

A test compares each class with the service's document, by its name.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field

Time = Annotated[datetime, Meta(tz=True)]  # always with its zone

ENDED = frozenset({"finished", "canceled", "timed-out", "error"})  # statuses of shouts that are over


class Window(Struct, frozen=True, kw_only=True):
    """Hours in which recipients are called."""

    from_: str = field(name="from")
    to: str
    days: list[str]
    zone: str


class PauseAt(Struct, frozen=True, kw_only=True):
    """When a shout is paused by itself."""

    failed_percent: float
    of: int


class Delivery(Struct, frozen=True, kw_only=True):
    """Rules as they are in force."""

    window: Window | None
    until: Time | None
    attempts: int
    retry: dict[str, float]
    machines: str
    calls_per_second: float | None
    concurrent_calls: int | None
    pause_at: PauseAt | None


class Transfer(Struct, frozen=True, kw_only=True):
    """How a recipient is put through."""

    key: str
    to: str
    concurrent: int | None


class Voice(Struct, frozen=True, kw_only=True):
    """A recorded message; its url is empty where the carrier says a text."""

    created: Time
    length: int
    url: str


class ShoutWaiting(Struct, frozen=True, kw_only=True):
    """What a shout waits for as a whole."""

    because: str
    until: Time | None


class Shout(Struct, frozen=True, kw_only=True):
    """A shout, and how its calls are doing."""

    id: int
    created: Time
    caller: str | None
    status: str
    title: str
    schedule: Time | None
    userdata: str
    delivery: Delivery
    from_: str = field(name="from")
    recipients: list[str]
    voc: Voice | None
    recording: int | None
    voicemail_recording: int | None
    language: str | None
    transfer: Transfer | None
    recipients_requested_dnc: bool
    started: Time | None
    finished: Time | None
    paused_at: Time | None
    paused_because: str | None
    waiting: ShoutWaiting | None
    expected_finish: Time | None
    calls: dict[str, int]

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.status in ENDED


class Call(Struct, frozen=True, kw_only=True):
    """The call to one recipient."""

    id: int
    started: Time | None
    finished: Time | None
    shout_id: int
    phone: str
    zone: str | None
    reference: str | None
    status: str
    q850: int | None = field(name="Q850")
    duration: int | None
    attempts: int
    answerer: str
    keys: str
    transferred: Time | None
    transfer_outcome: str | None
    transfer_duration: int | None
    reason: str | None
    audition: bool


class Attempt(Struct, frozen=True, kw_only=True):
    """One placement of a call."""

    number: int
    claimed: Time
    slot: Time | None
    sid: str
    started: Time | None
    answered: Time | None
    ended: Time | None
    ending: str | None
    q850: int | None = field(name="Q850")
    duration: int | None
    answerer: str
    keys: str
    transferred: Time | None
    transfer_outcome: str | None
    transfer_duration: int | None
    reason: str


class ListedAttempt(Attempt, frozen=True, kw_only=True):
    """One placement of one of a shout's calls."""

    id: int
    call_id: int
    phone: str
    reference: str | None


class CallWaiting(ShoutWaiting, frozen=True, kw_only=True):
    """What a call waits for; with `window`, by whose clock."""

    zone: str | None


class CallDetail(Call, frozen=True, kw_only=True):
    """A call, each of its attempts, and what it waits for."""

    attempts: list[Attempt]  # type: ignore[assignment]  # the service's name for both
    waiting: CallWaiting | None


class Recording(Struct, frozen=True, kw_only=True):
    """What shouts play."""

    id: int
    created: Time
    title: str
    userdata: str
    source: str
    length: int
    estimated: bool
    text: str | None
    url: str


class DoNotCall(Struct, frozen=True, kw_only=True):
    """A number that is not called, since when, and by what it came there."""

    number: str
    created: Time
    by: str
    call: int | None


class Foretold(Struct, frozen=True, kw_only=True):
    """What would become of one recipient."""

    position: int
    number: str
    verdict: str
    reason: str | None
    at: Time | None


class Assumed(Struct, frozen=True, kw_only=True):
    """On what an estimate rests."""

    calls_per_second: float
    queued_ahead: int
    windows: str | None
    recording_length: int
    recording_length_known: bool
    answer_rate: float
    answer_rate_of: str
    retries: int


class Estimate(Struct, frozen=True, kw_only=True):
    """When a shout would call."""

    first_call: Time | None
    last_call: Time | None
    finish: Time | None
    assumes: Assumed
    certainty: str


class ListColumn(Struct, frozen=True, kw_only=True):
    """A column of a file; the first is 1."""

    column: int
    header: str | None


class ListLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A recipient as it was read, and on which line."""

    line: int
    number: str
    zone: str = ""
    reference: str = ""


class ListRead(Struct, frozen=True, kw_only=True):
    """How a list was read that was sent as a file; columns by `number`, `zone`, `reference`."""

    columns: dict[str, ListColumn]
    header: bool
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    rows: int
    sample: list[ListLine]


class NumbersListed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many numbers were put on a list, and how many of them it had already."""

    added: int
    there_before: int
    listed: ListRead | None = field(name="list", default=None)


class CreatedShout(Shout, frozen=True, kw_only=True, omit_defaults=True):
    """A shout that was just made; `listed` if its recipients were sent as a file."""

    listed: ListRead | None = field(name="list", default=None)


class Preflight(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a shout would do; no recipients where they were not asked for."""

    counts: dict[str, int]
    listed: ListRead | None = field(name="list", default=None)
    recipients: list[Foretold] = field(default_factory=list)
    estimate: Estimate


class Webhook(Struct, frozen=True, kw_only=True):
    """Where events are sent."""

    id: int
    url: str
    events: list[str]
    created: Time
    rotated: Time | None
    failing_since: Time | None
    disabled: Time | None
    disabled_because: str | None


class SecretWebhook(Webhook, frozen=True, kw_only=True):
    """A webhook and its secret, which is told this once."""

    secret: str


class WebhookDelivery(Struct, frozen=True, kw_only=True):
    """What a webhook was told, or is to be told."""

    id: int
    message_id: str
    type: str
    subject: int
    created: Time
    state: str
    attempts: int
    next_attempt: Time | None
    ended: Time | None
    status: int | None
    trouble: str | None
