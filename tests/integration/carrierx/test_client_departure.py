"""A call leaves in its slot or not at all: what the proof of the rate asks of the socket, plain and with TLS."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from blast_api.carrierx.client import Accepted, CallOrder, CarrierClient, Outcome, Refusal, Refused, Unknown
from blast_api.conf import configuration
from blast_api.domain.errors import ConfigurationError
from blast_api.domain.pacing import Departure, SlotMissed
from tests.kits.raw_server import RawServer, answer, raw_server

ORDER = CallOrder("15555550123", "http://127.0.0.1:9/answered", "http://127.0.0.1:9/status", delay_s=100)
PLACED = answer(b'{"call_sid": "s"}', head="Set-Cookie: carriers=own; Path=/")


@dataclass
class FakeTime:
    """A clock that goes on when someone sleeps by it, and not for a busy machine."""

    at: float = 100.0
    meanwhile: Callable[[], None] | None = None

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        if self.meanwhile:
            self.meanwhile()

    def departure(self, slot: float) -> Departure:
        return Departure(slot, self.now, self.sleep)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a carrier on loopback; the key is in the same file."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "carrier.pem"
    order = [
        openssl,
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    order += ["-subj", "/CN=carrier", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", "-"]
    made = subprocess.run(order, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + made.stdout)
    return file


@pytest.fixture(params=["http", "https"])
def server(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    tls = None
    if request.param == "https":
        certificate: Path = request.getfixturevalue("certificate")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with raw_server(PLACED, tls=tls) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        yield server


@pytest.fixture
def departing_client(server: RawServer) -> Iterator[CarrierClient]:
    with CarrierClient(configuration(), connect_timeout_s=5.0, answer_timeout_s=5.0) as client:
        yield client


def place(client: CarrierClient, departure: Departure | None = None) -> Outcome:
    return client.place(client.prepare_call(ORDER), departure)


def close_all(server: RawServer) -> None:
    """The carrier closes what is idle, and it is seen here before this returns."""
    for connection in server.open:
        with suppress(OSError):  # some are closed already
            connection.shutdown(socket.SHUT_WR)
    time.sleep(0.05)


# --- In time ---------------------------------------------------------------------------------------------------------


def test_a_call_leaves_at_its_slot(departing_client: CarrierClient, server: RawServer) -> None:
    time_ = FakeTime(meanwhile=lambda: left_before.append(server.received))
    left_before: list[bytes] = []
    assert isinstance(place(departing_client, time_.departure(100.3)), Accepted)
    assert left_before == [b""]
    assert time_.at == pytest.approx(100.3)


def test_head_and_body_are_one_write(departing_client: CarrierClient, server: RawServer) -> None:
    place(departing_client)  # with TLS, the first one has the handshake before it
    for _ in range(5):
        assert isinstance(place(departing_client), Accepted)
    assert server.segments[1:] == [1] * 5
    assert server.connections == 1


def test_a_new_connection_is_kept_while_its_slot_is_waited_for(
    departing_client: CarrierClient, server: RawServer
) -> None:
    # TLS tickets come in meanwhile: they are no farewell.
    departure = Departure(time.time() + 0.2, time.time, time.sleep, tolerance_s=60.0)
    assert isinstance(place(departing_client, departure), Accepted)
    assert server.connections == 1


def test_cookies_of_the_carrier_are_not_kept(departing_client: CarrierClient, server: RawServer) -> None:
    place(departing_client)
    place(departing_client)
    assert len(server.requests) == 2
    assert not any("cookie:" in request.lower() for request in server.requests)


# --- Too late --------------------------------------------------------------------------------------------------------


def test_a_call_that_is_late_writes_no_byte_and_costs_no_connection(
    departing_client: CarrierClient, server: RawServer
) -> None:
    place(departing_client)
    seen = server.received
    for late_s in (0.011, 0.5, 100):
        with pytest.raises(SlotMissed):
            place(departing_client, FakeTime().departure(100 - late_s))
    assert isinstance(place(departing_client), Accepted)
    assert server.received == seen * 2
    assert server.connections == 1


def test_a_sender_that_wakes_too_late_writes_no_byte(departing_client: CarrierClient, server: RawServer) -> None:
    time_ = FakeTime()

    def oversleep() -> None:
        time_.at += 0.011

    time_.meanwhile = oversleep
    with pytest.raises(SlotMissed):
        place(departing_client, time_.departure(100.3))
    place(departing_client)
    assert len(server.requests) == 1
    assert server.received == server.requests[0].encode()


def test_who_is_told_to_stop_writes_no_byte(departing_client: CarrierClient, server: RawServer) -> None:
    with pytest.raises(SlotMissed):
        place(departing_client, Departure(100.3, lambda: 100.0, lambda seconds: True))
    place(departing_client)
    assert len(server.requests) == 1


def test_errands_are_held_to_their_slots_as_well(departing_client: CarrierClient, server: RawServer) -> None:
    late = FakeTime().departure(99)
    with pytest.raises(SlotMissed):
        departing_client.withdraw(departing_client.prepare_withdrawal("sid"), late)
    with pytest.raises(SlotMissed):
        departing_client.change(departing_client.prepare_keeping("file"), late)
    with pytest.raises(SlotMissed):
        list(departing_client.waiting_calls(departing_client.prepare_waiting_calls(), late))
    assert server.received == b""


def test_a_connection_that_takes_longer_than_the_slot_allows_sends_nothing(
    departing_client: CarrierClient, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def slowly(*arguments: Any) -> Any:
        time.sleep(0.3)
        return resolve(*arguments)

    if server.tls:
        server.handshake_s = 0.3
    else:
        monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with pytest.raises(SlotMissed):
        place(departing_client, Departure(time.monotonic() + 0.1, time.monotonic, time.sleep))
    assert isinstance(place(departing_client), Accepted)
    assert (len(server.requests), server.connections) == (1, 1)  # what was made for the lost slot serves the next


# --- Connections that are gone ---------------------------------------------------------------------------------------


def test_a_connection_that_is_closed_while_its_slot_is_waited_for_costs_no_call(
    departing_client: CarrierClient, server: RawServer
) -> None:
    place(departing_client)
    for _ in range(3):
        time_ = FakeTime(meanwhile=lambda: close_all(server))
        assert isinstance(place(departing_client, time_.departure(100.3)), Accepted)
        assert isinstance(place(departing_client), Accepted)
    assert (len(server.requests), server.connections) == (7, 4)


def test_a_new_connection_in_place_of_a_closed_one_may_be_too_late(
    departing_client: CarrierClient, server: RawServer
) -> None:
    time_ = FakeTime()

    def closed_and_late() -> None:
        close_all(server)
        time_.at += 0.011

    time_.meanwhile = closed_and_late
    place(departing_client)
    with pytest.raises(SlotMissed):
        place(departing_client, time_.departure(100.3))
    time.sleep(0.05)  # TLS tickets come in meanwhile: the connection is as good as before
    assert isinstance(place(departing_client), Accepted)
    assert (len(server.requests), server.connections) == (2, 2)


def test_what_was_sent_over_a_kept_connection_is_never_sent_again(
    departing_client: CarrierClient, server: RawServer
) -> None:
    place(departing_client)

    def hang_up(connection: socket.socket) -> None:
        server.open[0].shutdown(socket.SHUT_RDWR)

    server.say = hang_up
    assert isinstance(place(departing_client), Unknown)
    assert (len(server.requests), server.connections) == (2, 1)
    server.say = PLACED
    assert isinstance(place(departing_client), Accepted)
    assert len(server.requests) == 3


def test_a_client_that_is_closed_hangs_up(departing_client: CarrierClient, server: RawServer) -> None:
    place(departing_client)
    departing_client.close()
    deadline = time.monotonic() + 10
    while server.open[0].fileno() >= 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("server", ["https"], indirect=True)
def test_a_stranger_gets_no_call(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the authorities that everyone trusts do not know this one
    with CarrierClient(configuration()) as client:
        outcome = place(client)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.THIS_HOST
    assert (server.connections, server.received) == (1, b"")


# --- Authorities, as whoever knows `requests` names them -------------------------------------------------------------


@pytest.mark.parametrize("server", ["https"], indirect=True)
@pytest.mark.parametrize("in_a_folder", [False, True])
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_names_the_authorities(
    server: RawServer, certificate: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, in_a_folder: bool
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    if in_a_folder:  # where OpenSSL finds them by the hash of their names
        digest = subprocess.run(
            ["openssl", "x509", "-hash", "-noout", "-in", certificate], check=True, capture_output=True, text=True
        )
        shutil.copy(certificate, tmp_path / f"{digest.stdout.strip()}.0")
    monkeypatch.setenv(name, str(tmp_path if in_a_folder else certificate))
    with CarrierClient(configuration()) as client:
        assert isinstance(place(client), Accepted)


@pytest.mark.parametrize("server", ["https"], indirect=True)
def test_authorities_that_cannot_be_read_are_named(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").touch()
    for file in ("empty.pem", "missing.pem"):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / file))
        with pytest.raises(ConfigurationError, match=f"^REQUESTS_CA_BUNDLE: .*{file}.* cannot be read"):
            CarrierClient(configuration())
    assert server.connections == 0
