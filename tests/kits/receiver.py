"""An application's receiver of webhooks, as a real server: it verifies by the Standard Webhooks package, and answers as a test wants."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import Application, Webhook
from blast_api.services import webhooks
from blast_api.webhooks.lane import Sending
from blast_api.webhooks.wire import WebhookWire
from tests.kits.factories import application

EVERYTHING = list(WebhookEvent)


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        told = json.loads(self.body)
        assert isinstance(told, dict)
        return told

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """What it tells, if the signature is right by this secret."""
        told = Verifier(secret).verify(self.body, self.headers)
        assert isinstance(told, dict)
        return told


Answer = tuple[int, dict[str, str]]
Decide = Callable[[Received], Answer | int]


@dataclass
class Receiver:
    """What came, in the order in which it came."""

    url: str = ""
    decide: Decide = lambda _: 204
    received: list[Received] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def events(self) -> list[str]:
        return [each.told["type"] for each in self.received]


@contextmanager
def receiver(decide: Decide = lambda _: 204, *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve on loopback while the block runs."""
    here = Receiver(decide=decide)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with here.lock:
                here.received.append(one)
            answer = here.decide(one)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass  # a test ends while something is on its way

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        here.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{server.server_port}/hooks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()


def webhook(
    url: str, *, events: Sequence[WebhookEvent] = EVERYTHING, of: Application | None = None, **fields: Any
) -> Webhook:
    """A webhook; without an application it is the implied one's."""
    made = webhooks.make(of or application(), url, events)
    Webhook.objects.filter(pk=made.pk).update(**fields)
    return Webhook.objects.get(pk=made.pk)


def send(wire: WebhookWire, *, turns: int = 10_000, until: Callable[[], bool] = lambda: False) -> None:
    """Send what is due, as one process, until there is nothing more or `until` is so."""
    with Sending(Event(), wire) as lane:
        for _ in range(turns):
            if not lane.turn(0.02) or until():
                return
    raise AssertionError("it never rests")


def certificate(folder: Path, *, name: str = "localhost") -> Path:
    """A certificate of its own authority, for this host name, and its key, in one file."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl to make a certificate")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_text(key.read_text() + cert.read_text())
    return both


def served_by(certificate: Path) -> ssl.SSLContext:
    """TLS as a server speaks it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return tls


def eventually(condition: Callable[[], bool], *, within_s: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
