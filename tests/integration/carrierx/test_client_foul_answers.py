"""Answers that no carrier should give, to every kind of request: what they mean, and that they cost nothing but the answer."""

from __future__ import annotations

import gzip
import json
import random
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from itertools import count

import pytest
from pytest_django import Settings

from blast_api.carrierx.client import (
    Accepted,
    CallOrder,
    CarrierClient,
    CarrierTrouble,
    Outcome,
    Refusal,
    Refused,
    Unknown,
)
from blast_api.conf import configuration
from tests.kits.processes import environment
from tests.kits.raw_server import RawServer, Say, answer, raw_server

ORDER = CallOrder("15555550123", "http://127.0.0.1:9/answered", "http://127.0.0.1:9/status", delay_s=30)
PLACED = b'{"call_sid": "a-sid", "file_sid": "a-file", "items": []}'


def place(client: CarrierClient) -> Outcome:
    return client.place(client.prepare_call(ORDER))


def withdraw(client: CarrierClient) -> Outcome:
    return client.withdraw(client.prepare_withdrawal("a-sid"))


def keep(client: CarrierClient) -> Outcome:
    return client.change(client.prepare_keeping("a-file"))


def look_up(client: CarrierClient) -> Outcome:
    return client.file("a-file")


def list_waiting(client: CarrierClient) -> Outcome:
    """As the dispatcher does: what it cannot have whole is the outcome."""
    try:
        return Accepted("", {"items": list(client.waiting_calls(client.prepare_waiting_calls()))})
    except CarrierTrouble as trouble:
        return trouble.outcome


REQUESTS = [place, withdraw, keep, look_up, list_waiting]
Ask = Callable[[CarrierClient], Outcome]
every_request = pytest.mark.parametrize("ask", REQUESTS)


def asked(ask: Ask, say: Say, settings: Settings) -> tuple[Outcome, RawServer]:
    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration(), connect_timeout_s=1.0, answer_timeout_s=0.5) as client:
            return ask(client), server


def bytes_and_end(sent: bytes) -> Say:
    def say(connection: socket.socket) -> None:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_RDWR)

    return say


# --- Answers that say nothing ----------------------------------------------------------------------------------------

_JSON = "Content-Type: application/json"
_NOTHING = {
    "nothing": bytes_and_end(b""),
    "HTML": answer(b"<html><body>It works!</body></html>", head="Content-Type: text/html"),
    "half a body": bytes_and_end(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + PLACED[:20]),
    "half a chunk": bytes_and_end(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + PLACED[:20]),
    "chunked garbage": bytes_and_end(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    "a negative chunk": bytes_and_end(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n"),
    "an array": answer(b'[{"call_sid": "a-sid", "file_sid": "a-file"}]'),
    "errors": answer(b'{"call_sid": "a-sid", "file_sid": "a-file", "items": [], "errors": [{"code": 1}]}'),
    "no JSON's encoding": answer(b'{"call_sid": "\xff\xfe", "file_sid": "\xff", "items": ["\xff"]}'),
    "nested without end": answer(b'{"call_sid": "a-sid", "a": ' + b"[" * 200_000),
    "nested, and whole": answer(b'{"call_sid": "s", "a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "nested objects": answer(b'{"a":' * 150_000 + b"1" + b"}" * 150_000),
    "a huge integer": answer(b'{"call_sid": "a-sid", "file_sid": "a-file", "items": [], "n": ' + b"9" * 100_000 + b"}"),
    "a gzip of nothing": answer(b"not gzip", head="Content-Encoding: gzip"),
    "half a gzip": bytes_and_end(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 900\r\n\r\n" + gzip.compress(PLACED)[:20]
    ),
    "a hundred encodings": answer(PLACED, head="Content-Encoding: " + ", ".join(["gzip"] * 100)),
    "a line without end": bytes_and_end(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000),
    "headers without end": bytes_and_end(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000),
    "a status of letters": bytes_and_end(b"HTTP/1.1 2OO OK\r\n\r\n"),
    "a status of no class": bytes_and_end(b"HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n"),
    "another protocol": bytes_and_end(b"HTTP/7.7 200 OK\r\nContent-Length: 0\r\n\r\n"),
}


@every_request
@pytest.mark.parametrize("say", _NOTHING.values(), ids=_NOTHING.keys())
def test_an_answer_that_says_nothing_is_no_answer(ask: Ask, say: Say, settings: Settings) -> None:
    outcome, server = asked(ask, say, settings)
    assert isinstance(outcome, Unknown), outcome
    assert len(server.requests) == 1  # never sent again
    assert len(outcome.reason) < 1000
    assert outcome.reason.isprintable()


@pytest.mark.parametrize("ask", [place, keep, look_up, list_waiting])
@pytest.mark.parametrize("body", [b"", b"{}", b'{"call_sid": null, "file_sid": 7, "items": {}}'])
def test_an_answer_without_what_was_asked_for_is_no_answer(ask: Ask, body: bytes, settings: Settings) -> None:
    outcome, _ = asked(ask, answer(body, status="200 OK"), settings)
    assert isinstance(outcome, Unknown), outcome


def test_a_withdrawal_needs_no_body(settings: Settings) -> None:
    for say in (answer(b"", status="204 No Content"), answer(b"", status="200 OK"), answer(b"{}")):
        outcome, _ = asked(withdraw, say, settings)
        assert isinstance(outcome, Accepted)


def test_numbers_that_are_none_hide_nothing(settings: Settings) -> None:
    outcome, _ = asked(place, answer(b'{"call_sid": "a-sid", "a": NaN, "b": -Infinity, "c": 1e999}'), settings)
    assert isinstance(outcome, Accepted)
    assert outcome.sid == "a-sid"


def test_a_list_with_strange_items_tells_those_that_are_none(settings: Settings) -> None:
    items = [{"call_sid": "s"}, None, 7, "x", ["y"], {}]
    say = answer(json.dumps({"items": items}).encode())
    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration()) as client:
            assert list(client.waiting_calls(client.prepare_waiting_calls())) == [{"call_sid": "s"}, {}]


# --- Interim answers -------------------------------------------------------------------------------------------------


@every_request
@pytest.mark.parametrize("interim", [b"101 Switching Protocols", b"102 Processing", b"103 Early Hints", b"199 ?"])
def test_an_interim_answer_is_none_and_the_real_one_answers_no_other_request(
    ask: Ask, interim: bytes, settings: Settings
) -> None:
    """The call that follows must not be given the name of the one before."""
    serial = count(1)

    def say(connection: socket.socket) -> None:
        body = PLACED.replace(b"a-sid", b"sid-%d" % next(serial))
        first = b"HTTP/1.1 %s\r\n\r\n" % interim if b"sid-1" in body else b""
        connection.sendall(first + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration(), answer_timeout_s=2.0) as client:
            first, second = ask(client), place(client)
    assert isinstance(first, Unknown)
    assert isinstance(second, Accepted)
    assert second.sid == "sid-2"


def test_to_go_on_is_no_answer_yet(settings: Settings) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(PLACED), PLACED)
    outcome, _ = asked(place, bytes_and_end(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + body), settings)
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("surplus", [PLACED, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"\r\n\r\n"])
def test_what_comes_after_an_answer_answers_no_other_request(surplus: bytes, settings: Settings) -> None:
    serial = count(1)

    def say(connection: socket.socket) -> None:
        body = PLACED.replace(b"a-sid", b"sid-%d" % next(serial))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body) + surplus)

    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration(), answer_timeout_s=2.0) as client:
            for index in range(1, 4):
                outcome = place(client)
                assert isinstance(outcome, Accepted)
                assert outcome.sid == f"sid-{index}"


