"""What the descriptions of requests are made of: parameters, answers and errors that many have."""

from __future__ import annotations

from typing import Any

from drf_yasg import openapi


def answer(
    description: str, shape: Any = None, example: object = None, headers: dict[str, Any] | None = None
) -> openapi.Response:
    """An answer, with an example of it."""
    examples = {"application/json": example} if example is not None else None
    return openapi.Response(description, shape, examples=examples, **({"headers": headers} if headers else {}))


def query(name: str, kind: str, description: str, *, required: bool = False) -> openapi.Parameter:
    """A parameter of the query."""
    return openapi.Parameter(name, openapi.IN_QUERY, description, type=kind, required=required)


def listed(shape: Any, description: str, example: object) -> openapi.Response:
    """A list, with an example of a row."""
    headers = {
        "Link": {"type": "string", "description": "`next`, and `prev` where pages are counted; if there are such."},
        "X-Total-Count": {
            "type": "integer",
            "description": "Rows of the whole list, where a page of it was asked for.",
        },
    }
    return openapi.Response(description, shape, examples={"application/json": [example]}, headers=headers)


# Of a list that is CSV for who asks for it: `produces` of its operation, and its parameters.
JSON_OR_CSV = ["application/json", "text/csv"]
AS_CSV = [
    openapi.Parameter(
        "format",
        openapi.IN_QUERY,
        "As what the list is sent; without it as `Accept` says.",
        type=openapi.TYPE_STRING,
        enum=["json", "csv"],
    ),
    query("zone", openapi.TYPE_STRING, "The IANA time zone in which a CSV tells times, which JSON tells in UTC."),
]


def page(cursor: openapi.Parameter) -> list[openapi.Parameter]:
    return [
        query("limit", openapi.TYPE_INTEGER, "Most rows to send; without it all of them."),
        cursor,
        query(
            "offset", openapi.TYPE_INTEGER, f"Rows to leave out at the beginning; not together with `{cursor.name}`."
        ),
    ]


NEWEST_FIRST = page(
    query("before", openapi.TYPE_INTEGER, "Only rows older than the one with this id; `Link` names it.")
)
OLDEST_FIRST = page(query("after", openapi.TYPE_INTEGER, "Only rows newer than the one with this id; `Link` names it."))
BY_POSITION = page(
    query("after", openapi.TYPE_INTEGER, "Only calls that come after the one with this id; `Link` names it.")
)
ERROR = openapi.Schema(
    title="Error",
    type=openapi.TYPE_OBJECT,
    required=["detail", "code"],
    properties={"detail": openapi.Schema(type=openapi.TYPE_STRING), "code": openapi.Schema(type=openapi.TYPE_STRING)},
)
_SENTENCES = openapi.Schema(type=openapi.TYPE_ARRAY, items=openapi.Schema(type=openapi.TYPE_STRING))
FIELD_ERRORS = openapi.Schema(
    title="FieldErrors",
    type=openapi.TYPE_OBJECT,
    description="A list of sentences for each field at fault, which is named by its path: `delivery.window.from` (or "
    "`detail` and `code` if the body is no JSON at all).",
    x_any_of=[openapi.Schema(type=openapi.TYPE_OBJECT, additional_properties=_SENTENCES), ERROR],
)
INVALID = answer("Bad input; nothing was stored.", FIELD_ERRORS, {"caller": ["This field is required."]})


RETRY_AFTER = {"Retry-After": {"type": "integer", "description": "Seconds to wait before the request is sent again."}}


def error(description: str, detail: str, code: str, headers: dict[str, Any] | None = None) -> openapi.Response:
    """An answer that is an error, in the one shape of most."""
    return answer(description, ERROR, {"detail": detail, "code": code}, headers)


NO_TOKEN = error(
    "No token, or an unknown or revoked one.",
    "Authentication credentials were not provided.",
    "not_authenticated",
    {"WWW-Authenticate": {"type": "string", "description": "`Token`."}},
)
NOT_FOUND = error("Unknown.", "Not found.", "not_found")
TOO_MANY = error(
    "Too many requests of this application, or too many wrong tokens; Retry-After says for how many seconds to wait.",
    "Request was throttled. Expected available in 12 seconds.",
    "throttled",
    RETRY_AFTER,
)
NOT_ACCEPTABLE = error(
    "The Accept header rules out application/json, and of a list text/csv.",
    "Could not satisfy the request Accept header.",
    "not_acceptable",
)
TOO_LARGE = error("The body is larger than the operator allows.", "The request's body is too large.", "too_large")
NOT_JSON = error(
    "The body is not application/json.", 'Unsupported media type "text/plain" in request.', "unsupported_media_type"
)
NO_BODY = error(
    "The body is neither application/json nor multipart/form-data.",
    'Unsupported media type "text/plain" in request.',
    "unsupported_media_type",
)
COMMON = {"401": NO_TOKEN, "406": NOT_ACCEPTABLE, "429": TOO_MANY}
KEY = openapi.Parameter(
    "Idempotency-Key",
    openapi.IN_HEADER,
    "The same key with the same body gives the same shout again, marked by the header Idempotent-Replayed, for a day "
    "unless the operator chose otherwise.",
    type=openapi.TYPE_STRING,
)
UNSTORED = {
    "503": error(
        "The carrier did not take it, or did not tell; Retry-After says for how many seconds to wait. Nothing stays of it.",
        "The carrier did not take it.",
        "not-stored",
        RETRY_AFTER,
    ),
    "507": error(
        "The carrier has no room for it.",
        "The carrier did not take it: there may be no room left.",
        "storage-full",
    ),
}
