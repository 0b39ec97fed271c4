"""What may stand in a call document: verbs, their attributes with the kind of each, and what may stand inside what.

Attributes of which only the name is known are left out on purpose: they would be ignored here, and nobody would notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

Value = str | int | bool
Kind = Callable[[str], Value]


def _text(raw: str) -> Value:
    return raw


def _flag(raw: str) -> Value:
    if raw not in {"true", "false"}:
        raise ValueError("is not true or false")
    return raw == "true"


def _integer(low: int | None = None, high: int | None = None) -> Kind:
    def read(raw: str) -> Value:
        if not re.fullmatch(r"-?[0-9]{1,12}", raw):
            raise ValueError("is not an integer")
        number = int(raw)
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueError(f"is out of range ({low} to {'any' if high is None else high})")
        return number

    return read


def _one_of(*words: str) -> Kind:
    def read(raw: str) -> Value:
        if raw not in words:
            raise ValueError(f"is not one of {', '.join(words)}")
        return raw

    return read


def _matching(pattern: str, meaning: str) -> Kind:
    def read(raw: str) -> Value:
        if not re.fullmatch(pattern, raw):
            raise ValueError(f"is not {meaning}")
        return raw

    return read


def web_reference(raw: str) -> Value:
    """Read an absolute or relative http reference; raises ValueError with a complaint."""
    if not raw or re.search(r"[\s\x00-\x1f\x7f]", raw):
        raise ValueError("is not a URL")
    parts = urlsplit(raw)
    if parts.scheme not in {"", "http", "https"} or (parts.scheme and not parts.netloc):
        raise ValueError("is not an http or https URL")
    return raw


_METHOD = _one_of("POST", "GET")
_SID = _matching(r"[0-9A-Za-z-]+", "an identifier")
_POSITIVE = _integer(1)
_ACTION: Mapping[str, Kind] = {"action": web_reference, "method": _METHOD}
_ERROR_ACTION: Mapping[str, Kind] = {"errorAction": web_reference, "errorMethod": _METHOD}
_PAUSE: Mapping[str, Kind] = {
    "length": _POSITIVE,
    "silence": _flag,
    "minSilence": _POSITIVE,
    "noise": _flag,
    "minNoise": _POSITIVE,
}

ATTRIBUTES: Mapping[str, Mapping[str, Kind]] = {
    "Say": {
        "voice": _matching(r"man|woman|Polly\.[A-Za-z]+", "a voice"),
        "loop": _integer(0, 100),
        "loopPause": _integer(1, 300),
    },
    "Play": {
        **_ACTION,
        **_ERROR_ACTION,
        "background": _flag,
        "controlSkip": _POSITIVE,
        "digits": _matching(r"[0-9A-D*#]+", "a string of keys"),
        "streaming": _flag,
        "timeLimit": _POSITIVE,
    },
    "File": {},
    "Pause": _PAUSE,
    "Wait": _PAUSE,
    "Gather": {
        "action": web_reference,
        "method": _one_of("POST", "GET", "post", "get"),  # lower case is documented for this verb alone
        "timeout": _POSITIVE,
        "numDigits": _POSITIVE,
        "finishOnKey": _matching(r"[0-9A-D*#_]+", "a string of keys"),
        "validDigits": _matching(r"[0-9A-D*#]+", "a string of keys"),
        "actionOnEmptyResult": _flag,
    },
    "Record": {
        **_ACTION,
        **_ERROR_ACTION,
        "callbackUrl": web_reference,
        "containerSid": _SID,
        "fileSid": _SID,
        "fileMode": _one_of("overwrite"),
        "fileFormat": _one_of("wav", "mp3", "ul"),
        "direction": _one_of("in", "out"),
        "finishOnKey": _matching(r"[0-9A-D*#]+|none", "a string of keys, or none"),
        "playBeep": _flag,
        "maxLength": _POSITIVE,
        "timeout": _POSITIVE,
        "trim": _one_of("do-not-trim", "trim-silence"),
        "recordSession": _flag,
        "lifecycleAction": _one_of("delete", "no_action"),
        "lifecycleTtl": _integer(-1),
        "stringKey1": _text,
        "stringKey2": _text,
        "integerKey1": _integer(),
        "integerKey2": _integer(),
        "backgroundAudioUrl": web_reference,
        "backgroundAudioLoop": _integer(0),
    },
    "Amd": {
        **_ACTION,
        "initialSilence": _POSITIVE,
        "greeting": _POSITIVE,
        "afterGreetingSilence": _POSITIVE,
        "totalAnalysisTime": _POSITIVE,
        "betweenWordSilence": _POSITIVE,
        # Not confirmed: the names that the detection this one is made of has for them.
        "minimumWordLength": _POSITIVE,
        "maximumWordLength": _POSITIVE,
        "maximumNumberOfWords": _POSITIVE,
        "silenceThreshold": _POSITIVE,
    },
    "Dial": {
        **_ACTION,
        "callerId": _matching(r"[0-9]{1,15}", "a telephone number"),
        "timeout": _POSITIVE,
        "timeLimit": _POSITIVE,
    },
    "Hangup": {},
    "Redirect": {"method": _METHOD},
}
CHILDREN: Mapping[str, frozenset[str]] = {
    "Response": frozenset(ATTRIBUTES) - {"File"},
    "Gather": frozenset({"Say", "Play", "Pause", "Wait"}),
    "Play": frozenset({"File"}),
}
WITH_TEXT = frozenset({"Say", "Play", "File", "Dial", "Redirect"})
NOT_SIMULATED = frozenset({"Reject", "Override", "Dtmf", "Number"})
