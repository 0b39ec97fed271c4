"""The only reader of our settings: one frozen, typed object per process, and the faults that stand in its way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.signals import setting_changed

from .errors import ConfigurationError
from .retry import RetryPolicy
from .states import CallStatus, RecordingState

PROMPTS = (
    "no_key_pressed",
    "goodbye",
    "invalid_entry",
    "opt_out",
    "ready_for_delivery",
    "record_verification",
    "record_welcome",
    "recording_cancelled",
    "recording_saved",
    "start_recording",
)
Value = TypeVar("Value")

SECRETS = frozenset({"CARRIERX_API_TOKEN", "FLEXML_API_USER", "FLEXML_API_PASSWORD"})
# What the carrier's callbacks call the account, the endpoint and the partner that they are of.
SIDS = ("AccountSid", "EndpointSid", "PartnerSid")
RETRYABLE = (CallStatus.FAILED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.APP_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Configuration:
    """What the operator chose. Fields are the configuration keys in lower case, in the units that the keys have."""

    base_callcontrol_api_url: str  # without the last slash
    base_carrierx_api_url: str  # without the last slash
    carrierx_api_token: str
    flexml_api_user: str
    flexml_api_password: str
    carrierx_sids: Mapping[str, str]
    amd_initial_silence: int
    amd_greeting: int
    amd_after_greeting_silence: int
    amd_total_analysis_time: int
    voice_menu: Mapping[str, str]
    did: str
    max_calls_per_second: int
    call_batch_size: int
    call_length_ratio: float
    max_retries: int
    message_timeout: float
    message_timeout_check_window: float
    rec_call_status_timeouts: Mapping[RecordingState, float | None]
    record_all_calls: bool
    debug_recording_container: str
    valid_number_pattern: re.Pattern[str]
    placement_horizon: float
    placement_confirm_timeout: float
    retry_statuses: tuple[CallStatus, ...]
    retry_delay: float | Mapping[str, float]
    max_recipients: int
    max_body_bytes: int
    max_json_depth: int
    max_title_length: int
    max_userdata_length: int
    max_number_length: int
    max_idempotency_key_length: int
    max_limit: int
    max_offset: int
    max_requests_per_minute: int
    max_wrong_tokens_per_minute: int
    idempotency_key_window: float
    cron_timeout: float
    metrics_allowed: tuple[IPv4Network | IPv6Network, ...]

    @property
    def late_window(self) -> timedelta:
        """How long after its end a call may still be told of: an hour at least, or a key would be lost by a slow network."""
        return timedelta(hours=max(self.message_timeout_check_window, 1))

    @property
    def retry_policy(self) -> RetryPolicy:
        """The rule by which failed calls are tried again."""
        delay = self.retry_delay
        delays = {
            status: float(delay.get(status, 0) if isinstance(delay, Mapping) else delay)
            for status in self.retry_statuses
        }
        return RetryPolicy(delays_s=delays, limit=self.max_retries)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a key cannot be used, and what would do. Never quotes a secret."""

    key: str
    problem: str
    hint: str


# --- What each key may be: functions from what was written to the value, raising ValueError -------------------------


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(written: object) -> int:
        number = _number_of(written)
        if not number.is_integer():
            raise ValueError("is not a whole number")
        return int(_within(number, low, high))

    return parse


def _number(low: float, high: float) -> Callable[[object], float]:
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


def _url(written: object) -> str:
    parts = _absolute(written)
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment")
    return parts.geturl().rstrip("/")


def _absolute(written: object) -> SplitResult:
    text = _text(written)
    try:
        parts = urlsplit(text)
        well_formed = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        well_formed = False
    if not well_formed or not text.isprintable() or " " in text:
        raise ValueError("is not an absolute http or https URL")
    return parts


def _text(written: object) -> str:
    if not isinstance(written, str):
        raise ValueError("is not a string")
    return written


def _credential(written: object) -> str:
    text = _text(written)
    if not text.isprintable() or text != text.strip():
        raise ValueError("has a space or a line end around it, or characters that cannot be printed")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("has characters that cannot stand in an HTTP header") from None
    return text


