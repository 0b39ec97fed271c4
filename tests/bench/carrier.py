"""A carrier that only counts: when each request to place a call was at its door, and a SID after the latency.

    python -m tests.bench.carrier PORT LATENCY_S LOST_EACH FORBIDDEN

HTTP/1.1 with keep-alive over one epoll loop, no framework: it must not be what is measured. Arrivals are the kernel's
own time stamps of a request's last segment, so they stay true when this process has to wait for a core; `read_at` says
when it got to look. `GET /_arrivals?N` lists those from the N-th on. Of so many requests (LOST_EACH)
one is answered with 500, and numbers that end in FORBIDDEN with 403.
"""

from __future__ import annotations

import heapq
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import time
import uuid
from contextlib import suppress
from itertools import count

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python does not name it
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)
_PLACED = b"POST /flexml/v1/calls "
_ASKED = b"GET /_arrivals?"


class Carrier:
    """The loop. Times are seconds of the monotonic clock, which all processes of a host share."""

    def __init__(self, port: int, latency_s: float, lost_each: int, forbidden: str) -> None:
        self._latency_s = latency_s
        self._lost_each, self._forbidden = lost_each, forbidden
        self._arrivals: list[tuple[float, float, bytes]] = []  # arrived, read, body
        self._answers: list[tuple[float, int, socket.socket, bytes]] = []
        self._order = count()
        self._connections: dict[int, tuple[socket.socket, bytearray]] = {}
        self._door = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._door.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._door, select.EPOLLIN)

    def run(self) -> None:
        """Serve until the process is told to end."""
        while True:
            wait_s = max(0.0, self._answers[0][0] - time.monotonic()) if self._answers else -1
            for descriptor, _ in self._poll.poll(wait_s):
                if descriptor == self._door.fileno():
                    self._accept()
                else:
                    self._read(descriptor)
            while self._answers and self._answers[0][0] <= time.monotonic():
                _, _, connection, answer = heapq.heappop(self._answers)
                with suppress(OSError):
                    connection.sendall(answer)

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = self._door.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                self._connections[connection.fileno()] = connection, bytearray()
                self._poll.register(connection, select.EPOLLIN)

    def _read(self, descriptor: int) -> None:
        connection, received = self._connections[descriptor]
        try:
            data, told, _, _ = connection.recvmsg(65536, 64)
        except BlockingIOError:
            return
        except OSError:
            data, told = b"", []
        if not data:
            self._poll.unregister(descriptor)
            del self._connections[descriptor]
            connection.close()
            return
        received += data
        now = time.monotonic()
        while (whole := _whole_request(received)) is not None:
            head, body = whole
            if head.startswith(_PLACED):
                self._arrivals.append((_arrived(told, now), now, body))
                answer = self._placed(body)
                heapq.heappush(self._answers, (now + self._latency_s, next(self._order), connection, answer))
            elif head.startswith(_ASKED):
                first = int(head[len(_ASKED) :].split(b" ")[0])
                connection.setblocking(True)  # a long list
                connection.sendall(_answer(json.dumps(self._told(first)).encode()))
                connection.setblocking(False)
            else:
                answer = _answer(b'{"file_sid": "f", "items": [], "has_more": false}')
                heapq.heappush(self._answers, (now + self._latency_s, next(self._order), connection, answer))

    def _placed(self, body: bytes) -> bytes:
        if self._lost_each and len(self._arrivals) % self._lost_each == 0:
            return _answer(b"", b"500 Internal Server Error")
        if json.loads(body)["called_did"].endswith(self._forbidden):
            return _answer(b"", b"403 Forbidden")
        return _answer(json.dumps({"call_sid": uuid.uuid4().hex}).encode())

    def _told(self, first: int) -> list[tuple[float, float, str, int]]:
        calls = ((at, read_at, json.loads(body)) for at, read_at, body in self._arrivals[first:])
        return [(at, read_at, call["called_did"], call["delay"]) for at, read_at, call in calls]


def _whole_request(received: bytearray) -> tuple[bytes, bytes] | None:
    """Head and body of the first request, taken off; None until it is whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(received, 0, end)
    until = end + 4 + (int(length[1]) if length else 0)
    if len(received) < until:
        return None
    head, body = bytes(received[:end]), bytes(received[end + 4 : until])
    del received[:until]
    return head, body


def _arrived(told: list[tuple[int, int, bytes]], now: float) -> float:
    """When the kernel had it, on the monotonic clock; `now` if it does not tell."""
    for level, kind, data in told:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) == 16:
            seconds, nanoseconds = struct.unpack("qq", data)
            return now - max(0.0, time.time() - (float(seconds) + float(nanoseconds) / 1e9))
    return now


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(PermissionError):
        os.nice(-5)  # a real carrier does not wait for our cores
    Carrier(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]).run()
