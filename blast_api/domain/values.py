"""What an operator may write for each configuration key: from what was written to the value. Pure.

A function here takes what stands in the sheet or in the environment, answers the value that the service uses, and raises
ValueError with the fault, worded to follow the key's name: "is not a number".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from .billing import Increments
from .destinations import REGIONS, TYPES
from .prompts import ALL, LANGUAGE, LATER, PROMPTS
from .rules import said
from .rules.limits import FrequencyCap, PauseAt, Scope
from .rules.said import RETRYABLE as RETRYABLE
from .rules.window import Window
from .states import CallStatus, RecordingState

# What the carrier's callbacks call the account, the endpoint and the partner that they are of.
SIDS = ("AccountSid", "EndpointSid", "PartnerSid")
Value = TypeVar("Value")


def whole(low: int, high: int) -> Callable[[object], int]:
    def parse(written: object) -> int:
        number = _number_of(written)
        if not number.is_integer():
            raise ValueError("is not a whole number")
        return int(_within(number, low, high))

    return parse


def optional(parse: Callable[[object], Value]) -> Callable[[object], Value | None]:
    """As `parse`, or none: None, and as text nothing or the word."""
    return lambda written: None if str(written).strip().lower() in ("", "none", "null") else parse(written)


def number(low: float, high: float) -> Callable[[object], float]:
    return lambda written: _within(_number_of(written), low, high)


def _number_of(written: object) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        raise ValueError("is not a number")
    try:
        return float(written)
    except (ValueError, OverflowError):
        raise ValueError("is not a number") from None


def _within(number: float, low: float, high: float) -> float:
    if not low <= number <= high:
        raise ValueError(f"is not between {low:g} and {high:g}")
    return number


def url(written: object) -> str:
    parts = _absolute(written)
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment")
    return parts.geturl().rstrip("/")


def _absolute(written: object) -> SplitResult:
    text = string(written)
    try:
        parts = urlsplit(text)
        well_formed = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        well_formed = False
    if not well_formed or not text.isprintable() or " " in text:
        raise ValueError("is not an absolute http or https URL")
    return parts


def string(written: object) -> str:
    if not isinstance(written, str):
        raise ValueError("is not a string")
    return written


def credential(written: object) -> str:
    text = string(written)
    if not text.isprintable() or text != text.strip():
        raise ValueError("has a space or a line end around it, or characters that cannot be printed")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("has characters that cannot stand in an HTTP header") from None
    return text


def sids(written: object) -> Mapping[str, str]:
    named = _mapping(written)
    if unknown := sorted(str(name) for name in named if name not in SIDS):
        raise ValueError(f"has unknown names: {', '.join(unknown)}")
    return {name: sid for name, sid in _each(named, credential).items() if sid}


def sid(written: object) -> str:
    """One of the carrier's names, or none: as it stands in paths and filters."""
    text = string(written)
    if not re.fullmatch("[A-Za-z0-9_-]{0,64}", text):
        raise ValueError("is not a SID")
    return text


