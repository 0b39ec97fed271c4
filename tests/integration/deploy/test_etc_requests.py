"""The log of requests: one discreet line for each that was answered, whoever asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from blast_api.carrierx.addresses import address
from blast_api.db import bulk
from blast_api.domain.callbacks import Party
from blast_api.logs.redaction import LineFormatter
from blast_api.models import DoNotCallNumber
from blast_api_project.access import RequestLog
from tests.kits import factories

pytestmark = pytest.mark.django_db

Lines = list[dict[str, Any]]


@pytest.fixture
def request_lines() -> Iterator[Lines]:
    """The lines as they would stand in the file."""
    lines: Lines = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(self.format(record)))

    kept = Kept()
    kept.setFormatter(LineFormatter())
    logger = logging.getLogger("blast_api.requests")
    logger.addHandler(kept)
    yield lines
    logger.removeHandler(kept)


@pytest.fixture
def logging_client(settings: Settings) -> Client:
    settings.MIDDLEWARE = ["blast_api_project.access.RequestLog", *settings.MIDDLEWARE]
    return Client()


def get(client: Client, path: str, **headers: Any) -> bytes:
    """The whole answer, which the client closes at its end, as a server does."""
    return client.get(path, headers=headers).getvalue()


def test_a_line_tells_who_asked_what_and_what_became_of_it(logging_client: Client, request_lines: Lines) -> None:
    body = get(logging_client, "/healthz")
    (line,) = request_lines
    assert {name: line[name] for name in ("action", "method", "path", "status", "bytes", "peer")} == {
        "action": "request",
        "method": "GET",
        "path": "/healthz",
        "status": 200,
        "bytes": len(body),
        "peer": "127.0.0.1",
    }
    assert 0 <= line["ms"] < 10_000


def test_a_streamed_answer_is_one_line_with_all_its_bytes(logging_client: Client, request_lines: Lines) -> None:
    rows = [[factories.number(index)] for index in range(4000)]
    application = factories.application().pk
    bulk.insert(DoNotCallNumber, ["number"], rows, application_id=application, userdata="user")
    parts = logging_client.get("/api/v1/dnc?userdata=user").streaming_content  # type: ignore[attr-defined]  # of a stream
    body = next(parts)
    assert not request_lines
    body += b"".join(parts)
    assert [(line["bytes"], line["path"]) for line in request_lines] == [(len(body), "/api/v1/dnc")]


def test_a_client_that_leaves_early_is_told_with_what_it_got(request_lines: Lines) -> None:
    answer = RequestLog(lambda _: StreamingHttpResponse([b"[1", b",2]"]))(RequestFactory().get("/"))
    next(iter(answer))
    answer.close()
    assert [line["bytes"] for line in request_lines] == [2]


def test_no_token_stands_in_a_line(logging_client: Client, request_lines: Lines) -> None:
    genuine = "/api/v1" + address(Party.RECIPIENT, 7, 2, "status").partition("/api/v1")[2]
    token = genuine.split("/")[-2]
    logging_client.post(genuine, {"CallStatus": "completed"}, content_type="application/json")
    logging_client.get(genuine.replace("/7/", "/x7/"))
    logging_client.get(genuine.replace("/api/v1", "/api/v2"))
    assert [line["path"] for line in request_lines] == [
        "/api/v1/call-control/calls/7/2/***/status",
        "/api/v1/call-control/",
        "/",
    ]
    assert token not in json.dumps(request_lines)


@pytest.mark.parametrize("number", ["15555551010", "+1 555 555 1010", "1-555-555-1010"])
def test_no_number_and_no_user_stands_in_a_line(logging_client: Client, request_lines: Lines, number: str) -> None:
    logging_client.delete(reverse("dnc-number", args=["jane.doe", number]))
    get(logging_client, reverse("dnc-user", args=["jane.doe/"]))
    get(logging_client, reverse("dnc") + "?userdata=jane.doe")
    get(logging_client, f"/api/v1/shouts?userdata=jane.doe&x={number}")
    logging_client.get(f"/dnc/jane.doe/{number}")
    paths = [line["path"] for line in request_lines]
    assert paths == ["/api/v1/dnc/***/***", "/api/v1/dnc/***", "/api/v1/dnc", "/api/v1/shouts", "-"]
    assert "jane" not in json.dumps(request_lines)
    assert number not in json.dumps(request_lines)


def test_the_id_of_a_shout_stands_in_a_line(logging_client: Client, request_lines: Lines) -> None:
    logging_client.delete("/api/v1/shouts/77;cancel")
    assert [(line["path"], line["status"]) for line in request_lines] == [("/api/v1/shouts/77;cancel", 404)]


def test_the_peer_is_whom_the_nearest_proxy_tells(
    logging_client: Client, request_lines: Lines, settings: Settings
) -> None:
    for proxies in (0, 1):
        settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
        get(logging_client, "/healthz", x_forwarded_for=f"{'forged' * 100}, 203.0.113.7")
    assert [line["peer"] for line in request_lines] == ["127.0.0.1", "203.0.113.7"]
    get(logging_client, "/healthz", x_forwarded_for="forged" * 100)
    assert len(request_lines[-1]["peer"]) <= 64


def test_a_request_that_fails_is_logged_with_its_status(
    logging_client: Client, request_lines: Lines, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.failing"]
    logging_client.raise_request_exception = False
    logging_client.get("/healthz")
    assert [line["status"] for line in request_lines] == [500]


def failing(get_response: object) -> object:
    """A middleware with a fault of its own."""

    def fail(request: object) -> object:
        raise RuntimeError("a fault")

    return fail