def _sids(written: object) -> Mapping[str, str]:
    sids = _mapping(written)
    if unknown := sorted(str(name) for name in sids if name not in SIDS):
        raise ValueError(f"has unknown names: {', '.join(unknown)}")
    return {name: sid for name, sid in _each(sids, _credential).items() if sid}


def _boolean(written: object) -> bool:
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


def _voice_menu(written: object) -> Mapping[str, str]:
    menu = _mapping(written)
    if missing := [prompt for prompt in PROMPTS if prompt not in menu]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if unknown := sorted(str(prompt) for prompt in menu if prompt not in PROMPTS):
        raise ValueError(f"has unknown prompts: {', '.join(unknown)}")
    return _each(menu, lambda url: _absolute(url).geturl())


def _state_timeouts(written: object) -> Mapping[RecordingState, float | None]:
    timeouts = _mapping(written)
    if missing := [state for state in RecordingState.values if state not in timeouts]:
        raise ValueError(f"lacks {', '.join(missing)}")
    if unknown := sorted(str(state) for state in timeouts if state not in RecordingState.values):
        raise ValueError(f"has unknown states: {', '.join(unknown)}")
    seconds = _number(1, 86400)
    limits = _each(timeouts, lambda limit: None if limit is None else seconds(limit))
    return {RecordingState(state): limit for state, limit in limits.items()}


def _networks(written: object) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(_text(word)) for word in _list(written, of="networks"))  # its ValueError says which is none


def _digits(written: object) -> str:
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    digits = _text(written).removeprefix("+")
    if not re.fullmatch("[1-9][0-9]{6,14}", digits, re.ASCII):
        raise ValueError("is not a phone number of 7 to 15 digits with country code")
    return digits