def boolean(written: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    try:
        return words[str(written).lower()]
    except KeyError:
        raise ValueError("is neither True nor False") from None


def _mapping(written: object) -> Mapping[str, object]:
    value = _from_json(written)
    if not isinstance(value, Mapping):
        raise ValueError("is not a mapping")
    return value


def _each(mapping: Mapping[str, object], parse: Callable[[object], Value]) -> dict[str, Value]:
    """The mapping with its values parsed; a fault names the entry that has it."""
    parsed: dict[str, Value] = {}
    for name, written in mapping.items():
        try:
            parsed[str(name)] = parse(written)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    return parsed


def _from_json(written: object) -> object:
    """Values from the environment are text; lists and mappings are JSON there."""
    if not isinstance(written, str):
        return written
    try:
        return json.loads(written)
    except ValueError:
        return written


def _list(written: object, *, of: str) -> Collection[object]:
    """A list, or one as text: JSON, or words with commas between."""
    value = _from_json(written)
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    if not isinstance(value, list | tuple | set | frozenset):
        raise ValueError(f"is not a list of {of}")
    return value


def voice_menu(written: object) -> Mapping[str, str]:
    menu = _mapping(written)
    if missing := [prompt for prompt in PROMPTS if prompt not in menu]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if unknown := sorted(str(prompt) for prompt in menu if prompt not in ALL):
        raise ValueError(f"has unknown prompts: {', '.join(unknown)}")
    return _each(menu, lambda url: _absolute(url).geturl())


def voice_menus(written: object) -> Mapping[str, Mapping[str, str]]:
    """Menus by their languages; nobody can say for us the prompts that one of them lacks."""
    menus: dict[str, Mapping[str, str]] = {}
    for language, menu in _mapping(written).items():
        if not (isinstance(language, str) and LANGUAGE.fullmatch(language)):
            raise ValueError(f"{language!r:.40} is no language, as es or pt-BR")
        read = voice_menu(menu)
        if missing := [prompt for prompt in LATER if prompt not in read]:
            raise ValueError(f"{language}: lacks {', '.join(missing)}")
        menus[language] = read
    return menus


def announced(written: object) -> str:
    """When people hear how to opt out."""
    if written not in ("first", "last"):
        raise ValueError("is neither 'first' nor 'last'")
    return str(written)


def state_timeouts(written: object) -> Mapping[RecordingState, float | None]:
    timeouts = _mapping(written)
    if missing := [state for state in RecordingState.values if state not in timeouts]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if unknown := sorted(str(state) for state in timeouts if state not in RecordingState.values):
        raise ValueError(f"has unknown states: {', '.join(unknown)}")
    seconds = number(1, 86400)
    limits = _each(timeouts, lambda limit: None if limit is None else seconds(limit))
    return {RecordingState(state): limit for state, limit in limits.items()}


def networks(written: object) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(
        ip_network(string(word)) for word in _list(written, of="networks")
    )  # its ValueError says which is none


def phone_number(written: object) -> str:
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    digits = string(written).removeprefix("+")
    if not re.fullmatch("[1-9][0-9]{6,14}", digits, re.ASCII):
        raise ValueError("is not a phone number of 7 to 15 digits with country code")
    return digits


def increments(written: object) -> Increments:
    found = re.fullmatch(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", string(written).strip(), re.ASCII)
    if not found:
        raise ValueError("is not two numbers of seconds with a slash between")
    return Increments(int(found[1]), int(found[2]))


def region(written: object) -> str | None:
    if written is None:
        return None
    name = string(written).strip().upper()
    if name in ("", "NONE", "NULL"):
        return None
    if name not in REGIONS:
        raise ValueError("is no region of ISO 3166 that has telephone numbers")
    return name


def regions(written: object) -> frozenset[str] | None:
    value = _from_json(written)
    if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
        return None
    named = {string(word).strip().upper() for word in _list(value, of="regions")}
    if unknown := sorted(named - REGIONS):
        raise ValueError(f"has regions that have no telephone numbers: {', '.join(unknown)}")
    if not named:
        raise ValueError("names no region, so nobody could be called")
    return frozenset(named)


def number_types(written: object) -> frozenset[int]:
    named = {string(word).strip().lower().replace("_", " ") for word in _list(written, of="types of number")}
    if unknown := sorted(named - TYPES.keys()):
        raise ValueError(f"has unknown types of number: {', '.join(unknown)}")
    return frozenset(TYPES[word] for word in named)


def pattern(written: object) -> re.Pattern[str]:
    try:
        return re.compile(string(written), re.ASCII)
    except (re.error, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None


def retry_statuses(written: object) -> tuple[CallStatus, ...]:
    value = _list(written, of="statuses")
    if unknown := sorted(str(word) for word in value if word not in RETRYABLE):
        raise ValueError(f"{', '.join(unknown)} cannot be retried")
    return tuple(CallStatus(str(word)) for word in value)


def retry_delay(written: object) -> float | Mapping[str, float]:
    seconds = number(0, 86400)
    value = _from_json(written)
    if not isinstance(value, Mapping):
        return seconds(value)
    if unknown := sorted(str(word) for word in value if word not in RETRYABLE):
        raise ValueError(f"{', '.join(unknown)} cannot be retried")
    return _each(value, seconds)


def window(written: object) -> Window:
    return said.window(_mapping(written))


def frequency_cap(written: object) -> FrequencyCap:
    return said.frequency_cap(_mapping(written))


def pause_at(written: object) -> PauseAt:
    return said.pause_at(_mapping(written))


def zone(written: object) -> str:
    return said.zone_name(written)


def scope(written: object) -> Scope:
    if written not in list(Scope):
        raise ValueError(f"is none of {', '.join(Scope)}")
    return Scope(str(written))


def phone_numbers(written: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(phone_number(one) for one in _list(written, of="numbers")))
