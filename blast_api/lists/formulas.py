"""What a spreadsheet would run, in files that we write and read. Pure."""

from __future__ import annotations

import re

# What it takes for a formula by its first character, in full width, too, as keyboards of East Asia write them; and what it
# skips in front of one.
_RISKY = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def harmless(text: str) -> str:
    """A cell that a spreadsheet shows and does not run: what it would run gets an apostrophe in front."""
    return f"'{text}" if _RISKY.match(text) else text


def as_it_was(cell: str) -> str:
    """The text of which `harmless` has made this cell."""
    return cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell
