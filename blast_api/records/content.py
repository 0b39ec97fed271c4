"""What a CDR, a BDR and a rec-CDR say: each is made of a row when it is written, and the same each time.

A line is a function of columns that do not change any more. One that is corrected gets another name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from blast_api.carrierx.addresses import redacted

_VERSION = 1
_ENCODER = json.JSONEncoder(separators=(",", ":"))
# The carrier's body of an ending is some 600 characters; one that is longer than this is not written as it is.
_LONGEST_BODY = 16384
_LONGEST_FIELD = 2048
_QUOTED = 1024
_TOLD_OF_AN_ENDING = ("CallSid", "CallStatus", "CallDuration", "Direction", "From", "To")

# Columns of an attempt, of a shout and of a recording call of which their lines are made.
OF_AN_ATTEMPT = (
    "record",
    "late",
    "call_id",
    "message_id",
    "message__application_id",
    "message__userdata",
    "message__created",
    "call__number",
    "number",
    "claimed",
    "did",
    "sid",
    "started",
    "answered",
    "ended",
    "ending",
    "q850",
    "duration",
    "answerer",
    "keys",
    "transferred",
    "transfer_outcome",
    "transfer_s",
    "reason",
)
OF_A_SHOUT = (
    "record",
    "late",
    "pk",
    "application_id",
    "userdata",
    "title",
    "caller",
    "status",
    "schedule",
    "created",
    "started",
    "finished",
    "recording__url",
    "author_call__url",
    "author_call__state",
    "author_call__state_since",
)
OF_A_RECORDING_CALL = ("record", "pk", "ended", "report")

Columns = Mapping[str, Any]


def cdr(row: Columns) -> str:
    """The line about an attempt that has ended, or about a recipient who ended without one."""
    was_placed = row["claimed"] is not None
    return _line(
        {
            "pk": row["call_id"],
            "message": row["message_id"],
            "application": row["message__application_id"],
            "user_data": row["message__userdata"],
            "to_number": row["call__number"],
            "did": row["did"] or None,
            "sid": row["sid"],
            "status": row["ending"],
            "q850": row["q850"],
            "duration": row["duration"] or 0,
            "answerer": row["answerer"],
            "keys": row["keys"],
            "transferred": written_time(row["transferred"]),
            "transfer_outcome": row["transfer_outcome"],
            "transfer_seconds": row["transfer_s"] or 0,
            "carrier_said": row["reason"] if was_placed else "",
            "reason": "" if was_placed else row["reason"],
            "attempt": row["number"],
            "num_retries": max(row["number"] - 1, 0),
            "created": written_time(row["message__created"]),
            "started": written_time(row["started"]),
            "answered": written_time(row["answered"]),
            "finished": written_time(row["ended"]),
            "late": row["late"],
        },
        row,
    )


def bdr(row: Columns) -> str:
    """The line about a shout that has ended."""
    return _line(
        {
            "pk": row["pk"],
            "application": row["application_id"],
            "user_data": row["userdata"],
            "title": row["title"],
            "caller": row["caller"],
            "status": row["status"],
            "recording": row["recording__url"] or row["author_call__url"],
            "recording_call_status": row["author_call__state"],
            "rec_call_status_updated_at": written_time(row["author_call__state_since"]),
            "schedule": written_time(row["schedule"]),
            "created": written_time(row["created"]),
            "started": written_time(row["started"]),
            "finished": written_time(row["finished"]),
            "late": row["late"],
        },
        row,
    )


def rec_cdr(row: Columns) -> str:
    """The line about a recording call that has ended: the carrier's own status body and two fields of ours."""
    ours = {"message_id": row["pk"], "finished": written_time(row["ended"])}
    return _line(json.loads(row["report"] or "{}") | ours, row)


def report(body: Mapping[str, object]) -> str:
    """The carrier's status body as it is stored: JSON, without our tokens, of a bounded length."""
    return _ENCODER.encode(_bounded(json.loads(redacted(json.dumps(dict(body))))))  # whatever is nested in it


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


def _line(about: dict[str, object], row: Columns) -> str:
    return _ENCODER.encode(about | {"v": _VERSION, "record": row["record"]})


def written_time(moment: datetime | None) -> str | None:
    """A time as the records write it: RFC 3339, UTC, milliseconds."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
