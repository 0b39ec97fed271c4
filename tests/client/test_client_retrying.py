"""What the client sends again, and what it never does; against a server that answers as a script says."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from blast_api_client import ApiError, Client, NoAnswer, NotFound, Retrying, ServerTrouble, Throttled, UnexpectedAnswer
from blast_api_client.retrying import asked_s
from tests.kits.raw_server import RawServer, Say, answer, raw_server

SOON = Retrying(base_s=0.001)
NOT_FOUND = answer(b'{"detail": "Not found.", "code": "not_found"}', status="404 Not Found")
ENTRY = b'[{"number": "15555551010", "created": "2030-01-31T12:00:00Z", "by": "api", "call": null}]'
RECORDING = (
    b'{"id": 1, "created": "2030-01-31T12:00:00Z", "title": "", "userdata": "u", "source": "text", "length": 1,'
    b' "estimated": false, "text": "hello", "url": ""}'
)


def trouble(status: int, code: str = "error", *, retry_after: str = "") -> Say:
    head = "Content-Type: application/json" + (f"\r\nRetry-After: {retry_after}" if retry_after else "")
    return answer(f'{{"detail": "No.", "code": "{code}"}}'.encode(), status=f"{status} Trouble", head=head)


def hang_up(connection: socket.socket) -> None:
    """The answer is lost: whatever the request did is done."""
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def scripted(*says: Say, retrying: Retrying = SOON) -> Iterator[tuple[Client, RawServer]]:
    """A client of a server that says one thing after another."""
    left = list(says)
    with (
        raw_server(lambda connection: left.pop(0)(connection)) as server,
        Client(server.url, "secret", retrying=retrying, timeout_s=10) as client,
    ):
        yield client, server


def listing(blast: Client) -> object:
    return [entry.number for entry in blast.dnc.list(userdata="u")]


def deleting(blast: Client) -> None:
    blast.recordings.delete(1)


def speaking(blast: Client) -> object:
    return blast.recordings.say("hello", userdata="u").id


@pytest.mark.parametrize("first", [hang_up, trouble(500), trouble(502), trouble(503, retry_after="0"), trouble(504)])
def test_what_changes_nothing_is_asked_again(first: Say) -> None:
    with scripted(first, answer(ENTRY)) as (blast, server):
        assert listing(blast) == ["15555551010"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("first", [hang_up, trouble(500), trouble(502), trouble(503), trouble(504)])
def test_what_may_have_been_done_is_not_done_again(first: Say) -> None:
    with scripted(first) as (blast, server), pytest.raises((NoAnswer, ServerTrouble)):
        speaking(blast)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "first", [trouble(429), trouble(429, "throttled", retry_after="0"), trouble(503, "not-stored")]
)
def test_what_surely_was_not_done_is_done_again(first: Say) -> None:
    with scripted(first, answer(RECORDING, status="201 Created")) as (blast, server):
        assert speaking(blast) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 501, 507])
@pytest.mark.parametrize("ask", [listing, speaking])
def test_what_is_refused_is_not_asked_again(status: int, ask: Callable[[Client], object]) -> None:
    with scripted(trouble(status, "no")) as (blast, server), pytest.raises(ApiError) as refused:
        ask(blast)
    assert (refused.value.status, refused.value.detail, refused.value.code) == (status, "No.", "no")
    assert len(server.requests) == 1


def test_a_shout_keeps_its_key_over_all_attempts_and_the_next_has_another() -> None:
    says: Sequence[Say] = [hang_up, trouble(503), trouble(409, "no"), trouble(409, "no")]
    with scripted(*says) as (blast, server):
        for _ in range(2):
            with pytest.raises(ApiError):
                blast.shouts.create(userdata="u", text="hello", recipients=["15555551010"])
    keys = [re.findall(r"(?i)^idempotency-key: (\S+)", request, re.MULTILINE)[0] for request in server.requests]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


def test_a_key_of_the_applications_own_is_sent() -> None:
    with scripted(trouble(409, "no")) as (blast, server), pytest.raises(ApiError):
        blast.shouts.create(userdata="u", text="hello", recipients=[], idempotency_key="order-7")
    assert "idempotency-key: order-7" in server.requests[0].lower()


def test_what_is_gone_after_a_lost_answer_is_deleted() -> None:
    with scripted(hang_up, NOT_FOUND) as (blast, _):
        deleting(blast)
    for says in ((NOT_FOUND,), (trouble(429), NOT_FOUND)):  # who deletes what never was is told
        with scripted(*says) as (blast, _), pytest.raises(NotFound):
            deleting(blast)


def test_it_gives_up() -> None:
    thrice = Retrying(attempts=3, base_s=0.001)
    with scripted(*[hang_up] * 3, retrying=thrice) as (blast, server), pytest.raises(NoAnswer) as lost:
        listing(blast)
    assert lost.value.was_sent
    assert len(server.requests) == 3


def test_nobody_there_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with Client(url, retrying=SOON) as blast, pytest.raises(NoAnswer) as nobody:
        speaking(blast)
    assert not nobody.value.was_sent


def test_an_answer_of_somebody_else_is_no_answer_of_the_service() -> None:
    elsewhere = answer(b"", status="302 Found", head="Location: http://127.0.0.1:9/")
    for says in (elsewhere, answer(b"<html>"), answer(b'[{"number": 7}]')):
        with scripted(says) as (blast, server), pytest.raises(UnexpectedAnswer):
            listing(blast)
        assert len(server.requests) == 1
    with scripted(answer(b"<html>", status="403 Forbidden")) as (blast, _), pytest.raises(ApiError, match="403"):
        listing(blast)


def test_the_token_follows_no_link_to_another_host() -> None:
    elsewhere = 'Link: <http://127.0.0.1:9/api/v1/dnc?userdata=u&limit=1&before=5>; rel="next"'
    with scripted(answer(ENTRY, head=elsewhere), answer(ENTRY)) as (blast, server):
        assert listing(blast) == ["15555551010"] * 2
    assert server.requests[1].startswith("GET /api/v1/dnc?userdata=u&limit=1&before=5 ")


def wait_s(attempt: int, **told: object) -> float | None:
    given: dict[str, object] = {"repeatable": True, "status": None} | told
    return Retrying().again_in_s(attempt, **given)  # type: ignore[arg-type]  # a table of them


def test_waits_grow_and_no_two_clients_wait_alike() -> None:
    for attempt, most in enumerate((0.5, 1, 2, 4), start=1):
        waits = {wait_s(attempt) for _ in range(200)}
        assert len(waits) > 100
        assert max(wait or 0 for wait in waits) <= most
    assert wait_s(5) is None


def test_the_service_says_how_long_to_wait() -> None:
    waits = [wait_s(1, status=429, asked_s=7.0) for _ in range(50)]
    assert all(wait and 7 <= wait <= 8 for wait in waits)
    assert wait_s(1, status=429, asked_s=61.0) is None  # the application can do something else meanwhile
    with scripted(trouble(429, "throttled", retry_after="61")) as (blast, _), pytest.raises(Throttled) as told:
        speaking(blast)
    assert told.value.retry_after_s == 61


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("12", 12.0), ("Thu, 31 Jan 2030 12:00:30 GMT", 30.0), ("Thu, 31 Jan 2030 11:00:00 GMT", 0.0)]
    + [(bad, None) for bad in ("", "soon", "-1", "1.5")],
)
def test_a_time_to_wait_is_read(header: str | None, seconds: float | None) -> None:
    assert asked_s(header, datetime(2030, 1, 31, 12, tzinfo=UTC)) == seconds
