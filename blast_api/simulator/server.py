"""The carrier's HTTP server: HTTP/1.1 with connections kept open, a thread for each."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .carrier import Carrier
from .clock import RealClock
from .door import Delivery, Manner, receive
from .wire import Answer, Refusal, Request

logger = logging.getLogger("blast_api.simulator")

LONGEST_BODY = 64 * 1024 * 1024
POLL_S = 0.01  # how soon a server that is told to stop does
_Connection = socket.socket | tuple[bytes, socket.socket]  # the second kind, of datagrams, never comes here
FAREWELL_S = 5.0  # how long a connection's thread may take to end


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that none outlives it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], carrier: Carrier) -> None:
        self.carrier = carrier
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[_Connection, threading.Thread] = {}
        super().__init__(address, _Handler)

    def process_request(self, request: _Connection, client_address: object) -> None:
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        # Noted before it starts: a connection accepted just before the end must be found by whoever closes them.
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def process_request_thread(self, request: _Connection, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[request]

    def handle_error(self, request: _Connection, client_address: object) -> None:
        error = sys.exception()
        if not isinstance(error, ConnectionError):  # a client that leaves is none of our faults
            self.carrier.complain(f"the simulator itself failed: {error!r}")

    def close_connections(self) -> None:
        """Close every connection and wait for its thread."""
        self.stopping.set()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            if isinstance(connection, tuple):
                continue
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(FAREWELL_S)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after another from a connection and sends what the door gives back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    server: _Server

    def _serve(self) -> None:
        try:
            request = self._read()
        except Refusal as refusal:
            self.close_connection = True
            self._send(refusal.answer())
            return
        self._deliver(receive(self.server.carrier, request))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815  dictated by the base class

    def _read(self) -> Request:
        """Read the request to its end; raises Refusal 411, 400 or 413, and ConnectionError when the client left early."""
        if "transfer-encoding" in self.headers:
            raise Refusal(HTTPStatus.LENGTH_REQUIRED)
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Refusal(HTTPStatus.BAD_REQUEST)
        if int(length) > LONGEST_BODY:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("half a request")  # must not be taken for a whole one
        # The target is taken from the request line: the standard library mends a doubled slash at its beginning.
        target = self.requestline.split()[1]
        return Request(self.command, target, {name.lower(): value for name, value in self.headers.items()}, body)

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.late_s:
            self.server.stopping.wait(delivery.late_s)
        if delivery.manner is Manner.NOTHING:
            self.close_connection = True
            return
        self._send(delivery.answer, half=delivery.manner is Manner.HALF)

    def _send(self, answer: Answer, *, half: bool = False) -> None:
        body = answer.body[: len(answer.body) // 2] if half else answer.body
        self.close_connection = self.close_connection or half
        self.send_response(answer.status)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        logger.debug("%s %s", self.address_string(), format % args)


@contextlib.contextmanager
def serve(carrier: Carrier, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the carrier while the block runs, and give its base URL; port 0 finds a free one.

    Sets `carrier.base_url`. At the end every connection is closed, those to the application too, and real time stops.
    Raises OSError when the port is taken.
    """
    server = _Server((host, port), carrier)
    carrier.base_url = f"http://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,), name="simulator-http", daemon=True)
    thread.start()
    try:
        yield carrier.base_url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.close_connections()
        carrier.close()


def run(
    host: str,
    port: int,
    *,
    speed: float,
    user: str,
    password: str,
    token: str,
    stop: threading.Event,
    on_ready: Callable[[str], None],
) -> None:
    """Serve a carrier in real time, `speed` times as fast, until `stop` is set.

    `on_ready` is called with the base URL once requests are answered. Raises OSError when the port is taken.
    """
    carrier = Carrier(RealClock(speed), user=user, password=password, token=token)
    with serve(carrier, host, port) as url:
        carrier.start()
        on_ready(url)
        stop.wait()
