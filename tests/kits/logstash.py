"""Logstash's language, as much of it as our files use: what a line of a log becomes, and which index it reaches.

All files of one pipeline are one program, as Logstash has it: every event passes every filter and every output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

_TOKEN = re.compile(r'\s+|#[^\n]*|(?P<text>"[^"]*")|(?P<field>(?:\[[@\w]+\])+)|(?P<word>=>|==|[\w-]+|[{}\[\],])')
_GROK = {"YEAR": r"\d{4}", "MONTHNUM2": r"0[1-9]|1[0-2]"}
Event = dict[str, Any]


@dataclass(frozen=True)
class Plugin:
    name: str
    options: dict[str, Any]


@dataclass(frozen=True)
class If:
    alternatives: list[tuple[str, ...]]  # any of them
    body: list[Plugin | If]


@dataclass(frozen=True)
class Document:
    """What Elasticsearch is sent."""

    index: str
    id: str
    version: str
    source: Event


class Pipeline:
    """Some files, read as one."""

    def __init__(self, *files: Path, environment: Mapping[str, str]) -> None:
        text = "\n".join(file.read_text() for file in files)
        text = re.sub(r"\$\{(\w+):([^}]*)\}", lambda found: environment.get(found[1], found[2]), text)
        self.sections: dict[str, list[Plugin | If]] = {}
        tokens: list[str] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            assert found, text[at : at + 40]
            tokens += [found[found.lastgroup]] if found.lastgroup else []
            at = found.end()
        self._tokens = tokens[::-1]  # the next one is the last
        while self._tokens:
            self.sections.setdefault(self._next(), []).extend(self._body())

    def templates(self) -> list[Path]:
        """Those that the outputs install."""
        return [Path(plugin.options["template"]) for plugin in _plugins(self.sections["output"])]

    def read(self, log: str, line: str) -> list[Document]:
        """What becomes of a line of a log."""
        documents = []
        for options in (plugin.options for plugin in _plugins(self.sections["input"])):
            if any(fnmatch(log, path) for path in options["path"]):
                event: Event = {"@version": "1", "host": "here", "path": log, **json.loads(line), "@metadata": {}}
                for name, value in options.get("add_field", {}).items():
                    _put(event, name, value)
                documents += self.run(event)
        return documents

    def run(self, event: Event) -> list[Document]:
        """What becomes of an event that some input has made."""
        if not _filtered(self.sections["filter"], event):
            return []
        source = {name: value for name, value in event.items() if name != "@metadata"}
        documents = []
        for options in (plugin.options for plugin in _chosen(self.sections["output"], event)):
            index, identity, version = (_filled(options[key], event) for key in ("index", "document_id", "version"))
            documents.append(Document(index, identity, version, source))
        return documents

    # --- Reading ------------------------------------------------------------------------------------------------------

    def _next(self, wanted: str = "") -> str:
        token = self._tokens.pop()
        assert wanted in ("", token), f"{token} instead of {wanted}"
        return token

    def _body(self) -> list[Plugin | If]:
        self._next("{")
        body: list[Plugin | If] = []
        while self._tokens[-1] != "}":
            name = self._next()
            body.append(If(self._condition(), self._body()) if name == "if" else Plugin(name, self._hash()))
        self._next("}")
        return body

    def _condition(self) -> list[tuple[str, ...]]:
        words: list[list[str]] = [[]]
        while self._tokens[-1] != "{":
            token = self._next()
            words = [*words, []] if token == "or" else [*words[:-1], [*words[-1], token]]
        return [tuple(each) for each in words]

    def _hash(self) -> dict[str, Any]:
        self._next("{")
        options = {}
        while self._tokens[-1] != "}":
            name = self._next().strip('"')
            self._next("=>")
            options[name] = self._value()
        self._next("}")
        return options

    def _value(self) -> Any:
        if self._tokens[-1] == "{":
            return self._hash()
        token = self._next()
        if token == "[":
            values = []
            while self._tokens[-1] != "]":
                values += [] if (word := self._next()) == "," else [word.strip('"')]
            self._next("]")
            return values
        if self._tokens[-1] == "{":  # a codec with its options
            return {token: self._hash()}
        return token.strip('"')


# --- Running ----------------------------------------------------------------------------------------------------------


def _plugins(body: list[Plugin | If]) -> list[Plugin]:
    return [plugin for each in body for plugin in ([each] if isinstance(each, Plugin) else _plugins(each.body))]


def _chosen(body: list[Plugin | If], event: Event) -> list[Plugin]:
    chosen = []
    for each in body:
        if isinstance(each, Plugin):
            chosen.append(each)
        elif any(_holds(condition, event) for condition in each.alternatives):
            chosen += _chosen(each.body, event)
    return chosen


def _filtered(body: list[Plugin | If], event: Event) -> bool:
    """Change the event; False if it was dropped."""
    for each in body:
        if isinstance(each, If):
            if any(_holds(condition, event) for condition in each.alternatives) and not _filtered(each.body, event):
                return False
        elif each.name == "drop":
            return False
        else:
            {"date": _date, "grok": _grok, "mutate": _mutate}[each.name](each.options, event)
    return True


def _holds(condition: tuple[str, ...], event: Event) -> bool:
    match condition:
        case (name,):
            return _get(event, name) not in (None, False)
        case (name, "==", text):
            return bool(_get(event, name) == text.strip('"'))
        case (text, "in", name):
            return text.strip('"') in (_get(event, name) or [])
    raise AssertionError(condition)


def _date(options: dict[str, Any], event: Event) -> None:
    name, form = options["match"]
    assert form == "ISO8601"
    if event.get(name):
        event["@timestamp"] = event[name]


def _grok(options: dict[str, Any], event: Event) -> None:
    for name, pattern in options["match"].items():
        places = re.findall(r"%\{\w+:([^}]+)\}", pattern)
        written = re.sub(r"%\{(\w+):[^}]+\}", lambda found: f"({_GROK[found[1]]})", pattern)
        if found := re.search(written, str(event.get(name))):
            for place, value in zip(places, found.groups(), strict=True):
                _put(event, place, value)
        else:
            event.setdefault("tags", []).append("_grokparsefailure")


def _mutate(options: dict[str, Any], event: Event) -> None:
    for name, value in {**options.get("replace", {}), **options.get("add_field", {})}.items():
        _put(event, name, _filled(value, event))
    for name in options.get("remove_field", []):
        event.pop(name, None)


def _names(place: str) -> list[str]:
    return re.findall(r"[@\w]+", place)


def _get(event: Event, place: str) -> Any:
    value: Any = event
    for name in _names(place):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _put(event: Event, place: str, value: str) -> None:
    *above, name = _names(place)
    for each in above:
        event = event.setdefault(each, {})
    event[name] = value


def _filled(text: str, event: Event) -> str:
    return re.sub(
        r"%\{([^}]+)\}", lambda found: str(value) if (value := _get(event, found[1])) is not None else found[0], text
    )
