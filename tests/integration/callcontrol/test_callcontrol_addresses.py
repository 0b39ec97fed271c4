"""The token in the address decides: without it nothing happens and nothing is told, with it nobody is turned away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api.callcontrol import documents
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.logs.redaction import LineFormatter
from blast_api.models import Call
from tests.kits.bounded import bounded_anew
from tests.kits.callbacks import STEPS, ask, delivered, path, rows, token_of
from tests.kits.factories import author_call, call, message

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
    "another call's": lambda token, row: token_of(Party.RECIPIENT, row + 1, 1),
    "the other kind's": lambda token, row: token_of(Party.AUTHOR, row, 1),
    "another serial's": lambda token, row: token_of(Party.RECIPIENT, row, 2),
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
    genuine = token_of(Party.RECIPIENT, ringing.pk, 1)
    before = rows()
    for step in STEPS[Party.RECIPIENT]:
        with django_assert_num_queries(0):
            answer = ask(
                client, path(Party.RECIPIENT, ringing.pk, 1, step, token=forge(genuine, ringing.pk)), Digits="5"
            )
        assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize("step", STEPS[Party.AUTHOR])
def test_a_callers_token_opens_no_authors_door(
    client: Client, ringing: Call, step: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = ringing.message_id
    before = rows()
    for token in (
        token_of(Party.RECIPIENT, row, 1),
        token_of(Party.AUTHOR, row, 2),
        token_of(Party.AUTHOR, row + 1, 1),
    ):
        with django_assert_num_queries(0):
            answer = ask(client, path(Party.AUTHOR, row, 1, step, token=token), Digits="2")
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
    token = token_of(Party.RECIPIENT, ringing.pk, 1)
    answer = ask(client, "/api/v1/call-control/" + tail.format(row=ringing.pk, token=token))
    assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize("step", STEPS[Party.RECIPIENT])
def test_the_address_of_an_earlier_attempt_changes_nothing(client: Client, step: str) -> None:
    current = delivered(serial=2)
    before = rows()
    body: dict[str, Any] = {"Digits": "0", "AMDStatus": "HUMAN", "CallStatus": "completed"}
    answer = ask(client, path(Party.RECIPIENT, current.pk, 1, step), **body)
    assert answer.status_code == 200
    assert answer.content == (b"" if step == "status" else documents.hang_up())
    assert rows() == before


def test_a_wish_for_no_more_calls_counts_on_any_genuine_address(client: Client) -> None:
    current = delivered(serial=7)
    answer = ask(client, path(Party.RECIPIENT, current.pk, 3, "key"), Digits="5")
    assert answer.status_code == 200
    assert rows()["DoNotCallNumber"] == [(current.message.userdata, current.number)]


@pytest.mark.parametrize("step", STEPS[Party.AUTHOR])
def test_the_address_of_an_earlier_ring_of_the_author_changes_nothing(client: Client, step: str) -> None:
    shout = message(status=ShoutStatus.PENDING)
    author_call(shout, state=RecordingState.RECORDED, serial=2, take=1, file_sid="f", url="http://x/f.wav")
    call(shout)
    before = rows()
    body: dict[str, Any] = {"Digits": "2", "CallStatus": "failed", "RecordingUrl": "http://x", "RecordingFileSid": "g"}
    answer = ask(client, path(Party.AUTHOR, shout.pk, 1, step), **body)
    assert answer.status_code == 200
    assert rows() == before


@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind in Party for step in STEPS[kind]])
def test_the_address_of_a_row_that_is_gone_is_dead(client: Client, kind: Party, step: str) -> None:
    before = rows()
    for digits in ("", "0", "1", "2", "3", "5", "7", "*"):
        answer = ask(client, path(kind, 4_000_000, 1, step), Digits=digits, CallStatus="completed", AMDStatus="HUMAN")
        assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize("over", ["the carrier said so", "its shout ended"])
@pytest.mark.parametrize("step", STEPS[Party.AUTHOR])
def test_the_author_s_address_is_dead_long_after_the_call(client: Client, step: str, over: str) -> None:
    thirteen_hours_ago = timezone.now() - timedelta(hours=13)
    ended = {"ended": thirteen_hours_ago} if over == "the carrier said so" else {}
    shout = message(status=ShoutStatus.CANCELED, finished=thirteen_hours_ago)
    author_call(shout, state=RecordingState.RECORDED, serial=1, take=1, **ended)
    before = rows()
    answer = ask(client, path(Party.AUTHOR, shout.pk, 1, step), Digits="2", CallStatus="completed")
    assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


def test_an_hour_is_left_however_short_the_window(client: Client, settings: Settings) -> None:
    settings.MESSAGE_TIMEOUT_CHECK_WINDOW = 0
    ended = delivered(serial=1, status=CallStatus.COMPLETED, finished=timezone.now() - timedelta(minutes=59))
    assert ask(client, path(Party.RECIPIENT, ended.pk, 1, "key"), Digits="5").status_code == 200
    assert rows()["DoNotCallNumber"] == [(ended.message.userdata, ended.number)]


# --- Whose call it is, by the carrier's own names --------------------------------------------------------------------

OURS = {"EndpointSid": "0A0A-endpoint", "PartnerSid": "0b0b-partner", "AccountSid": ""}


@pytest.mark.parametrize("step", STEPS[Party.RECIPIENT])
@pytest.mark.parametrize("other", [{"EndpointSid": "another"}, {"PartnerSid": "another"}])
def test_a_callback_of_another_endpoint_or_partner_is_refused(
    client: Client, settings: Settings, ringing: Call, step: str, other: dict[str, str]
) -> None:
    told = {"Digits": "5", "CallStatus": "completed", "AMDStatus": "HUMAN"}
    before = rows()
    settings.CARRIERX_SIDS = OURS
    answer = ask(client, path(Party.RECIPIENT, ringing.pk, 1, step), **told | OURS | other)
    assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == before


@pytest.mark.parametrize(
    ("configured", "named"),
    [
        (OURS, {"EndpointSid": "0a0a-ENDPOINT", "PartnerSid": "0b0b-partner"}),
        (OURS, {"AccountSid": ""}),
        (OURS, {"EndpointSid": None, "PartnerSid": "", "AccountSid": "anything"}),
        (OURS, {}),
        ({}, {"EndpointSid": "another", "PartnerSid": "another", "AccountSid": "another"}),
    ],
)
def test_a_callback_that_names_no_other_is_taken(
    client: Client, settings: Settings, ringing: Call, configured: dict[str, str], named: dict[str, object]
) -> None:
    settings.CARRIERX_SIDS = configured
    assert (
        ask(client, path(Party.RECIPIENT, ringing.pk, 1, "status"), CallStatus="completed", **named).status_code == 200
    )
    assert Call.objects.get().status == CallStatus.NO_ANSWER


# --- What the operator sees ------------------------------------------------------------------------------------------


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the service logs, bounded as it is, but not by what other tests have caused."""
    with bounded_anew():
        yield caplog


