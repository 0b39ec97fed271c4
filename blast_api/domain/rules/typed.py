"""Rules as an operator types them in one word of a command, put as `said` reads them. Pure.

What cannot be put so stays as it was typed: `said` refuses it, and quotes it. Braces begin JSON, for everything.
"""

from __future__ import annotations

import json
import re

from .window import DAYS

NONE = "none"  # takes a setting back: the operator's own holds again
NEVER = "never"
_HOURS = re.compile(r"([0-9:]+)-([0-9:]+)", re.ASCII)


def number(typed: str) -> object:
    """ "2.5" and "3"."""
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed


def window(typed: str) -> object:
    """ "09:00-20:30 mon-fri", "09:00-12:00 sat,sun America/Chicago"."""
    if typed.lstrip().startswith("{"):
        return _json(typed)
    hours, *others = typed.split() or [""]
    if not (shape := _HOURS.fullmatch(hours)):
        return typed
    read: dict[str, object] = {"from": shape[1], "to": shape[2]}
    for word in others:
        days = _days(word)
        name = "zone" if days is None else "days"
        if name in read:
            return typed
        read[name] = word if days is None else days
    return read


def retry(typed: str) -> object:
    """ "busy=300,no-answer=1800"; "never"."""
    if typed == NEVER:
        return {}
    if typed.lstrip().startswith("{"):
        return _json(typed)
    pairs = [part.partition("=") for part in typed.split(",")]
    return {ending.strip(): number(seconds.strip()) for ending, _, seconds in pairs}


def pause_at(typed: str) -> object:
    """ "80/50": at 80 percent of the last 50; "never"."""
    if typed == NEVER:
        return None
    if typed.lstrip().startswith("{"):
        return _json(typed)
    percent, slash, of = typed.partition("/")
    return {"failed_percent": number(percent.removesuffix("%")), "of": number(of)} if slash else typed


def _days(word: str) -> list[str] | None:
    """The days of "mon-fri" and of "sat,sun", in the order of the week; None: the word is no days."""
    named: set[int] = set()
    for part in word.lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return None
        begin, end = DAYS.index(first), DAYS.index(last or first)
        named.update(range(begin, end + 1) if begin <= end else (*range(begin, len(DAYS)), *range(end + 1)))
    return [DAYS[day] for day in sorted(named)]


def _json(typed: str) -> object:
    try:
        return json.loads(typed)
    except (ValueError, RecursionError):
        return typed