def _pattern(written: object) -> re.Pattern[str]:
    try:
        return re.compile(_text(written), re.ASCII)
    except (re.error, OverflowError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None


def _retry_statuses(written: object) -> tuple[CallStatus, ...]:
    value = _list(written, of="statuses")
    if unknown := sorted(str(word) for word in value if word not in RETRYABLE):
        raise ValueError(f"{', '.join(unknown)} cannot be retried")
    return tuple(CallStatus(word) for word in value)


def _retry_delay(written: object) -> float | Mapping[str, float]:
    seconds = _number(0, 86400)
    value = _from_json(written)
    if not isinstance(value, Mapping):
        return seconds(value)
    if unknown := sorted(str(word) for word in value if word not in RETRYABLE):
        raise ValueError(f"{', '.join(unknown)} cannot be retried")
    return _each(value, seconds)


_PARSERS: dict[str, tuple[Callable[[object], object], str]] = {
    "BASE_CALLCONTROL_API_URL": (_url, "Write the public URL that ends in /api/v1/call-control."),
    "BASE_CARRIERX_API_URL": (_url, "The carrier's is https://api.carrierx.com/"),
    "CARRIERX_API_TOKEN": (_credential, "Write the Core API token as a string."),
    "FLEXML_API_USER": (_credential, "Write the login of the FlexML endpoint as a string."),
    "FLEXML_API_PASSWORD": (_credential, "Write the password of the FlexML endpoint as a string."),
    "CARRIERX_SIDS": (_sids, f"A mapping with any of {', '.join(SIDS)}."),
    "AMD_INITIAL_SILENCE": (_whole(0, 60000), "Milliseconds, for example 5000."),
    "AMD_GREETING": (_whole(0, 60000), "Milliseconds, for example 2000."),
    "AMD_AFTER_GREETING_SILENCE": (_whole(0, 60000), "Milliseconds, for example 500."),
    "AMD_TOTAL_ANALYSIS_TIME": (_whole(0, 60000), "Milliseconds, for example 10000."),
    "VOICE_MENU": (_voice_menu, "Copy the ten names from configuration.py.template, each with a URL."),
    "DID": (_digits, "Digits with country code, for example 15555550100."),
    "MAX_CALLS_PER_SECOND": (_whole(1, 10000), "A whole number; the carrier's cps_limit is the most that is useful."),
    "CALL_BATCH_SIZE": (_whole(1, 1000000), "A whole number, for example 50."),
    "CALL_LENGTH_RATIO": (_number(0, 1000), "A number, for example 1.5."),
    "MAX_RETRIES": (_whole(0, 100), "A whole number, for example 3; 0 switches retries off."),
    "MESSAGE_TIMEOUT": (_number(0, 10**7), "Seconds, for example 300."),
    "MESSAGE_TIMEOUT_CHECK_WINDOW": (_number(0, 10**4), "Hours, for example 12."),
    "REC_CALL_STATUS_TIMEOUTS": (_state_timeouts, "Seconds from 1 to 86400, or None, for each of the seven states."),
    "RECORD_ALL_CALLS": (_boolean, "True or False."),
    "DEBUG_RECORDING_CONTAINER": (_text, "The container's SID, or an empty string."),
    "VALID_NUMBER_PATTERN": (_pattern, "A regular expression over digits with country code."),
    "PLACEMENT_HORIZON": (_number(0, 86400), "Seconds, for example 120."),
    "PLACEMENT_CONFIRM_TIMEOUT": (_number(1, 86400), "Seconds, for example 120."),
    "RETRY_STATUSES": (_retry_statuses, f"Any of {', '.join(RETRYABLE)}."),
    "RETRY_DELAY": (_retry_delay, "Seconds from 0 to 86400: a number, or a mapping from status to number."),
    "MAX_RECIPIENTS": (_whole(1, 10**7), "A whole number, for example 100000."),
    "MAX_BODY_BYTES": (_whole(1024, 2**30), "Bytes, for example 8388608; 100,000 recipients are about 2 MB."),
    "MAX_JSON_DEPTH": (_whole(2, 200), "A whole number, for example 16; a list in an object has depth 2."),
    # The columns' own lengths are the highest.
    "MAX_TITLE_LENGTH": (_whole(1, 255), "Characters, 255 at most."),
    "MAX_USERDATA_LENGTH": (_whole(1, 255), "Characters, 255 at most."),
    "MAX_NUMBER_LENGTH": (_whole(15, 64), "Characters of a number as written, from 15 to 64."),
    "MAX_IDEMPOTENCY_KEY_LENGTH": (_whole(16, 255), "Characters, from 16 to 255."),
    "MAX_LIMIT": (_whole(1, 10**9), "A whole number, for example 1000000000."),
    "MAX_OFFSET": (_whole(1, 10**12), "A whole number, for example 1000000000."),
    "MAX_REQUESTS_PER_MINUTE": (_whole(1, 10000), "A whole number, for example 600."),
    "MAX_WRONG_TOKENS_PER_MINUTE": (_whole(1, 10000), "A whole number, for example 20."),
    "IDEMPOTENCY_KEY_WINDOW": (_number(1, 10**4), "Hours, 1 or more, for example 24."),
    "CRON_TIMEOUT": (_number(30, 86400), "Seconds, 30 or more, for example 180: cron comes once a minute."),
    "METRICS_ALLOWED": (_networks, 'Networks, for example ("127.0.0.0/8", "::1", "10.1.2.3").'),
}


def read() -> tuple[dict[str, object], list[Fault]]:
    """The usable values by lower-case key, and one Fault for each key that cannot be used."""
    values: dict[str, object] = {}
    faults: list[Fault] = []
    for key, (parse, hint) in _PARSERS.items():
        if not hasattr(settings, key):
            faults.append(Fault(key, "is missing", hint))
            continue
        written = getattr(settings, key)
        try:
            values[key.lower()] = parse(written)
        except ValueError as error:
            shown = "" if key in SECRETS or isinstance(written, dict) else f"{written!r:.200} "
            faults.append(Fault(key, f"{shown}{error}", hint))
    return values, faults


@cache
def configuration() -> Configuration:
    """The configuration of this process. Raises ConfigurationError that names every key at fault."""
    values, faults = read()
    if faults:
        raise ConfigurationError("; ".join(f"{fault.key}: {fault.problem}" for fault in faults))
    return Configuration(**values)  # type: ignore[arg-type]  # each parser returns its field's type


def _forget(*, setting: str, **_: object) -> None:
    if setting in _PARSERS:
        configuration.cache_clear()


setting_changed.connect(_forget)  # only tests change settings
