"""Faults of the carrier, asked for by name.

At the door, for one request (POST of calls unless `method` or `path`, a prefix, say otherwise):
    refuse          answer `status` (422), with `retry_after`, `body` and `content_type` if given; nothing is accepted
    late            answer after `seconds` real seconds; accepted
    drop            accept, then close the connection without an answer
    drop_before     close the connection; nothing is accepted
    no_sid          answer without call_sid, or file_sid; accepted
    html            answer 200 with a page instead of JSON; accepted
    half            send half of the answer and close; accepted
    huge            answer with `size` megabytes; accepted
    redirect        answer 302 to `location`; nothing is accepted

For all the life of one accepted call:
    repeat_callbacks    every request to the application is sent twice
    reorder_callbacks   the final status overtakes an action: number `action` of the call, or the first that carries keys
                        or a recording (the first of any kind when the person presses nothing); the call ends there
    silent              accepted, and never heard of again
    lose_status         no final status
    callback_first      the call is rung, and the application told, before the POST is answered; time stands still
    form                requests to the application are form-encoded
    get                 requests to the application are GET
    nulls               what may be null or missing in those requests is
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from .fields import Check, nullable, number, one_of, read_fields, text, whole
from .wire import Json

DOOR = frozenset({"refuse", "late", "drop", "drop_before", "no_sid", "html", "half", "huge", "redirect"})
CALL = frozenset(
    {"repeat_callbacks", "reorder_callbacks", "silent", "lose_status", "callback_first", "form", "get", "nulls"}
)
CALLS_PATH = "/flexml/v1/calls"
NO_END = -1


@dataclass(frozen=True)
class Injection:
    """One fault that was asked for: `times` more times (-1: without end), for one `number` if given, and its options."""

    name: str
    times: int = 1
    number: str | None = None
    method: str | None = None
    path: str | None = None
    status: int = 422
    retry_after: str | int | None = None
    body: str | None = None
    content_type: str = "application/json"
    seconds: float = 1.0
    size: int = 1
    location: str = "/elsewhere"
    action: int | None = None

    def meets(self, *, method: str, path: str, number: str | None) -> bool:
        """Tell whether a request at the door is one this fault waits for."""
        if self.number is not None and self.number != number:
            return False
        if self.path is None:
            return method == (self.method or "POST") and path == CALLS_PATH
        return path.startswith(self.path) and self.method in {None, method}


def _amount(value: object) -> str | None:
    right = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return None if right else "must be a number of at least 0"


def _retry_after(value: object) -> str | None:
    return None if isinstance(value, str | int) and not isinstance(value, bool) else "must be seconds or a date"


OPTIONS: Mapping[str, Check] = {
    "name": one_of(*sorted(DOOR | CALL)),
    "times": whole(NO_END),
    "number": nullable(number),
    "method": nullable(text),
    "path": nullable(text),
    "status": whole(200),
    "retry_after": nullable(_retry_after),
    "body": nullable(text),
    "content_type": text,
    "seconds": _amount,
    "size": whole(1),
    "location": text,
    "action": nullable(whole(1)),
}


def read_injection(body: Json) -> Injection:
    """Return the fault described by a JSON object; raises Refusal 422."""
    return Injection(**cast("dict[str, Any]", read_fields(body, OPTIONS, required=["name"])))


@dataclass
class Faults:
    """The faults that wait for their request, oldest first; safe to use from any thread."""

    _waiting: list[Injection] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def waiting(self) -> tuple[Injection, ...]:
        """The faults that have not happened as often as they were asked for."""
        with self._lock:
            return tuple(self._waiting)

    def add(self, injection: Injection) -> None:
        """Let a fault wait for its request."""
        with self._lock:
            self._waiting.append(injection)

    def reset(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._waiting.clear()

    def at_door(self, *, method: str, path: str, number: str | None) -> Injection | None:
        """Use up and return the fault that meets this request, if one does."""
        with self._lock:
            for injection in self._waiting:
                if injection.name in DOOR and injection.meets(method=method, path=path, number=number):
                    self._use(injection)
                    return injection
        return None

    def for_call(self, number: str) -> tuple[Injection, ...]:
        """Use up and return the faults that this accepted call will live with, one of each name."""
        with self._lock:
            met: dict[str, Injection] = {}
            for injection in self._waiting:
                if injection.name in CALL and injection.number in {None, number}:
                    met.setdefault(injection.name, injection)
            for injection in met.values():
                self._use(injection)
            return tuple(met.values())

    def _use(self, injection: Injection) -> None:
        place = self._waiting.index(injection)
        if injection.times == NO_END:
            return
        if injection.times > 1:
            self._waiting[place] = replace(injection, times=injection.times - 1)
        else:
            del self._waiting[place]
