"""What a request's body may be: JSON of a bounded size and depth that says each thing once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from json import detect_encoding
from typing import IO, Any

from django.http.request import UnreadablePostError
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.status import HTTP_413_REQUEST_ENTITY_TOO_LARGE
from rest_framework.utils import json

from blast_api.conf import configuration

_MOST_DIGITS = 1000
_AROUND_A_FILE = 64 * 1024  # bytes of the other fields of a form, and of what parts them
_MOST_LEVELS = 16  # of arrays and objects; a list in an object has two


class TooLarge(APIException):
    """The body is longer than MAX_BODY_BYTES, a form with a file than MAX_UPLOAD_BYTES."""

    status_code = HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request's body is too large."
    default_code = "too_large"


class BoundedJSONParser(BaseParser):
    """JSON in UTF-8, or in UTF-16 or UTF-32, whatever charset is named; with or without a byte-order mark.

    What is JSON begins with ASCII, so its first four bytes tell how it is encoded. Raises ParseError or TooLarge.
    """

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return json_of(_read(stream, parser_context["request"] if parser_context else None))


class UploadParser(MultiPartParser):
    """A form with a file of at most MAX_UPLOAD_BYTES. Raises ParseError or TooLarge."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = parser_context["request"] if parser_context else None
        _refuse_longer(request, configuration().max_upload_bytes + _AROUND_A_FILE)
        try:
            form = super().parse(stream, media_type, parser_context)
        except UnreadablePostError:
            raise ParseError("The body is shorter than its Content-Length.") from None
        _refuse_repeated(form.data)
        _refuse_repeated(form.files)
        return form


def json_of(body: bytes) -> Any:
    """What these bytes say, as BoundedJSONParser reads them. Raises ParseError."""
    try:
        text = body.decode(detect_encoding(body))
        value = json.loads(text, parse_int=_short, parse_float=_finite, object_pairs_hook=_each_once)
    except ValueError as error:  # bytes that are no text among them
        raise ParseError(f"JSON parse error - {error}") from None
    except RecursionError:
        raise _too_deep() from None
    _refuse_deeper(value)
    return value


def _refuse_repeated(members: MultiValueDict[str, Any]) -> None:
    for name, values in members.lists():
        if len(values) > 1:
            raise ParseError(f"The name {name!r:.80} stands twice in the form.")


def refuse_unmeasured(request: Request) -> None:
    """Raises ParseError if a body is sent in chunks: nobody hands us such a body, and an empty one is not what was meant."""
    if request.headers.get("Transfer-Encoding") and not request.headers.get("Content-Length"):
        raise ParseError("A body must come with its Content-Length.", code="length_required")


def _read(stream: IO[Any], request: Request | None) -> bytes:
    most = configuration().max_body_bytes
    _refuse_longer(request, most)
    try:
        body: bytes = stream.read(most + 1)
    except UnreadablePostError:
        raise ParseError("The body is shorter than its Content-Length.") from None
    if len(body) > most:
        raise TooLarge
    return body


def _refuse_longer(request: Request | None, most: int) -> None:
    """Raises TooLarge before any of it is read."""
    length = request.META.get("CONTENT_LENGTH") if request else None
    if length and length.isdecimal() and len(length) < 20 and int(length) > most:
        raise TooLarge


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number


def _short(written: str) -> int:
    if len(written) > _MOST_DIGITS:  # reading them takes the square of their count
        raise ValueError("a number has too many digits")
    return int(written)


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for name, value in pairs:
        if name in members:
            raise ValueError(f"the name {name!r:.80} stands twice in one object")
        members[name] = value
    return members


def _refuse_deeper(value: object) -> None:
    level, depth = [value], 0
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        if depth > _MOST_LEVELS:
            raise _too_deep()
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]


def _too_deep() -> ParseError:
    return ParseError(f"The JSON is nested deeper than {_MOST_LEVELS} levels.")
