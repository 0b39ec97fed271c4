"""Do-not-call lists: of each user, and the application's own, which holds for all its users."""

from __future__ import annotations

from collections.abc import Iterator

from .models import DoNotCall
from .transport import Transport

_PAGE = 1000


class DoNotCallLists:
    """`client.dnc`; without `userdata`, the application's own list."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, userdata: str | None = None, page_size: int = _PAGE) -> Iterator[DoNotCall]:
        """The numbers, newest first."""
        return self._transport.pages("/dnc", DoNotCall, page_size=page_size, userdata=userdata)

    def remove(self, number: str, *, userdata: str | None = None) -> None:
        """Take a number off. Raises NotFound if it is not there."""
        self._transport.discard("/dnc", number=number, userdata=userdata)
