"""The only reader of our settings: one frozen, typed object per process, and the faults that stand in its way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from ipaddress import IPv4Network, IPv6Network

from django.conf import settings
from django.core.signals import setting_changed

from .domain import values
from .domain.billing import Increments
from .domain.destinations import TYPES, Destinations
from .domain.errors import ConfigurationError
from .domain.retry import RetryPolicy
from .domain.states import CallStatus, RecordingState
from .domain.values import PROMPTS as PROMPTS
from .domain.values import RETRYABLE, SIDS

SECRETS = frozenset({"CARRIERX_API_TOKEN", "FLEXML_API_USER", "FLEXML_API_PASSWORD"})
# The prompt and the beep before a recording, and the carrier's report after it.
_AROUND_A_RECORDING_S = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Configuration:
    """What the operator chose. Fields are the configuration keys in lower case, in the units that the keys have."""

    base_callcontrol_api_url: str  # without the last slash
    base_carrierx_api_url: str  # without the last slash
    carrierx_api_token: str = field(repr=False)
    flexml_api_user: str = field(repr=False)
    flexml_api_password: str = field(repr=False)
    carrierx_sids: Mapping[str, str]
    amd: bool
    amd_initial_silence: int
    amd_greeting: int
    amd_after_greeting_silence: int
    amd_total_analysis_time: int
    amd_between_word_silence: int | None  # None, here and below: as the carrier has it
    amd_minimum_word_length: int | None
    amd_maximum_word_length: int | None
    amd_maximum_number_of_words: int | None
    amd_silence_threshold: int | None
    max_recording_seconds: int
    recording_silence: int
    max_replays: int
    voice_menu: Mapping[str, str]
    did: str
    max_calls_per_second: int
    max_placements_up: int
    max_waiting_authors: int
    call_batch_size: int
    call_length_ratio: float
    max_retries: int
    message_timeout: float
    message_timeout_check_window: float
    rec_call_status_timeouts: Mapping[RecordingState, float | None]
    recording_container: str  # empty: ours, made by itself
    record_all_calls: bool
    debug_recording_container: str
    valid_number_pattern: re.Pattern[str]
    default_region: str | None
    allowed_regions: frozenset[str] | None
    refused_number_types: frozenset[int]
    caller_as_recipient: bool
    placement_horizon: float
    placement_confirm_timeout: float
    ring_timeout: int
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
    max_long_lists: int
    idempotency_key_window: float
    billing_increments: Increments
    cron_timeout: float
    metrics_allowed: tuple[IPv4Network | IPv6Network, ...]

    @property
    def late_window(self) -> timedelta:
        """How long after its end a call may still be told of: an hour at least, or a key would be lost by a slow network."""
        return timedelta(hours=max(self.message_timeout_check_window, 1))

    @property
    def longest_recording(self) -> int:
        """Seconds that an author may speak: no more than the call to them may stay in that state."""
        limit = self.rec_call_status_timeouts[RecordingState.PRESSED_STAR]
        return self.max_recording_seconds if limit is None else min(self.max_recording_seconds, int(limit))

    @property
    def recording_state_limits(self) -> Mapping[RecordingState, float | None]:
        """How long a recording call may stay in each state: while an author speaks, until the carrier has told of the longest take."""
        limit = self.rec_call_status_timeouts[RecordingState.PRESSED_STAR]
        speaks = None if limit is None else max(limit, self.longest_recording + _AROUND_A_RECORDING_S)
        return {**self.rec_call_status_timeouts, RecordingState.PRESSED_STAR: speaks}

    @property
    def patience(self) -> timedelta:
        """How long the carrier may say nothing of a call, beside the time that its message takes."""
        return timedelta(seconds=self.ring_timeout + self.message_timeout)

    @property
    def destinations(self) -> Destinations:
        """The rule that says which numbers are called."""
        own = frozenset({self.did})
        return Destinations(self.valid_number_pattern, self.allowed_regions, self.refused_number_types, own)

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


_PARSERS: dict[str, tuple[Callable[[object], object], str]] = {
    "BASE_CALLCONTROL_API_URL": (values.url, "Write the public URL that ends in /api/v1/call-control."),
    "BASE_CARRIERX_API_URL": (values.url, "The carrier's is https://api.carrierx.com/"),
    "CARRIERX_API_TOKEN": (values.credential, "Write the Core API token as a string."),
    "FLEXML_API_USER": (values.credential, "Write the login of the FlexML endpoint as a string."),
    "FLEXML_API_PASSWORD": (values.credential, "Write the password of the FlexML endpoint as a string."),
    "CARRIERX_SIDS": (values.sids, f"A mapping with any of {', '.join(SIDS)}."),
    "AMD": (values.boolean, "True or False."),
    "AMD_INITIAL_SILENCE": (values.whole(0, 60000), "Milliseconds, for example 5000."),
    "AMD_GREETING": (values.whole(0, 60000), "Milliseconds, for example 2000."),
    "AMD_AFTER_GREETING_SILENCE": (values.whole(0, 60000), "Milliseconds, for example 500."),
    "AMD_TOTAL_ANALYSIS_TIME": (values.whole(0, 60000), "Milliseconds, for example 10000."),
    "AMD_BETWEEN_WORD_SILENCE": (values.optional(values.whole(1, 60000)), "Milliseconds, or None: the carrier's own."),
    "AMD_MINIMUM_WORD_LENGTH": (values.optional(values.whole(1, 60000)), "Milliseconds, or None: the carrier's own."),
    "AMD_MAXIMUM_WORD_LENGTH": (values.optional(values.whole(1, 60000)), "Milliseconds, or None: the carrier's own."),
    "AMD_MAXIMUM_NUMBER_OF_WORDS": (
        values.optional(values.whole(1, 100)),
        "A whole number, or None: the carrier's own.",
    ),
    "AMD_SILENCE_THRESHOLD": (values.optional(values.whole(1, 32767)), "A level, or None: the carrier's own."),
    "MAX_RECORDING_SECONDS": (values.whole(1, 7200), "Seconds, for example 600."),
    "RECORDING_SILENCE": (values.whole(1, 600), "Seconds, for example 10."),
    "MAX_REPLAYS": (values.whole(0, 99), "A whole number, for example 3; 0: nobody hears it twice."),
    "VOICE_MENU": (values.voice_menu, "Copy the ten names from configuration.py.template, each with a URL."),
    "DID": (values.phone_number, "Digits with country code, for example 15555550100."),
    "MAX_CALLS_PER_SECOND": (
        values.whole(1, 10000),
        "A whole number; the carrier's cps_limit is the most that is useful.",
    ),
    "MAX_PLACEMENTS_UP": (values.whole(1, 10000), "A whole number; rate times the carrier's latency is needed."),
    "MAX_WAITING_AUTHORS": (values.whole(1, 10**6), "A whole number, for example 100."),
    "CALL_BATCH_SIZE": (values.whole(1, 1000000), "A whole number, for example 50."),
    "CALL_LENGTH_RATIO": (values.number(0, 1000), "A number, for example 1.5."),
    "MAX_RETRIES": (values.whole(0, 100), "A whole number, for example 3; 0 switches retries off."),
    "MESSAGE_TIMEOUT": (values.number(0, 10**7), "Seconds, for example 300."),
    "MESSAGE_TIMEOUT_CHECK_WINDOW": (values.number(0, 10**4), "Hours, for example 12."),
    "REC_CALL_STATUS_TIMEOUTS": (
        values.state_timeouts,
        "Seconds from 1 to 86400, or None, for each of the seven states.",
    ),
    "RECORDING_CONTAINER": (values.sid, "The SID of a container, or an empty string for one that is made by itself."),
    "RECORD_ALL_CALLS": (values.boolean, "True or False."),
    "DEBUG_RECORDING_CONTAINER": (values.string, "The container's SID, or an empty string."),
    "VALID_NUMBER_PATTERN": (values.pattern, "A regular expression over digits with country code."),
    "DEFAULT_REGION": (values.region, "A region of ISO 3166, as US, or None: each number must have its country code."),
    "ALLOWED_REGIONS": (values.regions, 'Regions of ISO 3166, as ("US", "CA"), or None: every region.'),
    "REFUSED_NUMBER_TYPES": (values.number_types, f"Any of {', '.join(TYPES)}."),
    "CALLER_AS_RECIPIENT": (values.boolean, "True or False."),
    "PLACEMENT_HORIZON": (values.number(0, 86400), "Seconds, for example 120."),
    "PLACEMENT_CONFIRM_TIMEOUT": (values.number(1, 86400), "Seconds, for example 120."),
    "RING_TIMEOUT": (values.whole(5, 600), "Seconds from 5 to 600, for example 30."),
    "RETRY_STATUSES": (values.retry_statuses, f"Any of {', '.join(RETRYABLE)}."),
    "RETRY_DELAY": (values.retry_delay, "Seconds from 0 to 86400: a number, or a mapping from status to number."),
    "MAX_RECIPIENTS": (values.whole(1, 10**7), "A whole number, for example 100000."),
    "MAX_BODY_BYTES": (values.whole(1024, 2**30), "Bytes, for example 8388608; 100,000 recipients are about 2 MB."),
    "MAX_JSON_DEPTH": (values.whole(2, 200), "A whole number, for example 16; a list in an object has depth 2."),
    # The columns' own lengths are the highest.
    "MAX_TITLE_LENGTH": (values.whole(1, 255), "Characters, 255 at most."),
    "MAX_USERDATA_LENGTH": (values.whole(1, 255), "Characters, 255 at most."),
    "MAX_NUMBER_LENGTH": (values.whole(15, 64), "Characters of a number as written, from 15 to 64."),
    "MAX_IDEMPOTENCY_KEY_LENGTH": (values.whole(16, 255), "Characters, from 16 to 255."),
    "MAX_LIMIT": (values.whole(1, 10**9), "A whole number, for example 1000000000."),
    "MAX_OFFSET": (values.whole(1, 10**12), "A whole number, for example 1000000000."),
    "MAX_REQUESTS_PER_MINUTE": (values.whole(1, 10000), "A whole number, for example 600."),
    "MAX_WRONG_TOKENS_PER_MINUTE": (values.whole(1, 10000), "A whole number, for example 20."),
    "MAX_LONG_LISTS": (values.whole(1, 10000), "A whole number, for example 2; each holds a thread."),
    "IDEMPOTENCY_KEY_WINDOW": (values.number(1, 10**4), "Hours, 1 or more, for example 24."),
    "BILLING_INCREMENTS": (values.increments, "First and further seconds, as 60/60 or 6/6."),
    "CRON_TIMEOUT": (values.number(30, 86400), "Seconds, 30 or more, for example 180: cron comes once a minute."),
    "METRICS_ALLOWED": (values.networks, 'Networks, for example ("127.0.0.0/8", "::1", "10.1.2.3").'),
}


def read() -> tuple[dict[str, object], list[Fault]]:
    """The usable values by lower-case key, and one Fault for each key that cannot be used."""
    usable: dict[str, object] = {}
    faults: list[Fault] = []
    for key, (parse, hint) in _PARSERS.items():
        if not hasattr(settings, key):
            faults.append(Fault(key, "is missing", hint))
            continue
        written = getattr(settings, key)
        try:
            usable[key.lower()] = parse(written)
        except ValueError as error:
            shown = "" if key in SECRETS or isinstance(written, dict) else f"{written!r:.200} "
            faults.append(Fault(key, f"{shown}{error}", hint))
    return usable, faults


@cache
def configuration() -> Configuration:
    """The configuration of this process. Raises ConfigurationError that names every key at fault."""
    usable, faults = read()
    if faults:
        raise ConfigurationError("; ".join(f"{fault.key}: {fault.problem}" for fault in faults))
    return Configuration(**usable)  # type: ignore[arg-type]  # each parser returns its field's type


def _forget(*, setting: str, **_: object) -> None:
    if setting in _PARSERS:
        configuration.cache_clear()


setting_changed.connect(_forget)  # only tests change settings
