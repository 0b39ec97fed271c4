from __future__ import annotations

import contextlib
import http.client
import socket
from urllib.parse import urlsplit

import pytest
import requests

from blast_api.simulator import Carrier, serve
from tests.kits.stand_in import Application, Place, delivers_shouts


@pytest.fixture
def connection(carrier: Carrier) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(carrier.base_url).netloc, timeout=60)


def test_connections_are_kept_open(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    opened = connection.sock
    for method, path, status in [
        ("GET", "/flexml/v1/calls", 401),
        ("POST", "/_simulator/reset", 204),
        ("GET", "/_simulator/", 200),
        ("HEAD", "/", 200),
        ("OPTIONS", "/nothing", 404),
    ]:
        connection.request(method, path)
        response = connection.getresponse()
        assert response.status == status
        response.read()
        assert connection.sock is opened
    connection.close()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Transfer-Encoding: chunked", 411),
        ("Content-Length: x", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: 99999999999", 413),
    ],
)
def test_a_body_of_unknown_or_absurd_length_is_refused(carrier: Carrier, header: str, status: int) -> None:
    parts = urlsplit(carrier.base_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as raw:
        raw.sendall(f"POST /flexml/v1/calls HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        with raw.makefile("rb") as answer:
            assert answer.readline().split()[1] == str(status).encode()
            assert answer.read()  # to the end: the connection is closed


def test_a_client_that_leaves_is_no_fault(carrier: Carrier) -> None:
    parts = urlsplit(carrier.base_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as raw:
        raw.sendall(b"POST /flexml/v1/calls HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert requests.get(carrier.base_url, timeout=60).status_code == 200
    assert carrier.faults == []


def test_open_connections_do_not_outlive_the_server() -> None:
    with serve(Carrier()) as url, requests.Session() as session:
        session.get(url, timeout=60)
        parts = urlsplit(url)
        idle = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)
        session.get(url, timeout=60)
    with idle, contextlib.suppress(ConnectionResetError):
        assert idle.recv(1) == b""


def test_the_state_is_shown_to_developers(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    place("15555550108")
    place("15555550100", delay=50)
    place("15555550100", "/<b>")
    carrier.inject("refuse", number="15555550109")
    carrier.advance(30)
    root = f"{carrier.base_url}/_simulator"
    summary = requests.get(f"{root}/", timeout=60).json()
    counts = {name: summary[name] for name in ("calls", "waiting", "live", "over", "arrivals", "faults")}
    assert counts == {"calls": 3, "waiting": 1, "live": 0, "over": 2, "arrivals": 3, "faults": 1}
    assert any("presses 5" in line for line in summary["people"])
    shown = requests.get(f"{root}/calls", timeout=60).json()
    assert [(call["stage"], call["status"], call["keys"]) for call in shown] == [
        ("over", "completed", ["5"]),
        ("waiting", None, []),
        ("over", "app-error", []),
    ]
    assert shown[0]["documents"][0] == f"{application.url}/deliver"
    faults = requests.get(f"{root}/faults", timeout=60).json()
    assert (faults["faults"], faults["injections"][0]["number"]) == (carrier.faults, "15555550109")
    assert requests.post(f"{root}/faults", json={"name": "drop"}, timeout=60).status_code == 204
    assert [injection.name for injection in carrier.injections.waiting] == ["refuse", "drop"]
    page = requests.get(carrier.base_url, timeout=60).text
    assert "/&lt;b&gt;" in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("DELETE", "/_simulator/calls", 405),
        ("GET", "/_simulator", 404),
        ("GET", "/_simulator/x", 404),
        ("POST", "/", 404),
    ],
)
def test_control_has_its_own_paths_only(carrier: Carrier, method: str, path: str, status: int) -> None:
    assert requests.request(method, carrier.base_url + path, timeout=60).status_code == status
