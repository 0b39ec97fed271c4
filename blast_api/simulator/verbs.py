"""The verbs of a call document as values, once the strict reader has passed them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Where a verb sends the call next; `url` is absolute or relative to the running document."""

    url: str
    method: str


@dataclass(frozen=True)
class Say:
    """Speak a text `loop` times (0: until hangup), `loop_pause_s` seconds apart."""

    text: str
    loop: int
    loop_pause_s: int


@dataclass(frozen=True)
class Play:
    """Play a URL or a stored file, or send `digits`: exactly one of the three is set."""

    url: str | None
    file_sid: str | None
    digits: str | None
    action: Target | None
    error_action: Target | None
    background: bool
    time_limit_s: int | None


@dataclass(frozen=True)
class Pause:
    """Wait, also called Wait: `length_s` seconds at most, less when silence or noise lasts as long as is asked."""

    length_s: int
    until_silence_ms: int | None
    until_noise_ms: int | None


@dataclass(frozen=True)
class Gather:
    """Collect keys while `prompts` run and `timeout_s` seconds after them or after the last key."""

    prompts: tuple[Say | Play | Pause, ...]
    action: Target
    timeout_s: int
    num_digits: int | None
    finish_on_key: str
    valid_digits: str | None
    action_on_empty: bool


@dataclass(frozen=True)
class Record:
    """Record what is said into storage; `finish_on_key` None means that any key ends it."""

    action: Target | None
    error_action: Target | None
    callback_url: str | None
    container_sid: str | None
    file_sid: str | None
    finish_on_key: str | None
    play_beep: bool
    max_length_s: int | None
    timeout_s: int | None
    trims_silence: bool
    whole_session: bool
    lifecycle_action: str | None
    lifecycle_ttl_s: int | None
    string_keys: tuple[str | None, str | None]
    integer_keys: tuple[int | None, int | None]


@dataclass(frozen=True)
class Amd:
    """Find out whether a machine answered; the times are milliseconds."""

    action: Target
    greeting_ms: int
    after_greeting_silence_ms: int
    total_analysis_time_ms: int


@dataclass(frozen=True)
class Dial:
    """Ring a number for `timeout_s` seconds at most, and let both talk, for `time_limit_s` seconds at most if given.

    `caller_id` None shows the number that the call itself shows.
    """

    number: str
    action: Target | None
    caller_id: str | None
    timeout_s: int
    time_limit_s: int | None


@dataclass(frozen=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True)
class Redirect:
    """Go on with another document."""

    target: Target


Verb = Say | Play | Pause | Gather | Record | Amd | Dial | Hangup | Redirect
