"""What a CDR, a BDR and a rec-CDR say.

A record is stored in the same transaction as the ending that it records (`add_*`), so none can be missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from blast_api.carrierx.addresses import redacted
from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.models import Call, Message, Record, Recording

_VERSION = 1
_ENCODER = json.JSONEncoder(separators=(",", ":"))
# The carrier's body of an ending is some 600 characters; one that is longer than this is not written as it is.
_LONGEST_BODY = 16384
_LONGEST_FIELD = 2048
_QUOTED = 1024
_LONGEST_SAID = 300  # characters of the carrier's words about an attempt
_TOLD_OF_AN_ENDING = ("CallSid", "CallStatus", "CallDuration", "Direction", "From", "To")


class _Shout(Protocol):
    pk: int
    application_id: int
    userdata: str
    created: datetime


class _Ended(Protocol):
    pk: int
    number: str
    sid: str
    status: str
    q850: int | None
    duration: int | None
    answerer: str
    attempts: int
    started: datetime | None
    answered: datetime | None
    finished: datetime | None


def cdr(call: _Ended, message: _Shout, *, said: str = "", late: bool = False) -> str:
    """The line about an attempt that has ended, for who stores it together with the ending; `call` holds how it ended.

    `said` are the carrier's own words about it.
    """
    return _line(_cdr(call, message, said=said, late=late))


def add_cdrs(calls: Iterable[Call], message: Message) -> None:
    """Store the records of many ended calls of one shout."""
    _add(Record.Kind.CDR, (_cdr(call, message) for call in calls))


def _cdr(call: _Ended, message: _Shout, *, said: str = "", late: bool = False) -> dict[str, object]:
    return {
        "pk": call.pk,
        "message": message.pk,
        "application": message.application_id,
        "user_data": message.userdata,
        "to_number": call.number,
        "did": configuration().did if call.attempts else None,
        "sid": call.sid,
        "status": call.status,
        "q850": call.q850,
        "duration": call.duration or 0,
        "answerer": call.answerer,
        "carrier_said": redacted(said[:_LONGEST_SAID]),
        "attempt": call.attempts,
        "num_retries": max(call.attempts - 1, 0),
        "created": written_time(message.created),
        "started": written_time(call.started),
        "answered": written_time(call.answered),
        "finished": written_time(call.finished),
        "late": late,
    }


def add_bdr(message: Message, recording: Recording, *, late: bool = False) -> None:
    """Store the record of a shout that has ended."""
    line: dict[str, object] = {
        "pk": message.pk,
        "application": message.application_id,
        "user_data": message.userdata,
        "title": message.title,
        "caller": message.caller,
        "status": message.status,
        "recording": recording.url,
        "recording_call_status": recording.state,
        "rec_call_status_updated_at": written_time(recording.state_since),
        "schedule": written_time(message.schedule),
        "created": written_time(message.created),
        "started": written_time(message.started),
        "finished": written_time(message.finished),
        "late": late,
    }
    _add(Record.Kind.BDR, [line])


def add_rec_cdr(message_id: int, finished: datetime, body: Mapping[str, object]) -> None:
    """Store the record of a recording call that has ended: the carrier's own status body and two fields of ours."""
    line = json.loads(redacted(json.dumps(dict(body))))  # whatever is nested in it
    _add(Record.Kind.REC_CDR, [_bounded(line) | {"message_id": message_id, "finished": written_time(finished)}])


def _bounded(body: dict[str, object]) -> dict[str, object]:
    """The body, or of one that is too long its short fields, what it is mostly read for first, and a piece of the rest."""
    whole = _ENCODER.encode(body)
    if len(whole) <= _LONGEST_BODY:
        return body
    kept: dict[str, object] = {}
    room = _LONGEST_BODY - _QUOTED
    for name in (*(name for name in _TOLD_OF_AN_ENDING if name in body), *body):
        size = len(_ENCODER.encode({name: body[name]})) if name not in kept else 0
        if size <= min(room, _LONGEST_FIELD):
            kept[name] = body[name]
            room -= size
    rest = _ENCODER.encode({name: value for name, value in body.items() if name not in kept})
    return kept | {"cut": {"length": len(whole), "begins": rest[:_QUOTED]}}


def _add(kind: Record.Kind, lines: Iterable[dict[str, object]]) -> None:
    bulk.insert(Record, ["line"], ([_line(line)] for line in lines), kind=kind)


def _line(about: dict[str, object]) -> str:
    return _ENCODER.encode(about | {"v": _VERSION, "record": uuid4().hex})


def written_time(moment: datetime | None) -> str | None:
    """A time as the records write it: RFC 3339, UTC, milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
