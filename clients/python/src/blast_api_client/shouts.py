"""Shouts: sent, foretold, watched, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict, Unpack
from uuid import uuid4

import msgspec

from .files import file_of
from .models import Call, CreatedShout, Preflight, Shout
from .requests import NewShout, as_sent
from .transport import File, Transport

_PAGE = 100  # a shout tells all its recipients
_EVERY_S = 2.0
_LARGE = 20_000  # recipients: some 300 kB of JSON


class Shouts:
    """`client.shouts`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, idempotency_key: str | None = None, **shout: Unpack[NewShout]) -> CreatedShout:
        """Send a shout. However often the request must be repeated, it is sent once.

        Give an `idempotency_key` of your own to be safe across your own restarts, too: the same key and shout, within a day, is
        the same shout.
        """
        headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
        return self._transport.post("/shouts", CreatedShout, **_body(shout), headers=headers, repeatable=True)

    def preflight(self, *, each: bool = True, **shout: Unpack[NewShout]) -> Preflight:
        """What `create` with the same arguments would do, and when; without doing it. Without `each`, counts alone."""
        query = {} if each else {"recipients": "none"}
        return self._transport.post("/shouts;preflight", Preflight, **_body(shout), query=query, repeatable=True)

    def get(self, shout_id: int) -> Shout:
        """One shout."""
        return self._transport.get(f"/shouts/{shout_id}", Shout)

    def list(self, *, userdata: str, page_size: int = _PAGE) -> Iterator[Shout]:
        """A user's shouts, newest first."""
        return self._transport.pages("/shouts", Shout, page_size=page_size, userdata=userdata)

    def pause(self, shout_id: int) -> Shout:
        """Let nobody else be called until it is resumed."""
        return self._transport.post(f"/shouts/{shout_id};pause", Shout, repeatable=True)

    def resume(self, shout_id: int) -> Shout:
        """Let a paused one go on."""
        return self._transport.post(f"/shouts/{shout_id};resume", Shout, repeatable=True)

    def cancel(self, shout_id: int) -> Shout:
        """Call nobody else."""
        return self._transport.delete(f"/shouts/{shout_id};cancel", Shout)

    def audition(self, shout_id: int, *, to: str) -> Call:
        """Play it to one number first. Sent once only, as a telephone rings."""
        return self._transport.post(f"/shouts/{shout_id};audition", Call, body={"to": to})

    def watch(self, shout_id: int, *, every_s: float = _EVERY_S) -> Iterator[Shout]:
        """The shout as it is now, and every so many seconds, until it is over.

        A shout tells all its recipients, so a large one is asked for less often.
        """
        while True:
            shout = self.get(shout_id)
            yield shout
            if shout.ended:
                return
            time.sleep(every_s * max(1.0, len(shout.recipients) / _LARGE))

    def wait(
        self,
        shout_id: int,
        *,
        timeout_s: float | None = None,
        every_s: float = _EVERY_S,
        until: Callable[[Shout], bool] = lambda shout: shout.ended,
    ) -> Shout:
        """The shout when it is over, or `until` something else is true of it. Raises TimeoutError."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for shout in self.watch(shout_id, every_s=every_s):
            if shout.ended or until(shout):
                break
            if deadline is not None and time.monotonic() + every_s > deadline:
                raise TimeoutError(f"Shout {shout_id} is {shout.status} after {timeout_s} s.")
        return shout


class _Body(TypedDict, total=False):
    body: object
    fields: dict[str, str]
    files: dict[str, File]


def _body(shout: NewShout) -> _Body:
    """As JSON, or as a form if the recipients are in a file."""
    told = as_sent(shout)
    recipients = told["recipients"]
    if not (isinstance(recipients, Path) or hasattr(recipients, "read")):
        return {"body": told}
    del told["recipients"]
    return {
        "fields": {"shout": msgspec.json.encode(told).decode()},
        "files": {"recipients": file_of(recipients, "recipients.csv")},
    }
