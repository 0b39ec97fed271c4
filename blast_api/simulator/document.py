"""The strict reader of call documents: bytes in, verbs out, and no forgiveness.

The carrier may well forgive more (it seems to ignore the case of names). A double that forgives hides faults until the
first real call, so only the documented spelling passes here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from .grammar import ATTRIBUTES, CHILDREN, NOT_SIMULATED, WITH_TEXT, Value, web_reference
from .verbs import Amd, Dial, Gather, Hangup, Pause, Play, Record, Redirect, Say, Target, Verb

LONGEST_SAY = 1024  # characters, documented

# Not documented; the values a telephone service commonly has.
DEFAULT_GATHER_TIMEOUT_S = 5
DEFAULT_FINISH_KEY = "#"
DEFAULT_SILENCE_MS = 1000
DEFAULT_DIAL_TIMEOUT_S = 30
DEFAULT_AMD_MS = {"greeting": 2000, "afterGreetingSilence": 500, "totalAnalysisTime": 10000}


class DocumentFault(Exception):
    """The application sent a document that the carrier could not carry out; the message says what is wrong with it."""


@dataclass
class _Element:
    """One element as it is read; `values` are its attributes after their kinds were checked."""

    name: str
    line: int
    values: dict[str, Value] = field(default_factory=dict)
    children: list[_Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    def fault(self, complaint: str) -> DocumentFault:
        return DocumentFault(f"line {self.line}: {self.name} {complaint}")

    def word(self, name: str) -> str | None:
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.values.get(name)
        return value if isinstance(value, bool) else default

    def target(self, action: str = "action", method: str = "method") -> Target | None:
        url = self.word(action)
        return None if url is None else Target(url, (self.word(method) or "POST").upper())

    def required_target(self) -> Target:
        target = self.target()
        if target is None:
            raise self.fault("has no action")
        return target


class _Reader:
    """Builds the tree and checks names, nesting and attributes on the way down."""

    def __init__(self) -> None:
        self.root: _Element | None = None
        self._open: list[_Element] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def read(self, body: bytes) -> _Element:
        try:
            self._parser.Parse(body, True)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise DocumentFault(f"not well-formed XML: {error}") from error
        if self.root is None:
            raise DocumentFault("the document is empty")
        return self.root

    def _doctype(self, *_declaration: object) -> None:
        raise DocumentFault("a document type declaration is not allowed")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        element = _Element(name, self._parser.CurrentLineNumber)
        if not self._open:
            if name != "Response":
                raise element.fault("is not the root Response")
            if attributes:
                raise element.fault("takes no attributes")
            self.root = element
        else:
            parent = self._open[-1]
            if name in NOT_SIMULATED:
                raise element.fault("is not simulated")
            if name not in ATTRIBUTES:
                raise element.fault("is not a known verb")
            if name not in CHILDREN.get(parent.name, frozenset()):
                raise element.fault(f"may not stand inside {parent.name}")
            parent.children.append(element)
            self._read_attributes(element, attributes)
        self._open.append(element)

    @staticmethod
    def _read_attributes(element: _Element, attributes: Mapping[str, str]) -> None:
        kinds = ATTRIBUTES[element.name]
        for name, raw in attributes.items():
            if name not in kinds:
                raise element.fault(f"has an unknown attribute {name}")
            try:
                element.values[name] = kinds[name](raw)
            except ValueError as error:
                raise element.fault(f"{name}={raw!r} {error}") from error

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        element = self._open[-1]
        if element.name not in WITH_TEXT and text.strip():
            raise element.fault("takes no text")
        element.pieces.append(text)


def read_document(body: bytes) -> tuple[Verb, ...]:
    """Read one call document strictly; raises DocumentFault and nothing else, whatever the bytes are."""
    return tuple(BUILDERS[element.name](element) for element in _Reader().read(body).children)


def _say(element: _Element) -> Say:
    if not element.text:
        raise element.fault("has nothing to say")
    if len(element.text) > LONGEST_SAY:
        raise element.fault(f"is longer than {LONGEST_SAY} characters")
    loop = element.number("loop")
    return Say(element.text, loop=1 if loop is None else loop, loop_pause_s=element.number("loopPause") or 0)


def _play(element: _Element) -> Play:
    digits, url = element.word("digits"), element.text or None
    files = [_file(child) for child in element.children]
    if len(files) > 1 or sum(1 for source in (digits, url, files) if source) != 1:
        raise element.fault("needs exactly one of a URL, a File and digits")
    if url is not None:
        try:
            web_reference(url)
        except ValueError as error:
            raise element.fault(f"content {url!r} {error}") from error
    return Play(
        url=url,
        file_sid=files[0] if files else None,
        digits=digits,
        action=element.target(),
        error_action=element.target("errorAction", "errorMethod"),
        background=element.flag("background"),
        time_limit_s=element.number("timeLimit"),
    )


def _file(element: _Element) -> str:
    if not re.fullmatch(r"[0-9A-Za-z-]+", element.text):
        raise element.fault("does not hold a file_sid")
    return element.text


def _pause(element: _Element) -> Pause:
    silence_ms = (element.number("minSilence") or DEFAULT_SILENCE_MS) if element.flag("silence") else None
    noise_ms = (element.number("minNoise") or DEFAULT_SILENCE_MS) if element.flag("noise") else None
    return Pause(element.number("length") or 1, until_silence_ms=silence_ms, until_noise_ms=noise_ms)


def _gather(element: _Element) -> Gather:
    prompts: list[Say | Play | Pause] = []
    for child in element.children:
        prompt = PROMPTS[child.name](child)
        if isinstance(prompt, Play) and (prompt.action or prompt.background):
            raise child.fault("inside Gather can neither have an action nor play in the background")
        prompts.append(prompt)
    return Gather(
        prompts=tuple(prompts),
        action=element.required_target(),
        timeout_s=element.number("timeout") or DEFAULT_GATHER_TIMEOUT_S,
        num_digits=element.number("numDigits"),
        finish_on_key=element.word("finishOnKey") or DEFAULT_FINISH_KEY,
        valid_digits=element.word("validDigits"),
        action_on_empty=element.flag("actionOnEmptyResult"),
    )


def _record(element: _Element) -> Record:
    if element.word("fileSid") and not element.word("fileMode"):
        raise element.fault("with fileSid needs a fileMode: what becomes of the old sound is not documented without")
    whole_session = element.flag("recordSession")
    if whole_session and (element.word("action") or element.word("callbackUrl")):
        raise element.fault("with recordSession and a URL to report to is not simulated")
    finish = element.word("finishOnKey")
    return Record(
        action=element.target(),
        error_action=element.target("errorAction", "errorMethod"),
        callback_url=element.word("callbackUrl"),
        container_sid=element.word("containerSid"),
        file_sid=element.word("fileSid"),
        finish_on_key="" if finish == "none" else finish,
        play_beep=element.flag("playBeep", default=True),
        max_length_s=element.number("maxLength"),
        timeout_s=element.number("timeout"),
        trims_silence=element.word("trim") != "do-not-trim",
        whole_session=whole_session,
        lifecycle_action=element.word("lifecycleAction"),
        lifecycle_ttl_s=element.number("lifecycleTtl"),
        string_keys=(element.word("stringKey1"), element.word("stringKey2")),
        integer_keys=(element.number("integerKey1"), element.number("integerKey2")),
    )


def _amd(element: _Element) -> Amd:
    times = {name: element.number(name) or default for name, default in DEFAULT_AMD_MS.items()}
    return Amd(
        element.required_target(),
        greeting_ms=times["greeting"],
        after_greeting_silence_ms=times["afterGreetingSilence"],
        total_analysis_time_ms=times["totalAnalysisTime"],
    )


def _dial(element: _Element) -> Dial:
    if not re.fullmatch(r"[0-9]{1,15}", element.text):
        raise element.fault("does not hold a telephone number")
    return Dial(
        element.text,
        action=element.target(),
        caller_id=element.word("callerId"),
        timeout_s=element.number("timeout") or DEFAULT_DIAL_TIMEOUT_S,
        time_limit_s=element.number("timeLimit"),
    )


def _hangup(_element: _Element) -> Hangup:
    return Hangup()


def _redirect(element: _Element) -> Redirect:
    try:
        web_reference(element.text)
    except ValueError as error:
        raise element.fault(f"content {element.text!r} {error}") from error
    return Redirect(Target(element.text, element.word("method") or "POST"))


PROMPTS: Mapping[str, Callable[[_Element], Say | Play | Pause]] = {
    "Say": _say,
    "Play": _play,
    "Pause": _pause,
    "Wait": _pause,
}
BUILDERS: Mapping[str, Callable[[_Element], Verb]] = {
    **PROMPTS,
    "Gather": _gather,
    "Record": _record,
    "Amd": _amd,
    "Dial": _dial,
    "Hangup": _hangup,
    "Redirect": _redirect,
}
