"""A stand-in for the service: fixed call documents over HTTP, and a log of what the carrier sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import requests

Parameters = dict[str, object]
Script = Callable[[Parameters], str]
Place = Callable[..., requests.Response]  # asks the carrier for a call: the fixture `place`

CALLER = "15555550000"
SOUNDS = "http://sounds.example"
PATIENCE_S = 10
AN_MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s, 44.1 kHz: 417 bytes for 1,152 samples


@dataclass(frozen=True)
class Received:
    """One request of the carrier, its parameters read from wherever they were."""

    method: str
    path: str
    content_type: str
    parameters: Parameters


class Application:
    """Answers each path with a document or a sound, or with what a function makes of the parameters."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self._answers: dict[str, tuple[int, str | bytes | Script]] = {"/status": (201, "")}

    def answers(self, path: str, body: str | bytes | Script, *, status: int = 200) -> None:
        self._answers[path] = (status, body)

    def at(self, path: str) -> list[Parameters]:
        return [received.parameters for received in self.received if received.path == path]

    @property
    def paths(self) -> list[str]:
        return [received.path for received in self.received]

    def answer(self, received: Received) -> tuple[int, bytes]:
        self.received.append(received)
        status, body = self._answers.get(received.path, (404, ""))
        if isinstance(body, bytes):
            return status, body
        return status, (body if isinstance(body, str) else body(received.parameters)).encode()


def _handler(application: Application) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            target = urlsplit(self.path)
            parameters: Parameters = dict(parse_qsl(target.query, keep_blank_values=True))
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            content_type = self.headers.get("Content-Type", "")
            if content_type == "application/json":
                parameters.update(json.loads(body))
            elif body:
                parameters.update(parse_qsl(body.decode(), keep_blank_values=True))
            status, answer = application.answer(Received(self.command, target.path, content_type, parameters))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128


@contextmanager
def running() -> Iterator[Application]:
    """Run an application on a free port while the block runs."""
    application = Application()
    server = _Server(("127.0.0.1", 0), _handler(application))
    application.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    try:
        yield application
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def respond(*verbs: str) -> str:
    return f"<Response>{''.join(verbs)}</Response>"


def play(name: str) -> str:
    return f"<Play>{name if name.startswith('http') else f'{SOUNDS}/{name}.wav'}</Play>"


def gather(action: str, *prompts: str) -> str:
    return f'<Gather action="{action}" numDigits="1" timeout="10" finishOnKey="_">{"".join(prompts)}</Gather>'


def delivers_shouts(application: Application) -> None:
    """Let the application deliver a message: /deliver is the first document."""

    def amd(parameters: Parameters) -> str:
        message = {
            "MACHINE": '<Wait length="60" silence="true" minSilence="2000"/>' + play("message"),
            "NOTSURE": play("message") + "<Pause/>" + play("message"),
        }
        status = str(parameters["AMDStatus"])
        return respond(message.get(status) or gather("/key", play("message"), play("opt_out")), "<Hangup/>")

    def key(parameters: Parameters) -> str:
        endings = {
            "0": respond(gather("/key", play("message"), play("opt_out"))),
            "5": respond(play("goodbye"), "<Hangup/>"),
        }
        return endings.get(str(parameters["Digits"]), respond("<Hangup/>"))

    application.answers("/deliver", respond('<Amd action="/amd" greeting="2000" afterGreetingSilence="500"/>'))
    application.answers("/amd", amd)
    application.answers("/key", key)


def records_shouts(application: Application) -> None:
    """Let the application record a message: /author is the first document."""

    def record(file_sid: str = "") -> str:
        again = f'fileSid="{file_sid}" fileMode="overwrite" ' if file_sid else ""
        verb = (
            f'<Record action="/recorded" errorAction="/broken" finishOnKey="#" direction="out" trim="do-not-trim" '
            f'{again}lifecycleAction="delete" lifecycleTtl="86400"/>'
        )
        return respond(play("start"), verb, play("nothing"), "<Hangup/>")

    def welcome_key(parameters: Parameters) -> str:
        if parameters["Digits"] == "*":
            return record()
        return respond(gather("/welcome-key", play("invalid"), play("welcome")), play("no_key"))

    def menu_key(parameters: Parameters) -> str:
        url = str(application.at("/recorded")[-1]["RecordingUrl"])
        sid = str(application.at("/recorded")[-1]["RecordingFileSid"])
        return {
            "1": respond(play(f"{url}?format=1.wav"), gather("/menu-key", play("verify"))),
            "2": respond(play("saved"), "<Hangup/>"),
            "3": record(sid),
            "7": respond(play("cancelled"), play("goodbye"), "<Hangup/>"),
        }.get(str(parameters["Digits"]), respond(gather("/menu-key", play("invalid"), play("verify"))))

    application.answers("/author", respond(gather("/welcome-key", play("welcome")), play("no_key"), "<Hangup/>"))
    application.answers("/welcome-key", welcome_key)
    application.answers("/recorded", respond(gather("/menu-key", play("verify")), play("no_key"), "<Hangup/>"))
    application.answers("/menu-key", menu_key)
    application.answers("/broken", respond("<Say>It broke.</Say><Hangup/>"))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fails after ten seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)
