"""A server that sends exactly the bytes a test wants, for what the simulated carrier is too well-behaved to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Say = Callable[[socket.socket], None]


@dataclass
class RawServer:
    """What it says to each request, and what it has seen: one text a request, and how many connections."""

    say: Say
    url: str = ""
    requests: list[str] = field(default_factory=list)
    connections: int = 0


def answer(body: bytes, *, status: str = "200 OK", head: str = "Content-Type: application/json") -> Say:
    """An answer of the right length, after which the connection stays open."""
    whole = f"HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda connection: connection.sendall(whole)


@contextmanager
def raw_server(say: Say) -> Iterator[RawServer]:
    """Serve on loopback while the block runs."""
    server = RawServer(say)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        open_: list[socket.socket] = []
        threads: list[threading.Thread] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                server.connections += 1
                open_.append(connection)
                threads.append(threading.Thread(target=_converse, args=(server, connection)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in open_:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _converse(server: RawServer, connection: socket.socket) -> None:
    with connection, suppress(OSError):
        buffer = b""
        while chunk := connection.recv(65536):
            buffer += chunk
            while (request := _first_request(buffer)) is not None:
                buffer = buffer[len(request) :]
                server.requests.append(request.decode())
                server.say(connection)


def _first_request(buffer: bytes) -> bytes | None:
    """The first whole request in the buffer, if there is one."""
    head, end, rest = buffer.partition(b"\r\n\r\n")
    if not end:
        return None
    fields = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    length = next((int(value) for name, _, value in fields if name == b"content-length"), 0)
    return head + end + rest[:length] if len(rest) >= length else None
