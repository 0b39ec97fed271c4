"""What somebody says of the rules of a shout: read from JSON, each fault named by its path. Pure.

One reader for the API, an application's defaults and the operator's sheet, so that they know the same words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from blast_api.domain import times
from blast_api.domain.states import CallStatus
from blast_api.domain.zones import exists

from .limits import FrequencyCap, PauseAt, Scope
from .retry import MACHINE
from .window import DAYS, Window

RETRYABLE = (CallStatus.FAILED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.APP_ERROR)
MOST_ATTEMPTS = 101
LONGEST_RETRY_S = 86400
RECIPIENT = "recipient"
_TIME = re.compile(r"(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)", re.ASCII)
_Parser = Callable[[object], object]


class Machines(StrEnum):
    """What becomes of a call that a machine answers."""

    MESSAGE = "message"  # it is left there
    HANG_UP = "hang up"  # nothing is
    RETRY = "retry"  # nor then, and the call is tried again as one that nobody answered


class Faults(ValueError):
    """What is wrong, by the path of what is: `{"window.from": "'9' is not a time of day, as 09:00."}`."""

    def __init__(self, by_path: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path} {words}".strip().rstrip(".") for path, words in by_path.items()))
        self.by_path = dict(by_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The rules that were said, and no others; `rules` are those that applications may have defaults of, as JSON."""

    rules: Mapping[str, object] = field(default_factory=dict)
    until: datetime | None = None
    calls_per_second: float | None = None
    concurrent_calls: int | None = None


# --- Whole objects -----------------------------------------------------------------------------------------------


def delivery(written: object, *, now: datetime) -> Said:
    """What a shout says. Raises Faults."""
    until = {"until": lambda value: times.to_come(value, now=now)}
    return _said(_object(written, {**_RULES, **_BOUNDS, **until}, never={"pause_at"}))


def application(written: object) -> Said:
    """What is said of an application: rules for those of its shouts that say none, and bounds of them all. Raises Faults."""
    return _said(_object(written, {**_RULES, **_BOUNDS}, never={"pause_at"}))


def _said(parsed: dict[str, object]) -> Said:
    rules = {name: parsed.pop(name) for name in _RULES if name in parsed}
    return Said(rules=as_json(rules), **parsed)  # type: ignore[arg-type]  # each parser returns its field's type


def window(written: object) -> Window:
    """Raises Faults."""
    parsed = _object(
        written,
        {"from": _time_of_day, "to": _time_of_day, "days": _days, "zone": _zone},
        required=("from", "to"),
    )
    since, until = str(parsed["from"]), str(parsed["to"])
    if since == until:
        raise Faults({"to": f"{until!r} is when it begins; a whole day is from 00:00 to 24:00."})
    zone = parsed.get("zone", RECIPIENT)
    days = parsed.get("days", frozenset(range(len(DAYS))))
    return Window(
        _clock(since),
        _clock(until),
        days,  # type: ignore[arg-type]  # of its parser
        None if zone == RECIPIENT else str(zone),
    )


def pause_at(written: object) -> PauseAt:
    """Raises Faults."""
    parsed = _object(
        written,
        {"failed_percent": _number(1, 100), "of": _whole(1, 1000)},
        required=("failed_percent", "of"),
    )
    return PauseAt(**parsed)  # type: ignore[arg-type]  # as above


def frequency_cap(written: object) -> FrequencyCap:
    """Raises Faults."""
    parsed = _object(
        written,
        {"calls": _whole(1, 1000), "days": _whole(1, 3660), "scope": _word(Scope)},
        required=("calls", "days"),
    )
    return FrequencyCap(**{"scope": Scope.USER, **parsed})  # type: ignore[arg-type]  # as above


def as_json(rules: Mapping[str, object]) -> dict[str, object]:
    """Rules as they are stored, and told."""
    written: dict[str, object] = {}
    for name, rule in rules.items():
        match rule:
            case Window():
                written[name] = window_json(rule)
            case PauseAt():
                written[name] = {"failed_percent": rule.failed_percent, "of": rule.of}
            case Machines():
                written[name] = rule.value
            case _:
                written[name] = rule
    return written


def window_json(rule: Window) -> dict[str, object]:
    """As somebody would write it."""
    until = "24:00" if rule.until == time(0) else f"{rule.until:%H:%M}"
    days = [DAYS[day] for day in sorted(rule.days)]
    return {"from": f"{rule.since:%H:%M}", "to": until, "days": days, "zone": rule.zone or RECIPIENT}


