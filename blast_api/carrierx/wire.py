"""One request over one connection: made ready before its slot, written at once and on time, answered within bounds.

`requests` composes what is written (`client`), and makes, verifies and pools the connections. Only its way from `send` to the
socket is not ours: it looks for a connection, computes and writes twice after the last moment at which we could look at the
clock, and bounds no answer but by each packet.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import DEFAULT_CA_BUNDLE_PATH, HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from blast_api.domain.errors import ConfigurationError
from blast_api.domain.pacing import Departure, SlotMissed

_LARGEST_ANSWER = 1024 * 1024  # bytes; a page of 1000 waiting calls is about half of it


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent, whole but for the host. The target is path and query; the headers hold credentials."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `broke_off` says why the body is missing, if it is."""

    status: int
    reason: str
    retry_after: str | None
    body: bytes
    broke_off: str = ""


class Unreachable(Exception):
    """There was no connection to send it on: no byte has left."""


class NoAnswer(Exception):
    """It was sent, or a part of it, and no answer came."""


class Wire:
    """The pooled connections to one place; safe to share between threads. Timeouts are in seconds.

    The first is for each step of connecting, the second for everything from the first byte sent to the last one read.
    """

    def __init__(self, url: str, *, connections: int, connect_timeout_s: float, answer_timeout_s: float) -> None:
        self._connect_timeout_s, self._answer_timeout_s = connect_timeout_s, answer_timeout_s
        # An adapter without a session reads no environment: no proxy and no .netrc says where we send credentials.
        adapter, secured = HTTPAdapter(), url.startswith("https:")
        adapter.init_poolmanager(1, connections, ssl_context=authorities() if secured else None)
        anything = requests.Request("GET", url).prepare()
        self._host = urlsplit(anything.url or "").netloc.rpartition("@")[2]
        self._pool = cast(HTTPConnectionPool, adapter.get_connection_with_tls_context(anything, verify=True))
        if secured:
            self._pool.ConnectionCls = _SecuredConnection

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()

    def exchange(
        self,
        request: Request,
        departure: Departure | None = None,
        *,
        into: IO[bytes] | None = None,
        most: int = _LARGEST_ANSWER,
    ) -> Answer:
        """Send it once and read the answer. Raises Unreachable or SlotMissed if no byte has left, else NoAnswer.

        The body of a 200 goes `into` that file, at most so many bytes, and the answer has none.

        1. Compose the request. 2. Take a connection, or make one: before the wait, so that a handshake costs no slot.
        3. Wait for the slot. 4. If the carrier has closed the connection meanwhile, make another. 5. Look at the clock.
        6. Write; from here on nothing is ever repeated.
        """
        whole = self._composed(request)
        connection = cast(HTTPConnection, self._pool._get_conn())
        try:
            line = self._line(connection)
            if departure is not None:
                departure.wait()
                if not connection.is_connected:
                    connection.close()
                    line = self._line(connection)
            incoming = Incoming(line, time.monotonic() + self._answer_timeout_s)
            with suppress(BrokenPipeError, ConnectionResetError):  # a carrier may answer and close in mid-request
                if departure is not None:
                    departure.check()
                line.sendall(whole)
            return self._answer(connection, incoming, request, into, most)
        except SlotMissed:
            raise  # the connection is as good as before
        except OSError as error:
            connection.close()
            raise NoAnswer(type(error).__name__) from error
        except BaseException:
            connection.close()
            raise
        finally:
            self._pool._put_conn(connection)

    def _composed(self, request: Request) -> bytes:
        """The whole request as one piece."""
        head = [f"{request.method} {request.target} HTTP/1.1", f"Host: {self._host}"]
        head += [f"{name}: {value}" for name, value in request.headers.items()]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + request.body

    def _line(self, connection: HTTPConnection) -> socket.socket:
        """The connection's socket, connected and verified."""
        if connection.is_closed:
            connection.timeout = self._connect_timeout_s
            try:
                connection.connect()
            except (OSError, ValueError, HTTPError) as error:
                raise Unreachable(type(error).__name__) from error
        line: socket.socket = connection.sock
        line.settimeout(self._answer_timeout_s)
        return line

    def _answer(
        self, connection: HTTPConnection, incoming: Incoming, request: Request, into: IO[bytes] | None, most: int
    ) -> Answer:
        raw = http.client.HTTPResponse(cast(Any, incoming), method=request.method)  # asks a socket for `makefile` only
        try:
            raw.begin()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(type(error).__name__) from error
        if raw.status < 200:  # what comes next on this connection is the answer, and the library reads no further
            raise NoAnswer(f"interim answer {raw.status}")
        broke_off, body = "", io.BytesIO()
        wanted = into is not None and raw.status == HTTPStatus.OK
        try:
            _copy(raw, into if into and wanted else body, most if wanted else _LARGEST_ANSWER)
        except (HTTPError, _TooLong) as error:
            broke_off = type(error).__name__
        if broke_off or raw.will_close:
            connection.close()
        return Answer(
            raw.status, raw.reason, raw.headers.get("Retry-After"), b"" if broke_off else body.getvalue(), broke_off
        )


class _SecuredConnection(HTTPSConnection):
    """One that is not taken for closed because TLS has something to say unasked, as the session tickets of TLS 1.3.

    They come after the handshake. urllib3 meets none, because it sends at once; we may wait, or miss the slot.
    """

    @property
    def is_connected(self) -> bool:
        return super().is_connected or (self.sock is not None and self._hears_nothing(self.sock))

    def _hears_nothing(self, line: socket.socket) -> bool:
        timeout_s = line.gettimeout()
        line.settimeout(0)
        try:
            line.recv(1)  # what is more than TLS's own is a farewell, whether it has words or not
        except ssl.SSLWantReadError:
            return True
        except OSError:
            pass
        finally:
            line.settimeout(timeout_s)
        return False


class Incoming(io.RawIOBase):
    """What comes in on a socket until the deadline: a trickle would pass any timeout per packet."""

    def __init__(self, line: socket.socket, deadline: float) -> None:
        self._line = line
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer takes too long")
        self._line.settimeout(left_s)
        return self._line.recv_into(buffer)


def authorities() -> ssl.SSLContext:
    """What `requests` verifies by, made once: to load the authorities anew for each connection takes 27 ms of a core.

    Who they are may stand in the environment, in a file or a folder, as `requests` has it. Raises ConfigurationError.
    """
    named = next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "")
    bundle = os.environ.get(named, DEFAULT_CA_BUNDLE_PATH)
    context = create_urllib3_context()
    try:
        if os.path.isdir(bundle):
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except OSError as error:  # a file that holds no certificate among them
        raise ConfigurationError(f"{named}: {bundle!r:.200} cannot be read as a bundle of authorities.") from error
    return context


class _TooLong(Exception):
    pass


def _copy(raw: http.client.HTTPResponse, into: IO[bytes], most: int) -> None:
    """Write the whole body, unpacked, within the bound of its size."""
    headers = HTTPHeaderDict(raw.headers.items())
    response = HTTPResponse(raw, headers, raw.status, preload_content=False, original_response=raw)
    size = 0
    while chunk := response.read1(65536, decode_content=True):
        size += len(chunk)
        if size > most:
            raise _TooLong
        into.write(chunk)
