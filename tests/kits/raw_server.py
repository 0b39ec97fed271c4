"""A server that sends exactly the bytes a test wants, for what the simulated carrier is too well-behaved to do."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Say = Callable[[socket.socket], None]


@dataclass
class RawServer:
    """What it says to each request, and what it has seen: one text a request, every byte, and how many connections."""

    say: Say
    tls: ssl.SSLContext | None = None
    handshake_s: float = 0.0  # how long it lets wait for its half of TLS
    url: str = ""
    requests: list[str] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)  # how many TCP segments with data, one number a request
    received: bytes = b""
    connections: int = 0
    open: list[socket.socket] = field(default_factory=list)


def answer(body: bytes, *, status: str = "200 OK", head: str = "Content-Type: application/json") -> Say:
    """An answer of the right length, after which the connection stays open."""
    whole = f"HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda connection: connection.sendall(whole)


def trickle(*parts: bytes, seconds: float) -> Say:
    """An answer that comes in these parts, over so many seconds."""

    def say(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(seconds / len(parts))

    return say


@contextmanager
def raw_server(say: Say, *, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Serve on loopback while the block runs."""
    server = RawServer(say, tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                server.open.append(connection)
                threads.append(threading.Thread(target=_converse, args=(server, connection)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in server.open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _converse(server: RawServer, connection: socket.socket) -> None:
    with connection, suppress(OSError):
        if server.tls is None:
            _hear(server, connection, connection)
            return
        time.sleep(server.handshake_s)
        # A copy, so that the plain socket can still be told to close.
        with server.tls.wrap_socket(connection.dup(), server_side=True) as secured:
            _hear(server, secured, connection)


def _hear(server: RawServer, connection: socket.socket, plain: socket.socket) -> None:
    buffer, before = b"", _segments(plain)
    while chunk := connection.recv(65536):
        server.received += chunk
        buffer += chunk
        while (request := _first_request(buffer)) is not None:
            buffer = buffer[len(request) :]
            server.requests.append(request.decode())
            after = _segments(plain)
            server.segments.append(after - before)
            before = after
            server.say(connection)


def _segments(plain: socket.socket) -> int:
    """How many segments with data this end has received: `tcpi_data_segs_in` of Linux's tcp.h."""
    (count,) = struct.unpack_from("I", plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 152)
    return int(count)


def _first_request(buffer: bytes) -> bytes | None:
    """The first whole request in the buffer, if there is one."""
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        return None
    fields = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    length = next((int(value) for name, _, value in fields if name == b"content-length"), 0)
    return head + end + rest[:length] if len(rest) >= length else None
