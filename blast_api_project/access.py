"""The log of requests: one line for each that was answered, in the service's log, as discreet as its other lines.

uWSGI and proxies could write one, too, but addresses carry tokens, phone numbers and users' names, and none of them knows
which part of an address is what.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator

from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.throttling import BaseThrottle

log = logging.getLogger("blast_api.requests")

_LONGEST = 64  # characters of what a stranger wrote
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
_peer = BaseThrottle().get_ident  # the address that wrong tokens are counted by


class RequestLog:
    """Middleware, the outermost: what a line tells is what the client got.

    An answer that is streamed is logged when its last part was handed over, or the client has left.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = time.perf_counter()
        response = self._get_response(request)

        def done(size: int | None) -> None:
            log.info(
                "answered",
                extra={
                    "action": "request",
                    "method": str(request.method)[:_LONGEST],
                    "path": _path(request),
                    "status": response.status_code,
                    "ms": round((time.perf_counter() - begun) * 1000, 1),
                    "bytes": size,
                    "peer": str(_peer(request))[:_LONGEST],  # type: ignore[arg-type]  # it reads META only
                },
            )

        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            response.streaming_content = _Counted(response, done)
        else:
            length = response.headers.get("Content-Length", "")
            done(int(length) if length.isdecimal() else len(getattr(response, "content", b"")))
        return response


class _Counted:
    """The parts of an answer, counted; the server closes it, whatever has become of it."""

    def __init__(self, response: StreamingHttpResponse, done: Callable[[int], None]) -> None:
        self._parts: Iterator[bytes] = iter(_synchronous(response))
        self._done = done
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        part = next(self._parts)
        self._size += len(part)
        return part

    def close(self) -> None:
        """Tell how much it was."""
        self._done(self._size)


def _synchronous(response: StreamingHttpResponse) -> Iterable[bytes]:
    return response.streaming_content  # type: ignore[return-value]  # nothing here is asynchronous


def _path(request: HttpRequest) -> str:
    """Which of our addresses it was, with its ids, which are whole numbers; everything else in it is somebody's own."""
    match = request.resolver_match
    if match is None:  # a file that belongs to us, or nothing of ours
        return "-"
    route = match.route.partition("^")[0]  # what begins there is a pattern, for whatever else somebody may ask
    return "/" + _PARAMETER.sub(lambda found: str(match.kwargs[found[2]]) if found[1] == "int" else "***", route)
