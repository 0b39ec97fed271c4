"""The interactive documentation: what each request takes and answers, with its errors and an example."""

from __future__ import annotations

from typing import Any

from drf_yasg import openapi
from drf_yasg.utils import no_body, swagger_auto_schema

from blast_api import __version__
from blast_api.domain.rules.estimate import CERTAINTY

from .documenting import (
    AS_CSV,
    BY_POSITION,
    COMMON,
    INVALID,
    JSON_OR_CSV,
    KEY,
    NEWEST_FIRST,
    NO_BODY,
    NOT_FOUND,
    NOT_JSON,
    OLDEST_FIRST,
    TOO_LARGE,
    UNSTORED,
    answer,
    error,
    listed,
    query,
)
from .serializers import (
    CallDetailSerializer,
    CallSerializer,
    CreatedShoutSerializer,
    ListedAttemptSerializer,
    NewAuditionSerializer,
    NewShoutSerializer,
    PreflightSerializer,
    ShoutSerializer,
)

INFO = openapi.Info(
    title="blast-api",
    default_version=__version__,
    description=(
        "Sends shouts: an author records a message by phone, every recipient is called and hears it. "
        "Lists are bare arrays, and whole unless `limit` bounds them. Then the header `Link` leads from page to page "
        "(`next`), by the id of the row that was seen last, so a list that changes meanwhile shows nothing twice and "
        "leaves nothing out; `X-Total-Count` tells how many rows the whole list has. With `offset` pages are counted "
        "instead, and `Link` has `prev`, too."
    ),
)

_NUMBER = "15555551010"
_SHOUT: dict[str, Any] = {
    "id": 1,
    "created": "2030-01-31T12:00:00Z",
    "caller": "15555552020",
    "status": "finished",
    "title": "Snow day",
    "schedule": None,
    "delivery": {
        "window": {"from": "09:00", "to": "20:30", "days": ["mon", "tue", "wed", "thu", "fri"], "zone": "recipient"},
        "until": "2030-02-01T23:00:00Z",
        "attempts": 4,
        "retry": {"busy": 300.0, "no-answer": 1800.0},
        "machines": "message",
        "calls_per_second": None,
        "concurrent_calls": None,
        "pause_at": {"failed_percent": 80, "of": 50},
    },
    "from": "15555550100",
    "userdata": "school-7",
    "recipients": [_NUMBER],
    "voc": {"created": "2030-01-31T12:00:40Z", "length": 8, "url": "https://storage.carrierx.com/f/0a0a.wav"},
    "recording": 1,
    "voicemail_recording": None,
    "language": None,
    "transfer": {"key": "1", "to": "15555552020", "concurrent": 3},
    "recipients_requested_dnc": False,
    "started": "2030-01-31T12:00:45Z",
    "finished": "2030-01-31T12:01:30Z",
    "paused_at": None,
    "paused_because": None,
    "waiting": None,
    "expected_finish": None,
    "calls": {"completed": 1},
}
_CALL = {
    "id": 1,
    "started": "2030-01-31T12:00:45Z",
    "finished": "2030-01-31T12:01:30Z",
    "shout_id": 1,
    "phone": _NUMBER,
    "zone": None,
    "reference": "pupil 12",
    "status": "completed",
    "Q850": 0,
    "duration": 21,
    "attempts": 1,
    "answerer": "HUMAN",
    "keys": "",
    "transferred": None,
    "transfer_outcome": None,
    "transfer_duration": None,
    "reason": None,
    "audition": False,
}
_ATTEMPT = {
    "number": 1,
    "claimed": "2030-01-31T12:00:44Z",
    "slot": "2030-01-31T12:00:44.52Z",
    "sid": "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a",
    "started": "2030-01-31T12:00:45Z",
    "answered": None,
    "ended": "2030-01-31T12:01:30Z",
    "ending": "failed",
    "Q850": 41,
    "duration": 0,
    "answerer": "",
    "keys": "",
    "transferred": None,
    "transfer_outcome": None,
    "transfer_duration": None,
    "reason": "failed",
}
_LISTED_ATTEMPT = {"id": 1, "call_id": 1, "phone": _NUMBER, "reference": "pupil 12", **_ATTEMPT}
NEW_SHOUT = {
    "title": "Snow day",
    "caller": "+1 555 555 2020",
    "recipients": [
        {"number": _NUMBER, "zone": "America/Chicago", "reference": "pupil 12"},
        "+1 (555) 555-1011",
    ],
    "schedule": None,
    "delivery": {
        "window": {"from": "09:00", "to": "20:30", "days": ["mon", "tue", "wed", "thu", "fri"]},
        "retry": {"busy": 300, "no-answer": 1800},
    },
    "userdata": "school-7",
}


