"""The token in the address decides: without it nothing happens and nothing is told, with it nobody is turned away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api.addresses import Kind
from blast_api.callcontrol import documents
from blast_api.models import Call
from blast_api.states import RecordingState, ShoutStatus
from tests.factories import call, message, recording

from .callbacks import DOCUMENT_STEPS, STEPS, ask, delivered, path, rows, token_of

pytestmark = pytest.mark.django_db

Forge = Callable[[str, int], str]

FORGED: dict[str, Forge] = {
    "a wrong one": lambda token, row: "A" * len(token),
    "one with a wrong end": lambda token, row: token[:-1] + ("A" if token[-1] != "A" else "B"),
    "in another case": lambda token, row: token.swapcase(),
    "truncated": lambda token, row: token[:-1],
    "overlong": lambda token, row: token + "A",
    "very long": lambda token, row: token * 500,
    "one letter": lambda token, row: token[:1],
    "padded": lambda token, row: token + "=",
    "another call's": lambda token, row: token_of(Kind.CALL, row + 1, 1),
    "the other kind's": lambda token, row: token_of(Kind.RECORDING, row, 1),
    "another serial's": lambda token, row: token_of(Kind.CALL, row, 2),
    "not ASCII": lambda token, row: "é" * len(token),
}


@pytest.fixture
def ringing() -> Call:
    """A call that every callback would change."""
    return delivered(serial=1)


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused_without_a_query(
    client: Client, ringing: Call, forge: Forge, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    genuine = token_of(Kind.CALL, ringing.pk, 1)
    before = rows()
    for step in STEPS[Kind.CALL]:
        with django_assert_num_queries(0):
            answer = ask(client, path(Kind.CALL, ringing.pk, 1, step, token=forge(genuine, ringing.pk)), Digits="5")
        assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize("step", STEPS[Kind.RECORDING])
def test_a_callers_token_opens_no_authors_door(
    client: Client, ringing: Call, step: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = ringing.message_id
    before = rows()
    for token in (token_of(Kind.CALL, row, 1), token_of(Kind.RECORDING, row, 2), token_of(Kind.RECORDING, row + 1, 1)):
        with django_assert_num_queries(0):
            answer = ask(client, path(Kind.RECORDING, row, 1, step, token=token), Digits="2")
        assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "calls",
        "calls/{row}/1/answered",
        "calls/{row}/1//answered",
        "calls/{row}/1/{token}",
        "calls/{row}/1/{token}/",
        "calls/{row}/1/{token}/welcome",
        "calls/{row}/1/{token}/answered/",
        "calls/-{row}/1/{token}/answered",
        "calls/{row}/{token}/answered",
        "calls/" + "9" * 5000 + "/1/{token}/answered",
        "messages/{row}/1/{token}/answered",
        "../../../calls/{row}/1/x/answered",
    ],
)
def test_what_is_no_address_of_ours_is_refused_like_a_forged_one(client: Client, ringing: Call, tail: str) -> None:
    before = rows()
    token = token_of(Kind.CALL, ringing.pk, 1)
    answer = ask(client, "/api/v1/call-control/" + tail.format(row=ringing.pk, token=token))
    assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize("step", STEPS[Kind.CALL])
def test_the_address_of_an_earlier_attempt_changes_nothing(client: Client, step: str) -> None:
    current = delivered(serial=2)
    before = rows()
    body: dict[str, Any] = {"Digits": "0", "AMDStatus": "HUMAN", "CallStatus": "completed"}
    answer = ask(client, path(Kind.CALL, current.pk, 1, step), **body)
    assert answer.status_code == 200
    assert answer.content == (b"" if step == "status" else documents.hang_up())
    assert rows() == before


def test_a_wish_for_no_more_calls_counts_on_any_genuine_address(client: Client) -> None:
    current = delivered(serial=7)
    answer = ask(client, path(Kind.CALL, current.pk, 3, "key"), Digits="5")
    assert answer.status_code == 200
    assert rows()["DoNotCallNumber"] == [(current.message.userdata, current.number)]


@pytest.mark.parametrize("step", STEPS[Kind.RECORDING])
def test_the_address_of_an_earlier_ring_of_the_author_changes_nothing(client: Client, step: str) -> None:
    shout = message(status=ShoutStatus.PENDING)
    recording(shout, state=RecordingState.RECORDED, serial=2, take=1, file_sid="f", url="http://x/f.wav")
    call(shout)
    before = rows()
    body: dict[str, Any] = {"Digits": "2", "CallStatus": "failed", "RecordingUrl": "http://x", "RecordingFileSid": "g"}
    answer = ask(client, path(Kind.RECORDING, shout.pk, 1, step), **body)
    assert answer.status_code == 200
    assert rows() == before


@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind in Kind for step in STEPS[kind]])
def test_a_row_that_is_gone_still_gets_a_harmless_answer(client: Client, kind: Kind, step: str) -> None:
    before = rows()
    for digits in ("", "0", "1", "2", "3", "5", "7", "*"):
        answer = ask(client, path(kind, 4_000_000, 1, step), Digits=digits, CallStatus="completed", AMDStatus="HUMAN")
        assert answer.status_code == 200
        assert answer.content.endswith(b"<Hangup /></Response>") is (step in DOCUMENT_STEPS[kind])
    assert rows() == before


def test_an_address_made_under_a_former_secret_key_is_good(client: Client, settings: Settings) -> None:
    current = delivered(serial=1)
    old = path(Kind.CALL, current.pk, 1, "answered")
    settings.SECRET_KEY, former = "a new one", settings.SECRET_KEY
    assert ask(client, old).status_code == 403
    settings.SECRET_KEY_FALLBACKS = [former]
    assert ask(client, old).status_code == 200
