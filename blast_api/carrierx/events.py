"""What the carrier reports: from any body whatever to a frozen event. Nothing here raises on bad input.

Keys may be missing, null, of another type or spelled in two ways (the carrier's documents and its own clients differ).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from urllib.parse import parse_qsl

from blast_api.domain.callbacks import Query
from blast_api.domain.states import CallStatus

_LONGEST_TEXT = 2048
_LONGEST_SID = 64
_LONGEST_CALL_S = 7 * 86400
# Bodies are flat; a deep one can be read and yet be too deep to be written into a record.
_MOST_BRACKETS = 200
# What can stand neither in XML (1.0, section 2.2) nor in a database; no word, key or URL has any of it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")

_TAKE = re.compile(rf"(?:^|&){Query.TAKE}=([0-9]{{1,5}})(?:&|$)")
_COUNTED = {name: re.compile(rf"(?:^|&){name}=([0-9]{{1,2}})(?:&|$)") for name in (Query.ASKED, Query.REPLAYS)}
# A name and a flat value in what should have been a JSON object.
_PAIR = re.compile(
    r"""["'](\w{1,64})["']\s{0,16}:\s{0,16}("(?:[^"\\]|\\.){0,2048}"|'[^']{0,2048}'|-?[0-9][0-9.]{0,30}|null)""",
    re.DOTALL,
)

# Lower case, without hyphens and underscores.
_OUTCOMES = {
    "completed": CallStatus.COMPLETED,
    "busy": CallStatus.BUSY,
    "noanswer": CallStatus.NO_ANSWER,
    "failed": CallStatus.FAILED,
    "cancel": CallStatus.CANCELLED,
    "canceled": CallStatus.CANCELLED,
    "cancelled": CallStatus.CANCELLED,
    "apperror": CallStatus.APP_ERROR,
}


# SIP's causes, of a call that was not put through. 487: it rang until the carrier gave up.
_CAUSES = {
    "200": CallStatus.COMPLETED,
    "408": CallStatus.NO_ANSWER,
    "480": CallStatus.NO_ANSWER,
    "487": CallStatus.NO_ANSWER,
    "486": CallStatus.BUSY,
    "600": CallStatus.BUSY,
}


class Answerer(Enum):
    """Who picked up, as far as answering-machine detection can tell."""

    HUMAN = "HUMAN"
    MACHINE = "MACHINE"
    NOT_SURE = "NOTSURE"
    HANGUP = "HANGUP"  # left before it was known


# To these the message is played, at least in part.
HEARD_BY = frozenset({Answerer.HUMAN.value, Answerer.MACHINE.value, Answerer.NOT_SURE.value})


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How a call ended; `ending` is None while the carrier's word is no known final status."""

    ending: CallStatus | None
    word: str
    sid: str
    duration_s: int | None
    body: Mapping[str, object]
    cause: str = ""

    @property
    def said(self) -> str:
        """The carrier's own words: its status, and the cause if it told one."""
        return f"{self.word} ({self.cause})" if self.cause else self.word


@dataclass(frozen=True, slots=True)
class RecordingReport:
    """What was recorded; duration in seconds, None if it was not told."""

    url: str
    file_sid: str
    duration_s: int | None


@dataclass(frozen=True, slots=True)
class BridgeReport:
    """What became of a transfer; `outcome` is empty, and seconds None, where the carrier does not tell."""

    outcome: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class Detail:
    """A call that has ended, as the carrier's detail records have it: they name no SID, so by its numbers and its start."""

    number: str
    caller: str
    started: datetime
    report: StatusReport


Parameters = Mapping[str, object]


def read(body: bytes, query: str) -> tuple[Parameters, bool]:
    """The parameters of a callback, and whether all of its body could be read.

    A body is a JSON object or a form; the query of a GET counts where there is none. They are empty if it is none of these.
    What is not quite JSON is read as well as it can be, because a key 5 may be in it: bytes that are no UTF-8, raw line
    ends in texts, a bare nan, an end that is missing. Of what is nested too deep to be written down, the flat pairs count.
    """
    text = _decoded(body)
    if body.count(b"{") + body.count(b"[") <= _MOST_BRACKETS:
        try:
            # NaN is not JSON, and 1e999 is read as infinite: no line of ours may hold them.
            decoded = json.loads(text, strict=False, parse_constant=lambda _: None, parse_float=_finite)
        except (ValueError, RecursionError):
            pass
        else:
            return (decoded, True) if isinstance(decoded, dict) else (_form(query), not text.strip())
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return dict(map(_pair, _PAIR.finditer(text))), False
    params = _form(text if body else query)
    return params, bool(params) or not text.strip()


def _decoded(body: bytes) -> str:
    """Any bytes as text: JSON is UTF-8 or one of its kin, and what is neither is latin-1, in which every byte is a letter."""
    try:
        return body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _pair(found: re.Match[str]) -> tuple[str, object]:
    try:
        return found[1], json.loads(found[2], strict=False, parse_float=_finite)
    except ValueError:
        return found[1], found[2].strip("'\"")


def _form(text: str) -> dict[str, object]:
    try:
        return dict(parse_qsl(text, max_num_fields=200))
    except ValueError:
        return {}


def is_of_another(params: Parameters, ours: Mapping[str, str]) -> bool:
    """Whether a callback names another account, endpoint or partner than ours; what it does not name is no other."""
    return any((sid := _text(params, name)) and sid.lower() != our.lower() for name, our in ours.items())


def digits(params: Parameters) -> str:
    """The keys pressed; empty if none were."""
    return _text(params, "Digits")


def answerer(params: Parameters) -> Answerer:
    """Who picked up; anything unknown is NOT_SURE."""
    try:
        return Answerer(_text(params, "AMDStatus").upper())
    except ValueError:
        return Answerer.NOT_SURE


def recording(params: Parameters) -> RecordingReport:
    """What the author recorded."""
    return RecordingReport(
        url=_whole_text(params, "RecordingUrl", _LONGEST_TEXT),
        file_sid=_whole_text(params, "RecordingFileSid", _LONGEST_SID),
        duration_s=_seconds(params, "RecordingDuration"),
    )


def bridge(params: Parameters) -> BridgeReport:
    """What became of a transfer. The carrier does not document what it calls these; so others do that speak such documents."""
    word = _text(params, "DialCallStatus").lower().replace("-", "").replace("_", "")
    outcome = _OUTCOMES.get("completed" if word == "answered" else word)
    return BridgeReport(outcome.value if outcome else "", _seconds(params, "DialCallDuration"))


def status(params: Parameters) -> StatusReport:
    """How the call ended."""
    word = _text(params, "CallStatus")
    return StatusReport(
        ending=_OUTCOMES.get(word.lower().replace("-", "").replace("_", "")),
        word=word[:64],
        sid=_text(params, "CallSid")[:_LONGEST_SID],
        duration_s=_seconds(params, "CallDuration"),
        body=params,
        cause=_cause(params),
    )


def _cause(params: Parameters) -> str:
    """Why the call ended. What the carrier calls it is not known: a name that ends so (AMD's is of its beginning)."""
    named = (name for name in params if name.lower().endswith("cause") and name != "AMDCause")
    return next((text for name in named if (text := _text(params, name))), "")[:64]


def detail(record: Parameters) -> Detail | None:
    """A detail record as the end of a call that a status callback would have told; None if it does not tell that."""
    number, started, cause = (
        _digits(record, "number_dst"),
        _moment(record, "date_start"),
        _text(record, "sipcause")[:64],
    )
    if not (number and started and cause and _moment(record, "date_stop")):
        return None
    ending = _CAUSES.get(cause, CallStatus.FAILED)
    duration_s = _seconds(record, "duration") if ending is CallStatus.COMPLETED else 0
    report = StatusReport(ending, f"SIP {cause}", sid="", duration_s=duration_s, body=record)
    return Detail(number, _digits(record, "number_src"), started, report)


def _digits(params: Parameters, name: str) -> str:
    return _text(params, name).removeprefix("+")


def _moment(params: Parameters, name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_text(params, name))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def take(query: str) -> int | None:
    """The take that we have named in an address; None if the query names none, whatever else stands in it."""
    named = _TAKE.search(query)
    return int(named[1]) if named else None


def asked(query: str) -> int:
    """How often the question had been asked again already, which we have named in the address."""
    return _counted(query, Query.ASKED)


def replays(query: str) -> int:
    """How often the message had been played again already, which we have named in the address."""
    return _counted(query, Query.REPLAYS)


def _counted(query: str, name: Query) -> int:
    named = _COUNTED[name].search(query)
    return int(named[1]) if named else 0


def _finite(written: str) -> float | None:
    number = float(written)
    return number if math.isfinite(number) else None


def _text(params: Parameters, name: str, longest: int = _LONGEST_TEXT) -> str:
    value = params.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = _UNPRINTABLE.sub("", str(value)[:longest])
    return text.encode("utf-8", "replace").decode().strip()  # a lone surrogate fits into no database


def _whole_text(params: Parameters, name: str, longest: int) -> str:
    """A text that is of no use when cut short: empty if it is too long."""
    text = _text(params, name, longest + 1)
    return text if len(text) <= longest else ""


def _seconds(params: Parameters, name: str) -> int | None:
    """Whole seconds, a started one counts; numbers may come as text or as floats."""
    try:
        seconds = float(_text(params, name))
    except ValueError:
        return None
    return math.ceil(seconds) if 0 <= seconds <= _LONGEST_CALL_S else None