# --- Redirects -------------------------------------------------------------------------------------------------------


@every_request
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_no_credentials_go_elsewhere(ask: Ask, status: int, settings: Settings) -> None:
    with raw_server(answer(PLACED)) as elsewhere:
        say = answer(b"", status=f"{status} Moved", head=f"Location: {elsewhere.url}/flexml/v1/calls")
        outcome, server = asked(ask, say, settings)
        assert elsewhere.connections == 0
    assert len(server.requests) == 1
    if status == 303:  # what was posted is done: the call may ring
        assert isinstance(outcome, Unknown)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.reach is Refusal.ALL_OF_US


@pytest.mark.parametrize("status", [408, 425])
def test_a_request_that_came_too_late_or_too_early_may_be_sent_later(status: int, settings: Settings) -> None:
    outcome, _ = asked(place, answer(b"", status=f"{status} ?"), settings)
    assert isinstance(outcome, Refused)
    assert outcome.reach is Refusal.THIS_FOR_NOW


# --- Bodies without measure ------------------------------------------------------------------------------------------

_PEAK = """
import resource, sys
import django
django.setup()
from blast_api.carrierx.client import CarrierClient
from blast_api.conf import configuration
from tests.kits.processes import environment
from tests.integration.carrierx.test_client_foul_answers import REQUESTS, place
with CarrierClient(configuration(), answer_timeout_s=20) as client:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = [ask(client) for ask in REQUESTS * 2]
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, *{type(each).__name__ for each in outcomes})
"""


def _megabytes(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n")
    for _ in range(50):
        connection.sendall(b" " * 1_048_576)


def _a_bomb(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + _BOMB)
    connection.shutdown(socket.SHUT_RDWR)


def _one_line(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(50):
        connection.sendall(b"x" * 1_048_576)


def _gzip(megabytes: int) -> bytes:
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(pack.compress(b" " * 1_048_576) for _ in range(megabytes)) + pack.flush()


_BOMB = _gzip(500)


@pytest.mark.parametrize("say", [_megabytes, _a_bomb, _one_line])
def test_a_body_without_measure_is_read_no_further_than_its_bound(say: Say, settings: Settings) -> None:
    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        command = [sys.executable, "-c", _PEAK]
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=environment(), capture_output=True, text=True, check=True
        )
    grown_kib, *outcomes = done.stdout.split()
    assert outcomes == ["Unknown"]
    assert int(grown_kib) < 24 * 1024


# --- Whatever --------------------------------------------------------------------------------------------------------

_WHOLE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
    b"Retry-After: 7\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 10\r\n\r\n"
)


def test_no_answer_whatever_raises(settings: Settings) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    packed = gzip.compress(PLACED)

    def say(connection: socket.socket) -> None:
        sent = bytearray(_WHOLE + b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))
        for _ in range(chance.randrange(1, 8)):
            place = chance.randrange(len(sent))
            match chance.randrange(4):
                case 0:
                    sent[place] = chance.randrange(256)
                case 1:
                    del sent[place : place + chance.randrange(40)]
                case 2:
                    sent[place:place] = bytes(chance.randrange(256) for _ in range(chance.randrange(20)))
                case _:
                    sent[9:12] = b"%d" % chance.randrange(100, 1000)
        bytes_and_end(bytes(sent))(connection)

    begun = time.monotonic()
    with raw_server(say) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with CarrierClient(configuration(), answer_timeout_s=0.5) as client:
            while time.monotonic() < begun + 3:
                for ask in REQUESTS:
                    assert isinstance(ask(client), Outcome), f"seed {seed}"
