"""What stands in a line of a crontab, which cron reads before the shell does."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9@+=:,./_-]+")


def word(text: str) -> str:
    """The text as one word of a command in a crontab. Raises ValueError for what no line can hold.

    Cron makes a new line of every % that has no backslash before it, and takes that backslash away, also between quotes.
    """
    if not text.isprintable() and any(character in text for character in "\n\r\0"):
        raise ValueError("a line of a crontab cannot hold a line feed")
    if _PLAIN.fullmatch(text):
        return text
    # A backslash of the text stands at the end of its quotes, so that cron finds nothing behind it to take away.
    quoted = text.replace("'", "'\"'\"'").replace("\\", "\\''").replace("%", "\\%")
    return f"'{quoted}'"