def _refusals(logged: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in logged.records if record.__dict__.get("action") == "callback_refused"]


def test_each_refusal_is_logged_with_its_reason_and_whoever_asked(
    client: Client, settings: Settings, ringing: Call, logged: pytest.LogCaptureFixture
) -> None:
    genuine = path(Party.RECIPIENT, ringing.pk, 1, "key")
    client.post("/api/v1/call-control/any/where", REMOTE_ADDR="192.0.2.1")
    client.post(path(Party.RECIPIENT, ringing.pk, 1, "key", token="A" * 27), REMOTE_ADDR="192.0.2.2")
    settings.CARRIERX_SIDS = OURS
    ask(client, genuine, EndpointSid="another")
    Call.objects.update(status=CallStatus.COMPLETED, finished=timezone.now() - timedelta(days=1))
    ask(client, genuine)
    assert [(record.__dict__["reason"], record.__dict__["peer"]) for record in _refusals(logged)] == [
        ("no address of ours", "192.0.2.1"),
        ("forged", "192.0.2.2"),
        ("of another endpoint, account or partner", "127.0.0.1"),
        ("its call is long over", "127.0.0.1"),
    ]
    lines = "".join(LineFormatter().format(record) for record in logged.records)
    assert "/key" in lines
    assert token_of(Party.RECIPIENT, ringing.pk, 1) not in lines


def test_strangers_cannot_fill_the_log(client: Client, settings: Settings, logged: pytest.LogCaptureFixture) -> None:
    settings.ALLOWED_HOSTS = ["blast.example"]
    for number in range(300):
        client.post(f"/api/v1/call-control/calls/{number}/1/{'A' * 27}/key", HTTP_HOST="blast.example")
        client.get("/api/v1/shouts", HTTP_HOST="a.stranger.example")
        client.get("/api/v1/nowhere", HTTP_HOST="blast.example")
    assert len(_refusals(logged)) == 10
    assert len(logged.records) == 20


def test_an_address_made_under_a_former_secret_key_is_good(client: Client, settings: Settings) -> None:
    current = delivered(serial=1)
    old = path(Party.RECIPIENT, current.pk, 1, "answered")
    settings.SECRET_KEY, former = "a new one", settings.SECRET_KEY
    assert ask(client, old).status_code == 403
    settings.SECRET_KEY_FALLBACKS = [former]
    assert ask(client, old).status_code == 200
