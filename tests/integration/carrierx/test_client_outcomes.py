"""Every answer to a placement has one of three meanings; whatever may mean that the call was placed is Unknown."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pytest_django import Settings

from blast_api.carrierx.client import Accepted, CallOrder, CarrierClient, Outcome, Refusal, Refused, Unknown
from blast_api.conf import configuration
from blast_api.simulator import Carrier
from tests.kits.raw_server import RawServer, Say, answer, raw_server, trickle

NUMBER = "15555550123"
PLACED = b'{"call_sid": "a-sid"}'


@pytest.fixture
def patient_client(carrier: Carrier) -> Iterator[CarrierClient]:
    """One that gets its answer, however busy the machine is."""
    with CarrierClient(configuration(), connect_timeout_s=30.0, answer_timeout_s=30.0) as client:
        yield client


@pytest.fixture
def hasty_client(carrier: Carrier) -> Iterator[CarrierClient]:
    with CarrierClient(configuration(), connect_timeout_s=1.0, answer_timeout_s=1.0) as client:
        yield client


def place(client: CarrierClient) -> Outcome:
    order = CallOrder(NUMBER, "http://127.0.0.1:9/answered", "http://127.0.0.1:9/status", delay_s=30)
    return client.place(client.prepare_call(order))


def place_at(say: Say, settings: Settings, *, within_s: float = 30.0) -> tuple[Outcome, RawServer]:
    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration(), answer_timeout_s=within_s) as client:
            return place(client), server


# --- Accepted --------------------------------------------------------------------------------------------------------


def test_an_accepted_call_has_the_carriers_sid(
    patient_client: CarrierClient, carrier: Carrier, settings: Settings
) -> None:
    outcome = place(patient_client)
    (call,) = carrier.calls
    assert isinstance(outcome, Accepted)
    assert outcome.sid == call.sid
    assert (call.number, call.caller, call.delay) == (NUMBER, settings.DID, 30)
    assert (call.url, call.spec.method) == ("http://127.0.0.1:9/answered", "POST")
    assert call.spec.status_callback_url == "http://127.0.0.1:9/status"


@pytest.mark.parametrize("status", [200, 201])
def test_every_success_with_a_sid_is_accepted(patient_client: CarrierClient, carrier: Carrier, status: int) -> None:
    carrier.inject("refuse", status=status, body=PLACED.decode())
    outcome = place(patient_client)
    assert isinstance(outcome, Accepted)
    assert outcome.sid == "a-sid"


@pytest.mark.parametrize("head", ["Transfer-Encoding: chunked", "Content-Type: text/plain"])
def test_how_the_answer_is_framed_or_labelled_does_not_matter(settings: Settings, head: str) -> None:
    chunked = f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PLACED), PLACED)
    say = (lambda connection: connection.sendall(chunked)) if "chunked" in head else answer(PLACED, head=head)
    outcome, _ = place_at(say, settings)
    assert outcome == Accepted("a-sid", {"call_sid": "a-sid"})


# --- Refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reach"),
    [
        (400, Refusal.THIS_REQUEST),
        (422, Refusal.THIS_REQUEST),
        (401, Refusal.ALL_OF_US),
        (403, Refusal.THIS_OR_ALL),
        (404, Refusal.ALL_OF_US),
        (405, Refusal.ALL_OF_US),
        (415, Refusal.ALL_OF_US),
        (301, Refusal.ALL_OF_US),
        (307, Refusal.ALL_OF_US),
        (409, Refusal.THIS_FOR_NOW),
        (429, Refusal.FOR_NOW),
        (503, Refusal.FOR_NOW),
    ],
)
def test_a_refusal_tells_how_far_it_reaches(
    patient_client: CarrierClient, carrier: Carrier, status: int, reach: Refusal
) -> None:
    carrier.inject("refuse", status=status)
    outcome = place(patient_client)
    assert isinstance(outcome, Refused)
    assert (outcome.reach, outcome.status, outcome.retry_after_s) == (reach, status, None)
    assert str(status) in outcome.reason
    assert carrier.calls == []


def test_a_redirect_is_not_followed(patient_client: CarrierClient, carrier: Carrier) -> None:
    carrier.inject("redirect", location="/flexml/v1/calls")
    outcome = place(patient_client)
    assert isinstance(outcome, Refused)
    assert (outcome.reach, outcome.status) == (Refusal.ALL_OF_US, 302)
    assert len(carrier.arrivals) == 1


def _date_in(**time: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**time), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        (7, 7, 7),
        ("7.5", 7.5, 7.5),
        (0, 0, 0),
        ("-3", 0, 0),
        (10**9, 3600, 3600),
        ("1e400", 3600, 3600),
        pytest.param(_date_in(seconds=100), 0, 101, id="soon"),
        pytest.param(_date_in(days=-1), 0, 0, id="yesterday"),
        pytest.param(_date_in(days=900), 3600, 3600, id="in years"),
    ],
)
def test_the_carriers_wish_to_wait_is_read_in_both_forms_and_bounded(
    patient_client: CarrierClient, carrier: Carrier, status: int, written: str | int, low: float, high: float
) -> None:
    carrier.inject("refuse", status=status, retry_after=written)
    outcome = place(patient_client)
    assert isinstance(outcome, Refused)
    assert outcome.retry_after_s is not None
    assert low <= outcome.retry_after_s <= high


@pytest.mark.parametrize(
    "written",
    ["", "soon", "nan", "12:", "Mon, 99 Foo 2024", "Mon, 01 Jan 2024 00:00:00 +99999999999999999999", "1" * 5000],
)
def test_a_wish_that_cannot_be_read_does_not_hide_the_refusal(
    patient_client: CarrierClient, carrier: Carrier, written: str
) -> None:
    carrier.inject("refuse", status=429, retry_after=written)
    outcome = place(patient_client)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.FOR_NOW
    assert outcome.retry_after_s in (None, 3600)


def test_a_request_that_never_left_is_refused_by_this_host_alone(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.BASE_CARRIERX_API_URL = f"http://127.0.0.1:{free.getsockname()[1]}"
    with CarrierClient(configuration(), connect_timeout_s=1.0) as client:
        outcome = place(client)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.THIS_HOST


def test_a_name_that_does_not_resolve_is_refused_by_this_host_alone(settings: Settings) -> None:
    settings.BASE_CARRIERX_API_URL = "http://carrier.invalid"
    with CarrierClient(configuration(), connect_timeout_s=1.0) as client:
        outcome = place(client)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.THIS_HOST


def test_a_refusal_with_an_unreadable_body_is_still_a_refusal(settings: Settings) -> None:
    broken = b"HTTP/1.1 422 No\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort"

    def say(connection: socket.socket) -> None:
        connection.sendall(broken)
        connection.shutdown(socket.SHUT_RDWR)

    outcome, _ = place_at(say, settings)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.THIS_REQUEST


def test_what_is_kept_of_a_refusal_fits_into_a_log_and_a_database(settings: Settings) -> None:
    outcome, _ = place_at(answer(b"\x00\x1b[31m\xff" * 10000, status="503 N\x01o"), settings)
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith("503")
    assert len(outcome.reason) < 1000
    assert not any(character < " " or character == "\x7f" for character in outcome.reason)


# --- Unknown ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "drop"},
        {"name": "drop_before"},
        {"name": "late", "seconds": 2.5},
        {"name": "html"},
        {"name": "half"},
        {"name": "huge", "size": 3},
        {"name": "no_sid"},
        *({"name": "refuse", "status": status} for status in (500, 501, 502, 504, 599)),
        *(
            {"name": "refuse", "status": 200, "body": body}
            for body in (
                '{"call_sid": "s", "errors": [{"message": "?"}]}',
                '{"call_sid": "s", "errors": "?"}',
                '{"call_sid": null}',
                '{"call_sid": ""}',
                '{"call_sid": 7}',
                '{"call_sid": ["s"]}',
                '{"call_sid": "%s"}' % ("s" * 65),
                '{"call_sid": "a\\u0000b"}',
                '{"call_sid": "\\ud800"}',
                '[{"call_sid": "s"}]',
                '"s"',
                "null",
                "",
                "[" * 100000,
                '{"call_sid": "s"',
            )
        ),
        {"name": "refuse", "status": 204, "body": ""},
    ],
    ids=lambda fault: str(fault)[:60],
)
def test_an_answer_that_says_nothing_leaves_it_unknown(
    hasty_client: CarrierClient, carrier: Carrier, fault: dict[str, Any]
) -> None:
    carrier.inject(**fault)
    outcome = place(hasty_client)
    assert isinstance(outcome, Unknown), outcome
    assert outcome.reason
    assert len(carrier.arrivals) == 1  # never sent again


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"HTTP/1.1 200 OK\r\nX-Long: ", *[b"x"] * 100], id="headers"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"] * 100, id="interim answers"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", *[b" "] * 100], id="body"),
        pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n"] * 100], id="chunks"),
    ],
)
def test_a_trickling_answer_is_cut_off(settings: Settings, parts: list[bytes]) -> None:
    begun = time.monotonic()
    outcome, _ = place_at(trickle(*parts, seconds=10), settings, within_s=0.5)
    assert isinstance(outcome, Unknown)
    assert time.monotonic() - begun < 4  # the bound is half a second; the rest is a busy machine's


def test_a_late_byte_buys_no_time(settings: Settings) -> None:
    def say(connection: socket.socket) -> None:
        time.sleep(1.7)
        connection.sendall(b"HTTP/1.1 ")  # and nothing more

    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration(), answer_timeout_s=2.0) as client:
            begun = time.monotonic()
            assert isinstance(place(client), Unknown)
            assert time.monotonic() - begun < 3.3


def test_a_refusal_whose_body_trickles_is_still_a_refusal(settings: Settings) -> None:
    parts = [b"HTTP/1.1 422 No\r\nContent-Length: 100000\r\n\r\n", *[b" "] * 100]
    outcome, _ = place_at(trickle(*parts, seconds=10), settings, within_s=2.0)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.THIS_REQUEST


def test_a_compressed_bomb_is_cut_off(settings: Settings) -> None:
    bomb = gzip.compress(b" " * 50_000_000 + PLACED)
    outcome, _ = place_at(answer(bomb, head="Content-Encoding: gzip"), settings)
    assert isinstance(outcome, Unknown)


@pytest.mark.parametrize(
    "sent",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}", b"SSH-2.0-no\r\n\r\n"],
)
def test_what_is_not_http_leaves_it_unknown(settings: Settings, sent: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_RDWR)

    outcome, server = place_at(say, settings)
    assert isinstance(outcome, Unknown)
    assert len(server.requests) == 1
