"""What `manage.py applications set` and `show` know: each setting with its option, how it is typed, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blast_api.domain.rules import said, typed


@dataclass(frozen=True, slots=True)
class Setting:
    """One option; `key` is its name where it is stored."""

    key: str
    metavar: str
    help: str
    read: Callable[[str], object] = str
    nargs: str | None = None
    option_word: str = ""

    @property
    def option(self) -> str:
        return f"--{self.option_word or self.key.replace('_', '-')}"


SETTINGS = (
    Setting(
        "calls_per_second",
        "X",
        "most of its calls that begin in any one second, inside MAX_CALLS_PER_SECOND",
        typed.number,
    ),
    Setting(
        "concurrent_calls",
        "N",
        "most of its calls that ring or are up at once, inside MAX_CONCURRENT_CALLS",
        typed.number,
    ),
    Setting(
        "dids",
        "NUMBER",
        "caller ids that its shouts may name beside DID: DID or any of DIDS; all of them, each time",
        nargs="+",
        option_word="did",
    ),
    Setting(
        "window",
        "HOURS",
        'hours in which it calls, inside CALLING_WINDOW: "09:00-20:30 mon-fri", perhaps with a time zone, or JSON',
        typed.window,
    ),
    Setting(
        "retry",
        "ENDINGS",
        "seconds after which a call that ended so is tried again: busy=300,no-answer=1800",
        typed.retry,
    ),
    Setting("attempts", "N", "most attempts for one recipient", typed.number),
    Setting("machines", "WORD", f"what becomes of a call that a machine answers: {', '.join(said.Machines)}"),
    Setting(
        "pause_at",
        "PERCENT/OF",
        "80/50: a shout is paused when 80 percent of its last 50 ended attempts have failed; never",
        typed.pause_at,
    ),
)


def in_words(key: str, value: Any) -> str:
    """A setting as a person types it; nothing if there is none."""
    if value is None:
        return typed.NEVER if key == "pause_at" else ""
    match key:
        case "window":
            return said.window_words(said.window(value))
        case "dids":
            return " ".join(value)
        case "retry":
            return ",".join(f"{ending}={seconds:g}" for ending, seconds in value.items()) or typed.NEVER
        case "pause_at":
            return f"{value['failed_percent']:g}/{value['of']}"
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
