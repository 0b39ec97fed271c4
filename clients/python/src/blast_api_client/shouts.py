"""Shouts: sent, foretold, watched, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Unpack
from uuid import uuid4

from .models import Call, Preflight, Shout
from .requests import NewShout, as_sent
from .transport import Transport

_PAGE = 100  # a shout tells all its recipients
_EVERY_S = 2.0


class Shouts:
    """`client.shouts`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, *, idempotency_key: str | None = None, **shout: Unpack[NewShout]) -> Shout:
        """Send a shout. However often the request must be repeated, it is sent once.

        Give an `idempotency_key` of your own to be safe across your own restarts, too: the same key and shout, within a day, is
        the same shout.
        """
        key = idempotency_key or uuid4().hex
        headers = {"Idempotency-Key": key}
        return self._transport.post("/shouts", Shout, body=as_sent(shout), headers=headers, repeatable=True)

    def preflight(self, *, each: bool = True, **shout: Unpack[NewShout]) -> Preflight:
        """What `create` with the same arguments would do, and when; without doing it. Without `each`, counts alone."""
        query = {} if each else {"recipients": "none"}
        return self._transport.post("/shouts;preflight", Preflight, body=as_sent(shout), query=query, repeatable=True)

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
        """The shout as it is now, and every so many seconds, until it is over."""
        while True:
            shout = self.get(shout_id)
            yield shout
            if shout.ended:
                return
            time.sleep(every_s)

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
