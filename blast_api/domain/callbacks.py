"""What an address for the carrier's callbacks tells: whose call it is."""

from __future__ import annotations

from enum import StrEnum


class Party(StrEnum):
    """Who is on the line; the word stands in the address, and in what waits on disk."""

    RECIPIENT = "calls"
    AUTHOR = "recordings"
