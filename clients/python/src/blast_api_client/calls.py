"""Calls: what became of each recipient, and why."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from .models import Call, CallDetail, ListedAttempt
from .transport import Transport

_PAGE = 1000


class Calls:
    """`client.calls`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, shout_id: int, status: str | None = None, page_size: int = _PAGE) -> Iterator[Call]:
        """A shout's calls, in the order of its recipients."""
        query = {"shout-id": shout_id, "status": status}
        return self._transport.pages("/calls", Call, page_size=page_size, **query)

    def attempts(self, *, shout_id: int, page_size: int = _PAGE) -> Iterator[ListedAttempt]:
        """Each placement of a shout's calls, in the order in which they were made."""
        query = {"shout-id": shout_id}
        return self._transport.pages("/attempts", ListedAttempt, page_size=page_size, **query)

    def to(self, phone: str, *, userdata: str, status: str | None = None, page_size: int = _PAGE) -> Iterator[Call]:
        """All that a user's shouts had to do with a phone, newest first."""
        return self._transport.pages("/calls", Call, page_size=page_size, phone=phone, userdata=userdata, status=status)

    def get(self, call_id: int) -> CallDetail:
        """One call, each of its attempts, and what it waits for."""
        return self._transport.get(f"/calls/{call_id}", CallDetail)

    def why(self, phone: str, *, userdata: str, newest: int = 10) -> Iterator[CallDetail]:
        """Why a phone was called, or was not: the newest calls to it, with their attempts and what they wait for."""
        for call in islice(self.to(phone, userdata=userdata, page_size=newest), newest):
            yield self.get(call.id)