def window_words(rule: Window) -> str:
    """As a sentence tells it: "09:00 to 20:30 on mon, tue, by the recipient's clock"."""
    written = window_json(rule)
    days = "every day" if len(rule.days) == len(DAYS) else f"on {', '.join(DAYS[day] for day in sorted(rule.days))}"
    clock = "the recipient's clock" if rule.zone is None else f"the clock of {rule.zone}"
    return f"{written['from']} to {written['to']} {days}, by {clock}"


# --- Parts -------------------------------------------------------------------------------------------------------


def _object(
    written: object, parsers: Mapping[str, _Parser], *, required: Collection[str] = (), never: Collection[str] = ()
) -> dict[str, object]:
    """Its parts, each read by its parser; null is as if nothing was said, but for those where it says `never`."""
    if not isinstance(written, Mapping):
        raise Faults({"": "Expected an object."})
    faults = {_shown(name): "There is no such key." for name in written if name not in parsers}
    parsed: dict[str, object] = {}
    for name, parse in parsers.items():
        value = written.get(name)
        if value is None:
            if name in required:
                faults[name] = "This key is required."
            elif name in written and name in never:
                parsed[name] = None
            continue
        try:
            parsed[name] = parse(value)
        except Faults as inner:
            faults.update({f"{name}.{path}".rstrip("."): words for path, words in inner.by_path.items()})
        except ValueError as error:
            faults[name] = str(error)
    if faults:
        raise Faults(faults)
    return parsed


def _shown(name: object) -> str:
    """A key that nobody knows, as it may stand in an answer: half a character of UTF-16 could not."""
    return str(name)[:64].encode(errors="backslashreplace").decode()


def _clock(written: str) -> time:
    return time(0) if written == "24:00" else time.fromisoformat(written)


def _time_of_day(written: object) -> str:
    if not isinstance(written, str) or not _TIME.fullmatch(written):
        raise ValueError(f"{written!r:.40} is not a time of day, as 09:00.")
    return written


def _days(written: object) -> frozenset[int]:
    known = isinstance(written, list | tuple) and all(isinstance(day, str) and day in DAYS for day in written)
    if not known or not written:
        raise ValueError(f"Expected a list of days, any of {', '.join(DAYS)}.")
    assert isinstance(written, list | tuple)
    return frozenset(DAYS.index(day) for day in written)


def zone_name(written: object) -> str:
    """The name of a zone that this system knows. Raises ValueError."""
    if not isinstance(written, str) or not exists(written):
        raise ValueError(f"{written!r:.80} is no time zone that this system knows, as America/Chicago.")
    return written


def _zone(written: object) -> str:
    return RECIPIENT if written == RECIPIENT else zone_name(written)


def _retry(written: object) -> dict[str, float]:
    words = (*(str(ending) for ending in RETRYABLE), MACHINE)
    parsed = _object(written, {word: _number(0, LONGEST_RETRY_S) for word in words})
    return {word: float(str(seconds)) for word, seconds in parsed.items()}


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(written: object) -> int:
        if isinstance(written, bool) or not isinstance(written, int) or not low <= written <= high:
            raise ValueError(f"{written!r:.40} is not a whole number from {low} to {high}.")
        return written

    return parse


def _number(low: float, high: float) -> Callable[[object], float]:
    def parse(written: object) -> float:
        if isinstance(written, bool) or not isinstance(written, int | float) or not low <= written <= high:
            raise ValueError(f"{written!r:.40} is not a number from {low:g} to {high:g}.")
        return written

    return parse


def _word(words: type[StrEnum]) -> Callable[[object], StrEnum]:
    def parse(written: object) -> StrEnum:
        if not isinstance(written, str) or written not in list(words):
            raise ValueError(f"{written!r:.40} is none of {', '.join(words)}.")
        return words(written)

    return parse


_RULES: dict[str, _Parser] = {
    "window": window,
    "attempts": _whole(1, MOST_ATTEMPTS),
    "retry": _retry,
    "machines": _word(Machines),
    "pause_at": pause_at,
}
_BOUNDS: dict[str, _Parser] = {
    "calls_per_second": _number(0.01, 10000),
    "concurrent_calls": _whole(1, 10**6),
}
RULES = tuple(_RULES)  # what an application may say for its shouts
