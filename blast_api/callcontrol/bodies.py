"""The body of a callback, by whatever server and in whatever form it is handed over, up to a bound."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

_LONGEST_SIZE_LINE = 64

try:
    _uwsgi: Any = importlib.import_module("uwsgi")  # there is one only inside of its processes
except ImportError:
    _uwsgi = None


def body_of(request: HttpRequest) -> bytes | None:
    """The whole body; None: it is too long, or it broke off."""
    try:
        # Not `request.headers`, which copies them all: this is asked for each callback.
        if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
            return _bounded(_chunks(request))
        return request.body
    except (RequestDataTooBig, UnreadablePostError, OSError, ValueError):  # a length that is no number, or a chunk's
        return None


def _bounded(parts: Iterator[bytes]) -> bytes | None:
    most, body = settings.DATA_UPLOAD_MAX_MEMORY_SIZE, bytearray()
    for part in parts:
        body += part
        if most is not None and len(body) > most:
            return None
    return bytes(body)


def _chunks(request: HttpRequest) -> Iterator[bytes]:
    """The parts of a body without a length, which WSGI knows nothing of: servers differ in what they make of it."""
    if _uwsgi is not None:
        yield from iter(_uwsgi.chunked_read, b"")
        return
    stream = request.META["wsgi.input"]
    put_together = request.META.get("wsgi.input_terminated")  # by the server, which may not say so
    first = b"" if put_together else stream.readline(_LONGEST_SIZE_LINE)
    if not _is_size(first):
        yield first
        yield from iter(lambda: stream.read(65536), b"")
        return
    size = int(first.split(b";")[0], 16)
    while size:
        yield _exactly(stream, size)
        stream.readline(_LONGEST_SIZE_LINE)
        size = int(stream.readline(_LONGEST_SIZE_LINE).split(b";")[0], 16)


def _is_size(line: bytes) -> bool:
    digits = line.split(b";")[0].strip()
    return line.endswith(b"\n") and bool(digits) and all(digit in b"0123456789abcdefABCDEF" for digit in digits)


def _exactly(stream: Any, size: int) -> bytes:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if size < 0 or (most is not None and size > most):
        raise ValueError("a chunk is longer than any body")
    part: bytes = stream.read(size)
    if len(part) < size:
        raise ValueError("a chunk breaks off")
    return part
