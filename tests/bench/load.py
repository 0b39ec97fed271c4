"""A lean HTTP client: many connections over one epoll loop, requests as bytes, statuses counted."""

from __future__ import annotations

import re
import select
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


@dataclass
class Load:
    """What came of it. `client_cpu` is the client's share of one core."""

    seconds: float = 0.0
    client_cpu: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds


def request(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """A request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


def knock(port: int, requests: Iterable[bytes], *, connections: int, seconds: float, keep_alive: bool) -> Load:
    """Send the requests, `connections` at a time, until they or the seconds are used up.

    Without keep-alive each has a connection of its own: uWSGI closes its `http-socket` after each answer.
    """
    return _Client(port, iter(requests), connections, keep_alive).run(seconds)


class _Client:
    def __init__(self, port: int, requests: Iterator[bytes], connections: int, keep_alive: bool) -> None:
        self._port, self._requests, self._keep_alive, self._wanted = port, requests, keep_alive, connections
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, bytearray]] = {}
        self._load = Load()
        self._over = False

    def run(self, seconds: float) -> Load:
        begun, cpu = time.monotonic(), time.process_time()
        until = begun + seconds
        for _ in range(self._wanted):
            self._begin()
        while self._open:
            if time.monotonic() > until:
                self._over = True
            for descriptor, event in self._poll.poll(10):
                if event & select.EPOLLIN or event & select.EPOLLHUP:
                    self._receive(descriptor)
        self._load.seconds = time.monotonic() - begun
        self._load.client_cpu = (time.process_time() - cpu) / self._load.seconds
        self._poll.close()
        return self._load

    def _begin(self, again: socket.socket | None = None) -> None:
        data = None if self._over else next(self._requests, None)
        if data is None:
            self._over = True
            if again is not None:
                self._close(again)
            return
        if again is None:
            again = socket.create_connection(("127.0.0.1", self._port))  # at once on loopback
            again.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open[again.fileno()] = again, bytearray()
            self._poll.register(again, select.EPOLLIN)
        again.sendall(data)

    def _receive(self, descriptor: int) -> None:
        connection, received = self._open[descriptor]
        data = b""
        with suppress(ConnectionResetError):
            data = connection.recv(65536)
        received += data
        if data and not (self._keep_alive and _is_whole(received)):
            return
        self._load.statuses[int(received[9:12] or 0)] += 1
        if self._keep_alive and data:
            received.clear()
            self._begin(connection)
        else:
            self._close(connection)
            self._begin()

    def _close(self, connection: socket.socket) -> None:
        self._poll.unregister(connection)
        del self._open[connection.fileno()]
        connection.close()


def _is_whole(received: bytearray) -> bool:
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(received, 0, end)
    return len(received) >= end + 4 + (int(length[1]) if length else 0)
