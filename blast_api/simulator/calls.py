"""A call: what was asked for, and what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, cast

from .faults import Injection
from .fields import Check, mapping, nullable, number, one_of, read_fields, web_address, whole
from .steps import Taped
from .wire import Json

_ANY_METHOD = one_of("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")

UPDATABLE: Mapping[str, Check] = {
    "calling_did": number,
    "called_did": number,
    "url": nullable(web_address),
    "method": one_of("POST", "GET"),
    "status_callback_url": nullable(web_address),
    "status_callback_method": _ANY_METHOD,
    "delay": whole(0),
    "attributes": mapping,
}
CREATABLE: Mapping[str, Check] = {**UPDATABLE, "timeout": whole(1)}
REQUIRED = ("called_did", "calling_did")
READ_ONLY = ("call_sid", "account_sid", "date_created")
DEFAULTS: Json = {
    "url": None,
    "method": "POST",
    "status_callback_url": None,
    "status_callback_method": "POST",
    "delay": 0,
    "timeout": 30,
    "attributes": {},
}


@dataclass(frozen=True)
class CallSpec:
    """A call as it was asked for; `delay_s` and `timeout_s` (of ringing) are seconds."""

    number: str
    caller: str
    url: str | None
    method: str
    status_callback_url: str | None
    status_callback_method: str
    delay_s: int
    timeout_s: int
    attributes: Json

    @classmethod
    def from_fields(cls, fields: Json) -> CallSpec:
        """Build the order of a call from fields that were checked and are complete."""
        return cls(
            number=cast("str", fields["called_did"]),
            caller=cast("str", fields["calling_did"]),
            url=cast("str | None", fields["url"]),
            method=cast("str", fields["method"]),
            status_callback_url=cast("str | None", fields["status_callback_url"]),
            status_callback_method=cast("str", fields["status_callback_method"]),
            delay_s=cast("int", fields["delay"]),
            timeout_s=cast("int", fields["timeout"]),
            attributes=cast("Json", fields["attributes"]),
        )

    def fields(self) -> dict[str, object]:
        """Return every field under its name on the wire."""
        return {
            "called_did": self.number,
            "calling_did": self.caller,
            "url": self.url,
            "method": self.method,
            "status_callback_url": self.status_callback_url,
            "status_callback_method": self.status_callback_method,
            "delay": self.delay_s,
            "timeout": self.timeout_s,
            "attributes": self.attributes,
        }

    def changed(self, body: Json, *, whole_object: bool) -> CallSpec:
        """Return the order with fields of a body changed; raises Refusal 422."""
        required = UPDATABLE if whole_object else ()
        return self.from_fields(
            {**self.fields(), **read_fields(body, UPDATABLE, required=list(required), ignored=READ_ONLY)}
        )


def read_spec(body: Json) -> CallSpec:
    """Return the order of a call in a JSON body; raises Refusal 422."""
    return CallSpec.from_fields({**DEFAULTS, **read_fields(body, CREATABLE, required=REQUIRED)})


class Stage(Enum):
    """Where a call is."""

    WAITING = "waiting"  # for its delay
    LIVE = "live"  # rings or is answered
    OVER = "over"
    WITHDRAWN = "withdrawn"  # by DELETE, never rang


class HeardAt(NamedTuple):
    """Something the person heard: simulator seconds, the kind (play, say, beep, digits), and the URL or text."""

    at: float
    kind: str
    what: str


@dataclass(frozen=True)
class Bridge:
    """What became of a Dial: times are simulator seconds, None while they are to come; `caller` is the number shown."""

    number: str
    caller: str
    rang_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    status: str | None = None

    @property
    def seconds(self) -> float:
        """How long the two have talked, 0 while they still do."""
        return 0.0 if self.answered_at is None or self.ended_at is None else self.ended_at - self.answered_at


class Document(NamedTuple):
    """A document the application gave: simulator seconds, where it came from, and its text."""

    at: float
    url: str
    text: str


@dataclass
class Call:
    """One accepted call and its history; it grows while the call goes on.

    `status` is the carrier's final word or None. `duration` is whole seconds from the answer to the end. Other times
    are simulator seconds. `tape` is what an answering machine has recorded. `attempt_index` counts the calls to the same number that were accepted before, from 0.
    """

    spec: CallSpec
    account_sid: str
    accepted_at: float
    due_at: float
    date_created: str
    attempt_index: int
    injections: tuple[Injection, ...] = ()
    sid: str = field(default_factory=lambda: str(uuid.uuid4()))
    stage: Stage = Stage.WAITING
    status: str | None = None
    duration: int = 0
    answered_at: float | None = None
    ended_at: float | None = None
    heard: list[HeardAt] = field(default_factory=list)
    tape: list[Taped] = field(default_factory=list)
    bridges: list[Bridge] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    actions: int = 0
    forgotten: bool = False

    @property
    def number(self) -> str:
        """The number called."""
        return self.spec.number

    @property
    def caller(self) -> str:
        """The number shown as the caller."""
        return self.spec.caller

    @property
    def url(self) -> str | None:
        """Where the first document comes from."""
        return self.spec.url

    @property
    def delay(self) -> int:
        """The delay asked for, in seconds."""
        return self.spec.delay_s

    @property
    def played(self) -> list[str]:
        """What was played, in order, without times."""
        return [heard.what for heard in self.heard if heard.kind == "play"]

    def fault(self, name: str) -> Injection | None:
        """Return the fault of this name that the call lives with, if it does."""
        return next((injection for injection in self.injections if injection.name == name), None)

    def on_wire(self, *, delay_s: int) -> dict[str, object]:
        """Return the call as the carrier shows it: without a status, without the ringing time."""
        fields = self.spec.fields()
        del fields["timeout"]
        return {
            **fields,
            "delay": delay_s,
            "call_sid": self.sid,
            "account_sid": self.account_sid,
            "date_created": self.date_created,
        }
