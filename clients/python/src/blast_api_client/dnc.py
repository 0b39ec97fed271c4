"""Do-not-call lists: of each user, and the application's own, which holds for all its users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .files import Given, file_of
from .models import DoNotCall, NumbersListed
from .transport import Transport

_PAGE = 1000


class DoNotCallLists:
    """`client.dnc`; without `userdata`, the application's own list."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, userdata: str | None = None, page_size: int = _PAGE) -> Iterator[DoNotCall]:
        """The numbers, newest first."""
        return self._transport.pages("/dnc", DoNotCall, page_size=page_size, userdata=userdata)

    def add(self, numbers: Iterable[str], *, userdata: str | None = None) -> NumbersListed:
        """Let these numbers not be called any more: all of them, or none if one is no number."""
        body, query = {"numbers": [*numbers]}, {"userdata": userdata}
        return self._transport.post("/dnc", NumbersListed, body=body, query=query, repeatable=True)

    def import_list(self, file: Given, *, userdata: str | None = None) -> NumbersListed:
        """The same of a list in a file, CSV or XLSX."""
        files, query = {"numbers": file_of(file, "numbers.csv")}, {"userdata": userdata}
        return self._transport.post("/dnc", NumbersListed, files=files, query=query, repeatable=True)

    def remove(self, number: str, *, userdata: str | None = None) -> None:
        """Take a number off. Raises NotFound if it is not there."""
        self._transport.discard("/dnc", number=number, userdata=userdata)
