"""Requests as a web server hands them over, whatever they are: no client's courtesy is between."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from blast_api_project.wsgi import application

_TELLTALE = (b"Traceback", b'File "', b"/blast_api/", b"/django/", b"DEBUG = True", b"Exception Type")


@dataclass(frozen=True)
class Answer:
    """What came back, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def tells_of_the_inside(self) -> bool:
        """Whether there is a piece of a traceback, or of Django's page for developers, in it."""
        return any(words in self.body for words in _TELLTALE)

    def is_an_error_of_the_house(self) -> bool:
        """`{"detail", "code"}`, or for a 400 a list of sentences for each field."""
        if self.headers["Content-Type"] != "application/json":
            return False
        told = json.loads(self.body)
        if set(told) == {"detail", "code"}:
            return all(isinstance(one, str) and one for one in told.values())
        return self.status == 400 and all(
            isinstance(faults, list) and faults and all(isinstance(one, str) for one in faults)
            for faults in told.values()
        )


@dataclass(frozen=True)
class Request:
    """Everything that a stranger may choose. `path` and `query` are percent-encoded, or not."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: str | None = None  # the Content-Length, if it is not the body's

    def sent(self) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(self.path).decode("latin-1"),
            "QUERY_STRING": self.query.encode().decode("latin-1"),
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(self.body)) if self.length is None else self.length,
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
        }
        for name, value in self.headers:
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        told: list[tuple[str, list[tuple[str, str]]]] = []
        answer = application(environ, lambda status, headers: told.append((status, headers)))
        try:
            body = b"".join(answer)
        finally:
            answer.close()
        ((status, headers),) = told
        return Answer(int(status[:3]), dict(headers), body)
