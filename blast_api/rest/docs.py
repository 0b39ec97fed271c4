"""The interactive documentation: what each request takes and answers, with its errors and an example."""

from __future__ import annotations

from typing import Any

from drf_yasg import openapi
from drf_yasg.inspectors import SwaggerAutoSchema
from drf_yasg.utils import no_body, swagger_auto_schema

from blast_api import __version__
from blast_api.domain.rules.estimate import CERTAINTY

from .serializers import (
    CallDetailSerializer,
    CallSerializer,
    DoNotCallSerializer,
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
    "reason": "failed",
}
_ENTRY = {"number": _NUMBER, "created": "2030-01-31T12:01:00Z"}
_NEW_SHOUT = {
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


def _answer(description: str, shape: Any = None, example: object = None) -> openapi.Response:
    return openapi.Response(description, shape, examples={"application/json": example} if example is not None else None)


def _query(name: str, kind: str, description: str, *, required: bool = False) -> openapi.Parameter:
    return openapi.Parameter(name, openapi.IN_QUERY, description, type=kind, required=required)


def _listed(shape: Any, description: str, example: object) -> openapi.Response:
    headers = {
        "Link": {"type": "string", "description": "`next`, and `prev` where pages are counted; if there are such."},
        "X-Total-Count": {
            "type": "integer",
            "description": "Rows of the whole list, where a page of it was asked for.",
        },
    }
    return openapi.Response(description, shape, examples={"application/json": [example]}, headers=headers)


def _page(cursor: openapi.Parameter) -> list[openapi.Parameter]:
    return [
        _query("limit", openapi.TYPE_INTEGER, "Most rows to send; without it all of them."),
        cursor,
        _query(
            "offset", openapi.TYPE_INTEGER, f"Rows to leave out at the beginning; not together with `{cursor.name}`."
        ),
    ]


_NEWEST_FIRST = _page(
    _query("before", openapi.TYPE_INTEGER, "Only rows older than the one with this id; `Link` names it.")
)
_BY_POSITION = _page(
    _query("after", openapi.TYPE_INTEGER, "Only calls that come after the one with this id; `Link` names it.")
)
_ERROR = openapi.Schema(
    type=openapi.TYPE_OBJECT,
    required=["detail", "code"],
    properties={"detail": openapi.Schema(type=openapi.TYPE_STRING), "code": openapi.Schema(type=openapi.TYPE_STRING)},
)
_FIELD_ERRORS = openapi.Schema(
    type=openapi.TYPE_OBJECT,
    description="A list of sentences for each field at fault, which is named by its path: `delivery.window.from` (or "
    "`detail` and `code` if the body is no JSON at all).",
)
_INVALID = _answer("Bad input; nothing was stored.", _FIELD_ERRORS, {"caller": ["This field is required."]})


def _error(description: str, detail: str, code: str) -> openapi.Response:
    return _answer(description, _ERROR, {"detail": detail, "code": code})


_NO_TOKEN = _error(
    "No token, or an unknown or revoked one.", "Authentication credentials were not provided.", "not_authenticated"
)
_NOT_FOUND = _error("Unknown.", "Not found.", "not_found")
_TOO_MANY = _error(
    "Too many requests of this application, or too many wrong tokens; Retry-After says for how many seconds to wait.",
    "Request was throttled. Expected available in 12 seconds.",
    "throttled",
)
_NOT_ACCEPTABLE = _error(
    "The Accept header rules out application/json.",
    "Could not satisfy the request Accept header.",
    "not_acceptable",
)
_TOO_LARGE = _error("The body is larger than the operator allows.", "The request's body is too large.", "too_large")
_NOT_JSON = _error(
    "The body is not application/json.", 'Unsupported media type "text/plain" in request.', "unsupported_media_type"
)
_COMMON = {"401": _NO_TOKEN, "406": _NOT_ACCEPTABLE, "429": _TOO_MANY}
_KEY = openapi.Parameter(
    "Idempotency-Key",
    openapi.IN_HEADER,
    "The same key with the same body gives the same shout again, marked by the header Idempotent-Replayed, for a day "
    "unless the operator chose otherwise.",
    type=openapi.TYPE_STRING,
)

list_shouts = swagger_auto_schema(
    operation_summary="A user's shouts, newest first",
    manual_parameters=[_query("userdata", openapi.TYPE_STRING, "The user.", required=True), *_NEWEST_FIRST],
    responses={"200": _listed(ShoutSerializer(many=True), "The shouts.", _SHOUT), "400": _INVALID, **_COMMON},
)
create_shout = swagger_auto_schema(
    operation_summary="Create a shout; its author is called",
    request_body=NewShoutSerializer,
    manual_parameters=[_KEY],
    responses={
        "201": _answer("The shout.", ShoutSerializer, _SHOUT | {"status": "pending", "calls": {"pending": 1}}),
        "400": _INVALID,
        "413": _TOO_LARGE,
        "415": _NOT_JSON,
        "422": _error(
            "The Idempotency-Key was used with another body.",
            "This Idempotency-Key was used with another request body.",
            "idempotency-key-reused",
        ),
        **_COMMON,
    },
)
preflight_shout = swagger_auto_schema(
    operation_summary="What POST /shouts with this body would do, and when",
    operation_description="Nothing is stored and nobody is rung. It says what is true now: lists and caps are asked again "
    "before each call.",
    request_body=NewShoutSerializer,
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
        "200": _answer("What becomes of each recipient.", PreflightSerializer, _FORETOLD),
        "400": _INVALID,
        "413": _TOO_LARGE,
        "415": _NOT_JSON,
        **_COMMON,
    },
)
retrieve_shout = swagger_auto_schema(
    operation_summary="One shout",
    responses={"200": _answer("The shout.", ShoutSerializer, _SHOUT), "404": _NOT_FOUND, **_COMMON},
)
cancel_shout = swagger_auto_schema(
    operation_summary="Cancel a shout",
    operation_description="Nothing more is placed, what waits at the carrier is withdrawn. Again is fine.",
    responses={
        "200": _answer("The shout.", ShoutSerializer, _SHOUT | {"status": "canceled", "calls": {"cancelled": 1}}),
        "404": _NOT_FOUND,
        "409": _error("It has already ended.", "The shout has already ended: it is finished.", "already-ended"),
        **_COMMON,
    },
)
_ENDED = _error("It has already ended.", "The shout has already ended: it is finished.", "already-ended")
_OF_A_PAUSE = {"404": _NOT_FOUND, "409": _ENDED, **_COMMON}
pause_shout = swagger_auto_schema(
    operation_summary="Pause a shout",
    operation_description="Nothing of it is placed, and what waits at the carrier comes back with its attempt. People who "
    "listen hear it out. Again is fine.",
    request_body=no_body,
    responses={
        "200": _answer(
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
    responses={"200": _answer("The shout.", ShoutSerializer, _SHOUT), **_OF_A_PAUSE},
)
_NOT_TO_BE_HEARD = _error("Not recorded yet, ended, or heard by three.", "It has no recording yet.", "not-recorded")
audition_shout = swagger_auto_schema(
    operation_summary="Play a shout to one number first",
    operation_description="It is heard as recipients will hear it, also while the shout is paused, and counts for nothing.",
    request_body=NewAuditionSerializer,
    responses={
        "202": _answer("The call.", CallSerializer, _CALL | {"status": "ready", "attempts": 0, "audition": True}),
        **{"400": _INVALID, "413": _TOO_LARGE, "415": _NOT_JSON},
        **{"404": _NOT_FOUND, "409": _NOT_TO_BE_HEARD, **_COMMON},
    },
)
list_calls = swagger_auto_schema(
    operation_summary="A shout's calls in the order of its recipients, or all to one phone, newest first",
    operation_description="Either `shout-id`, or `phone` and `userdata`: everything that this user's shouts had to do with it.",
    manual_parameters=[
        _query("shout-id", openapi.TYPE_INTEGER, "The shout."),
        _query("phone", openapi.TYPE_STRING, "The number with country code, in any usual writing."),
        _query("userdata", openapi.TYPE_STRING, "The user, with `phone`."),
        _query("status", openapi.TYPE_STRING, "Only calls of this status."),
        *_BY_POSITION,
        _NEWEST_FIRST[1],
    ],
    responses={
        "200": _listed(CallSerializer(many=True), "The calls.", _CALL),
        "400": _INVALID,
        "404": _NOT_FOUND,
        **_COMMON,
    },
)
retrieve_call = swagger_auto_schema(
    operation_summary="One call, its attempts, and what it waits for",
    responses={
        "200": _answer(
            "The call.",
            CallDetailSerializer,
            _CALL
            | {"status": "ready", "started": None, "finished": None, "Q850": None, "duration": None, "answerer": ""}
            | {"attempts": [_ATTEMPT]}
            | {"waiting": {"because": "retry", "until": "2030-01-31T12:02:30Z", "zone": None}},
        ),
        "404": _NOT_FOUND,
        **_COMMON,
    },
)
_ENTRIES = {"200": _listed(DoNotCallSerializer(many=True), "The numbers.", _ENTRY), "400": _INVALID, **_COMMON}
_TAKEN_OFF = {"204": _answer("It is off the list."), "400": _INVALID, "404": _NOT_FOUND, **_COMMON}
_USER = _query("userdata", openapi.TYPE_STRING, "The user, by any name.", required=True)
_IN_A_PATH = (
    "For names without a `.` or `..` of its own between slashes: clients and proxies take those for a way up. "
    "Slashes in the name are escaped, or not."
)
list_dnc = swagger_auto_schema(
    operation_id="dnc_list",
    operation_summary="A user's do-not-call list, newest first",
    manual_parameters=[_USER, *_NEWEST_FIRST],
    responses=_ENTRIES,
)
delete_dnc = swagger_auto_schema(
    operation_id="dnc_delete",
    operation_summary="Take a number off the list",
    manual_parameters=[
        _USER,
        _query("number", openapi.TYPE_STRING, "The number with country code, in any usual writing.", required=True),
    ],
    responses=_TAKEN_OFF,
)
list_dnc_of_path = swagger_auto_schema(
    operation_id="dnc_list_of_path",
    operation_summary="The same list, by a path",
    operation_description=_IN_A_PATH,
    manual_parameters=_NEWEST_FIRST,
    responses=_ENTRIES,
)
delete_dnc_of_path = swagger_auto_schema(
    operation_id="dnc_delete_of_path",
    operation_summary="Take a number off the list, by a path",
    operation_description=f"{_IN_A_PATH} The number is what follows the last slash.",
    responses=_TAKEN_OFF,
)
undocumented = swagger_auto_schema(auto_schema=None)


class Schema(SwaggerAutoSchema):
    """Operations grouped by what they are about, not by the version in their path."""

    def get_tags(self, operation_keys: list[str] | None = None) -> list[str]:
        return [next(part for part in self.path.replace(";", "/").split("/") if part not in ("", "api", "v1"))]

    def get_request_body_schema(self, serializer: Any) -> Any:
        schema = super().get_request_body_schema(serializer)
        self.components.get("NewShout", "definitions")["example"] = _NEW_SHOUT
        return schema
