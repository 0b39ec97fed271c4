"""A request as it came through the door, an answer as it goes out, and a refusal in the carrier's shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote

Json = Mapping[str, object]


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are lower case, `target` is the path with its query as sent."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, decoded, exactly as sent: doubled and trailing slashes stay."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; the last one of a name wins."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def content_type(self) -> str:
        """The media type without its parameters, lower case; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Refusal(Exception):
    """The carrier says no: an HTTP status and a list of errors."""

    def __init__(self, status: HTTPStatus, *errors: Json) -> None:
        super().__init__(status)
        self.status = status
        self.errors = errors or ({"message": status.phrase},)

    def answer(self) -> Answer:
        """Return the refusal as an answer."""
        return json_answer({"errors": list(self.errors)}, status=self.status)


def json_answer(content: object, *, status: int = HTTPStatus.OK) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, json.dumps(content).encode())


NO_CONTENT = Answer(HTTPStatus.NO_CONTENT)


def read_json(request: Request) -> dict[str, object]:
    """Return the JSON object of a request; raises Refusal 415, 400 or 422."""
    if request.content_type != "application/json":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"message": "send Content-Type: application/json"})
    return parse_object(request.body)


def parse_object(body: bytes) -> dict[str, object]:
    """Return bytes as a JSON object; raises Refusal 400 when undecodable, 422 for any other JSON."""
    try:
        content: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, {"message": f"undecodable JSON: {error}"}) from error
    if not isinstance(content, dict):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, {"message": "the body is not an object"})
    return content