_FORETOLD: dict[str, Any] = {
    "counts": {"call": 1, "wait": 1, "do not call": 0, "capped": 0, "invalid": 0, "refused": 0, "duplicate": 0},
    "recipients": [
        {"position": 0, "number": _NUMBER, "verdict": "call", "reason": None, "at": "2030-01-31T15:00:02Z"},
        {
            "position": 1,
            "number": "13125550111",
            "verdict": "wait",
            "reason": "America/Chicago opens at 09:30",
            "at": "2030-01-31T15:30:00Z",
        },
    ],
    "estimate": {
        "first_call": "2030-01-31T15:00:02Z",
        "last_call": "2030-01-31T15:30:00Z",
        "finish": "2030-01-31T15:31:15Z",
        "assumes": {
            "calls_per_second": 25,
            "queued_ahead": 0,
            "windows": "09:30 to 20:30 on mon, tue, wed, thu, fri, by the recipient's clock",
            "recording_length": 30,
            "recording_length_known": False,
            "answer_rate": 0.5,
            "answer_rate_of": "assumed",
            "retries": 0,
        },
        "certainty": CERTAINTY,
    },
}

_FORM = openapi.Schema(
    type=openapi.TYPE_OBJECT,
    required=["shout", "recipients"],
    properties={
        "shout": openapi.Schema(type=openapi.TYPE_OBJECT, description="What is sent as JSON, without `recipients`."),
        "recipients": openapi.Schema(type=openapi.TYPE_FILE, description="CSV or XLSX."),
    },
)
_BY_FORM = (
    "Recipients may come as a file: then the body is multipart/form-data with the parts `shout`, the JSON without "
    "`recipients`, and `recipients`. Faults in the file name its lines."
)
list_shouts = swagger_auto_schema(
    operation_summary="A user's shouts, newest first",
    manual_parameters=[query("userdata", openapi.TYPE_STRING, "The user.", required=True), *NEWEST_FIRST, *AS_CSV],
    produces=JSON_OR_CSV,
    responses={"200": listed(ShoutSerializer(many=True), "The shouts.", _SHOUT), "400": INVALID, **COMMON},
)
create_shout = swagger_auto_schema(
    operation_summary="Create a shout; its author is called, unless it is to play a recording, a text or what another played",
    operation_description=_BY_FORM,
    request_body=NewShoutSerializer,
    form=_FORM,
    manual_parameters=[KEY],
    responses={
        "201": answer(
            "The shout.",
            CreatedShoutSerializer,
            _SHOUT | {"status": "pending", "calls": {"pending": 1}},
            {"Idempotent-Replayed": {"type": "string", "description": "`true`: it was there, and is not made again."}},
        ),
        "400": INVALID,
        "413": TOO_LARGE,
        "415": NO_BODY,
        "422": error(
            "The Idempotency-Key was used with another body.",
            "This Idempotency-Key was used with another request body.",
            "idempotency-key-reused",
        ),
        **UNSTORED,
        **COMMON,
    },
)
preflight_shout = swagger_auto_schema(
    operation_summary="What POST /shouts with this body would do, and when",
    operation_description="Nothing is stored and nobody is rung. It says what is true now: lists and caps are asked again "
    f"before each call. {_BY_FORM}",
    request_body=NewShoutSerializer,
    form=_FORM,
    manual_parameters=[
        openapi.Parameter(
            "recipients",
            openapi.IN_QUERY,
            "`none`: counts and estimate alone.",
            type=openapi.TYPE_STRING,
            enum=["none"],
        )
    ],
    responses={
        "200": answer("What becomes of each recipient.", PreflightSerializer, _FORETOLD),
        "400": INVALID,
        "413": TOO_LARGE,
        "415": NO_BODY,
        **COMMON,
    },
)
retrieve_shout = swagger_auto_schema(
    operation_summary="One shout",
    responses={"200": answer("The shout.", ShoutSerializer, _SHOUT), "404": NOT_FOUND, **COMMON},
)
cancel_shout = swagger_auto_schema(
    operation_summary="Cancel a shout",
    operation_description="Nothing more is placed, what waits at the carrier is withdrawn. Again is fine.",
    responses={
        "200": answer("The shout.", ShoutSerializer, _SHOUT | {"status": "canceled", "calls": {"cancelled": 1}}),
        "404": NOT_FOUND,
        "409": error("It has already ended.", "The shout has already ended: it is finished.", "already-ended"),
        **COMMON,
    },
)
_ENDED = error("It has already ended.", "The shout has already ended: it is finished.", "already-ended")
_OF_A_PAUSE = {"404": NOT_FOUND, "409": _ENDED, **COMMON}
pause_shout = swagger_auto_schema(
    operation_summary="Pause a shout",
    operation_description="Nothing of it is placed, and what waits at the carrier comes back with its attempt. People who "
    "listen hear it out. Again is fine.",
    request_body=no_body,
    responses={
        "200": answer(
            "The shout.",
            ShoutSerializer,
            _SHOUT | {"status": "paused", "paused_at": "2030-01-31T15:00:00Z", "paused_because": "asked"},
        ),
        **_OF_A_PAUSE,
    },
)
resume_shout = swagger_auto_schema(
    operation_summary="Resume a paused shout",
    operation_description="It goes on where it was. Again is fine, and so is one that is not paused.",
    request_body=no_body,
    responses={"200": answer("The shout.", ShoutSerializer, _SHOUT), **_OF_A_PAUSE},
)
_NOT_TO_BE_HEARD = error("Not recorded yet, ended, or heard by three.", "It has no recording yet.", "not-recorded")
audition_shout = swagger_auto_schema(
    operation_summary="Play a shout to one number first",
    operation_description="It is heard as recipients will hear it, also while the shout is paused, and counts for nothing.",
    request_body=NewAuditionSerializer,
    responses={
        "202": answer("The call.", CallSerializer, _CALL | {"status": "ready", "attempts": 0, "audition": True}),
        **{"400": INVALID, "413": TOO_LARGE, "415": NOT_JSON},
        **{"404": NOT_FOUND, "409": _NOT_TO_BE_HEARD, **COMMON},
    },
)
list_calls = swagger_auto_schema(
    operation_summary="A shout's calls in the order of its recipients, or all to one phone, newest first",
    operation_description="Either `shout-id`, or `phone` and `userdata`: everything that this user's shouts had to do with it.",
    manual_parameters=[
        query("shout-id", openapi.TYPE_INTEGER, "The shout."),
        query("phone", openapi.TYPE_STRING, "The number with country code, in any usual writing."),
        query("userdata", openapi.TYPE_STRING, "The user, with `phone`."),
        query("status", openapi.TYPE_STRING, "Only calls of this status."),
        *BY_POSITION,
        NEWEST_FIRST[1],
        *AS_CSV,
    ],
    produces=JSON_OR_CSV,
    responses={
        "200": listed(CallSerializer(many=True), "The calls.", _CALL),
        "400": INVALID,
        "404": NOT_FOUND,
        **COMMON,
    },
)
list_attempts = swagger_auto_schema(
    operation_summary="The attempts of a shout's calls, in the order in which they were made",
    manual_parameters=[query("shout-id", openapi.TYPE_INTEGER, "The shout.", required=True), *OLDEST_FIRST, *AS_CSV],
    produces=JSON_OR_CSV,
    responses={
        "200": listed(ListedAttemptSerializer(many=True), "The attempts.", _LISTED_ATTEMPT),
        "400": INVALID,
        "404": NOT_FOUND,
        **COMMON,
    },
)
retrieve_call = swagger_auto_schema(
    operation_summary="One call, its attempts, and what it waits for",
    responses={
        "200": answer(
            "The call.",
            CallDetailSerializer,
            _CALL
            | {"status": "ready", "started": None, "finished": None, "Q850": None, "duration": None, "answerer": ""}
            | {"attempts": [_ATTEMPT]}
            | {"waiting": {"because": "retry", "until": "2030-01-31T12:02:30Z", "zone": None}},
        ),
        "404": NOT_FOUND,
        **COMMON,
    },
)
undocumented = swagger_auto_schema(auto_schema=None)
