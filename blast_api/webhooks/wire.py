"""One POST to an address that an application names: to the checked address, once, within bounds.

The host is looked up, each address is checked, and the connection goes to one that passed: so a name that means another
address a moment later leads nowhere else. There is no way round by a proxy or a redirect, because neither is looked for.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, cast

from blast_api.carrierx.wire import Incoming, authorities
from blast_api.domain.endpoints import Endpoint, Network, endpoint, is_open
from blast_api.services.deliveries import Answered

WITHIN_S = 15.0  # looking up, connecting, sending and reading, in all
_MOST_READ = 64 * 1024  # bytes of an answer's body; nothing in it matters
_MOST_HEADERS_S = 100  # of Retry-After, digits
_IDLE_S = 30.0  # a connection that was unused for so long is closed by many servers
_Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system has them. Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class _Failed(Exception):
    """Why it was not taken, in words for an application's developer."""


class _Stale(Exception):
    """The other side had closed a connection that was kept."""


@dataclass(slots=True)
class _Line:
    """A connection that is kept, and since when it is unused."""

    socket: socket.socket
    to: tuple[bool, str, int]
    unused_since: float = 0.0


class WebhookWire:
    """The connections to endpoints; safe to share between threads."""

    def __init__(
        self, *, opened: Sequence[Network], resolve: _Resolve = resolve, within_s: float = WITHIN_S, kept: int = 8
    ) -> None:
        self._opened, self._resolve, self._within_s, self._kept = opened, resolve, within_s, kept
        self._tls = authorities()
        self._lines: dict[tuple[bool, str, int], deque[_Line]] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            lines = [line for kept in self._lines.values() for line in kept]
            self._lines.clear()
        for line in lines:
            line.socket.close()

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Send it, and tell what became of it."""
        deadline = time.monotonic() + self._within_s
        try:
            # Asked anew each time: the operator may have closed a network since.
            to = endpoint(url, opened=self._opened)
        except ValueError as error:
            return Answered(None, f"the URL is not allowed: {error}")
        whole = _composed(to, headers, body)
        try:
            if (line := self._kept_line(to)) is not None:
                with suppress(_Stale):
                    return self._exchange(line, whole, deadline, is_kept=True)
            return self._exchange(self._connected(to, deadline), whole, deadline)
        except _Failed as failure:
            return Answered(None, str(failure))

    # --- Connections ---------------------------------------------------------------------------------------------------

    def _kept_line(self, to: Endpoint) -> _Line | None:
        with self._lock:
            kept = self._lines.get((to.secured, to.host, to.port))
            while kept:
                line = kept.pop()
                if line.unused_since > time.monotonic() - _IDLE_S:
                    return line
                line.socket.close()
        return None

    def _keep(self, line: _Line) -> None:
        line.unused_since = time.monotonic()
        with self._lock:
            kept = self._lines.setdefault(line.to, deque())
            kept.append(line)
            spare = kept.popleft() if len(kept) > self._kept else None
        if spare:
            spare.socket.close()

    def _connected(self, to: Endpoint, deadline: float) -> _Line:
        last: OSError | None = None
        for address in self._addresses(to, deadline):
            try:
                plain = socket.create_connection((address, to.port), timeout=_left(deadline))
            except OSError as error:
                last = error
                continue
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Line(self._secured(plain, to, deadline) if to.secured else plain, (to.secured, to.host, to.port))
        raise _Failed(f"it cannot be reached: {_words(last)}")

    def _addresses(self, to: Endpoint, deadline: float) -> list[str]:
        found = self._found(to, deadline)
        allowed = []
        for written in found:
            with suppress(ValueError):
                if is_open(ip_address(written), secured=to.secured, opened=self._opened):
                    allowed.append(written)
        if not allowed:
            raise _Failed("its host has no address that may be told")
        return allowed

    def _found(self, to: Endpoint, deadline: float) -> Sequence[str]:
        """What its host means now. In a thread, because nothing else bounds how long the system looks."""
        answers: SimpleQueue[Sequence[str] | Exception] = SimpleQueue()

        def look() -> None:
            try:
                answers.put(self._resolve(to.host, to.port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        Thread(target=look, name="webhook-lookup", daemon=True).start()
        try:
            answer = answers.get(timeout=_left(deadline))
        except Empty:
            raise _Failed("its host was not found in time") from None
        if isinstance(answer, Exception):
            raise _Failed("its host was not found")
        return answer

    def _secured(self, plain: socket.socket, to: Endpoint, deadline: float) -> socket.socket:
        try:
            plain.settimeout(_left(deadline))
            return self._tls.wrap_socket(plain, server_hostname=to.host)
        except ssl.SSLCertVerificationError as error:
            plain.close()
            raise _Failed(f"its certificate is not trusted: {error.verify_message}") from None
        except (OSError, ValueError) as error:
            plain.close()
            raise _Failed(f"no secure connection came about: {_words(error)}") from None

    # --- One exchange --------------------------------------------------------------------------------------------------

    def _exchange(self, line: _Line, whole: bytes, deadline: float, *, is_kept: bool = False) -> Answered:
        done = False
        try:
            try:
                _write(line.socket, whole, deadline)
                answer = http.client.HTTPResponse(cast(Any, Incoming(line.socket, deadline)), method="POST")
                answer.begin()
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError) as error:
                if is_kept:
                    raise _Stale from None
                raise _Failed(f"no answer came: {_words(error)}") from None
            except TimeoutError:
                raise _Failed(f"no answer came within {self._within_s:g} s") from None
            except (OSError, http.client.HTTPException) as error:
                raise _Failed(f"no answer came: {_words(error)}") from None
            done = _read(answer)
            return _judged(answer)
        finally:
            if done:
                self._keep(line)
            else:
                line.socket.close()


def _composed(to: Endpoint, headers: Mapping[str, str], body: bytes) -> bytes:
    head = [f"POST {to.target} HTTP/1.1", f"Host: {to.authority}", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode("ascii") + body


def _write(line: socket.socket, whole: bytes, deadline: float) -> None:
    view = memoryview(whole)
    while view:
        line.settimeout(_left(deadline))
        view = view[line.send(view) :]


def _read(answer: http.client.HTTPResponse) -> bool:
    """Whether the connection can be used again: the body, which tells nothing, was read to its end and is short."""
    try:
        left = _MOST_READ
        while left > 0 and (piece := answer.read(min(left, 8192))):
            left -= len(piece)
        return left > 0 and not answer.will_close
    except (OSError, http.client.HTTPException):
        return False  # the status is what counts


def _judged(answer: http.client.HTTPResponse) -> Answered:
    if 200 <= answer.status < 300:
        return Answered(answer.status)
    trouble = f"the answer was {answer.status}"
    if 300 <= answer.status < 400:
        trouble += ", and redirects are not followed"
    return Answered(answer.status, trouble, _retry_after_s(answer.headers.get("Retry-After")))


def _retry_after_s(written: str | None) -> float | None:
    """Seconds; a date is not taken."""
    written = (written or "").strip()
    return float(written) if written.isascii() and written.isdigit() and len(written) <= _MOST_HEADERS_S else None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _Failed("it took too long")
    return left


def _words(error: Exception | None) -> str:
    """An error as it may be told: what the system says, without what it was asked."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    strerror = getattr(error, "strerror", None)
    return str(strerror) if strerror else type(error).__name__
