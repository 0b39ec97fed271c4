"""POST /shouts without an author: a recording, a text, what another shout played; and what machines hear, language, transfer."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Message, Recording
from blast_api.simulator import Carrier
from tests.kits import factories, library
from tests.kits.rest import body, content, created, faults, nothing_is_stored, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]

TRANSFER = {"key": "1", "to": "+1 555 555 1000", "concurrent": 3}


def preflight(client: Client, told: dict[str, object]) -> Any:
    return client.post("/api/v1/shouts;preflight", told, content_type="application/json")


@pytest.mark.parametrize("caller", [factories.AUTHOR, None, ...])
def test_a_recording_is_played_without_a_call_to_the_author(client: Client, caller: object) -> None:
    row = library.recording()
    told = created(post(client, body(caller=caller, recording=row.pk)))
    assert (told["recording"], told["voc"]["url"]) == (row.pk, row.url)
    assert told["caller"] == (factories.AUTHOR if caller == factories.AUTHOR else None)
    assert told["status"] == "ready"


def test_a_text_is_spoken_and_goes_with_its_shout(client: Client, carrier: Carrier) -> None:
    library.ours(carrier)
    told = created(post(client, body(caller=..., text="School is closed.", voice="heart")))
    row = Recording.objects.get()
    assert (told["recording"], row.doomed_at, row.lasting) == (row.pk, None, False)
    assert row.file_sid in carrier.files


def test_a_replay_speaks_nothing_again(client: Client, carrier: Carrier) -> None:
    library.ours(carrier)
    answers = [post(client, body(caller=..., text="Hello."), **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1]["Idempotent-Replayed"] == "true"
    assert len(carrier.files) == Recording.objects.count() == 1


def test_what_machines_hear_the_language_and_the_transfer_are_told(client: Client, settings: Settings) -> None:
    settings.VOICE_MENUS = {"es": settings.VOICE_MENU}
    message, machines = library.recording(), library.recording()
    fields = {"recording": message.pk, "language": "es", "transfer": TRANSFER}
    told = created(post(client, body(caller=...) | fields | {"voicemail_recording": machines.pk}))
    assert told["voicemail_recording"] == machines.pk
    assert told["language"] == "es"
    assert told["transfer"] == {"key": "1", "to": "15555551000", "concurrent": 3}
    shout = Message.objects.get()
    assert (shout.voicemail, shout.language, shout.transfer) == (machines, "es", told["transfer"])
    plain = created(post(client, body()))
    assert [plain[name] for name in ("recording", "voicemail_recording", "language", "transfer")] == [None] * 4


def test_a_deleted_recording_is_told_of_no_more(client: Client) -> None:
    row = library.recording(doomed_at=timezone.now())
    shout = factories.message(recording=row, status="finished")
    factories.author_call(shout)
    told = content(client.get(f"/api/v1/shouts/{shout.pk}"))
    assert (told["recording"], told["voc"]["length"]) == (None, row.length_s)


@pytest.mark.parametrize("asks", [post, preflight])
@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({}, "caller"),
        ({"recording": None, "text": None, "old-shout-id": None}, "caller"),
        ({"recording": 1, "text": "Hello."}, "text"),
        ({"recording": 1, "old-shout-id": 1}, "old-shout-id"),
        ({"text": "Hello.", "old-shout-id": 1}, "old-shout-id"),
        ({"recording": 10**6}, "recording"),
        ({"recording": 0}, "recording"),
        ({"recording": "a"}, "recording"),
        ({"caller": factories.AUTHOR, "voicemail_recording": 10**6}, "voicemail_recording"),
        ({"text": ""}, "text"),
        ({"text": "a" * 5001}, "text"),
        ({"text": "Hello.", "voice": "nobody"}, "voice"),
        ({"caller": factories.AUTHOR, "voice": "heart"}, "voice"),
        ({"caller": factories.AUTHOR, "language": "xx"}, "language"),
        ({"caller": factories.AUTHOR, "transfer": "1"}, "transfer"),
        ({"caller": factories.AUTHOR, "transfer": {"to": "15555551000"}}, "transfer.key"),
        ({"caller": factories.AUTHOR, "transfer": {"key": "1"}}, "transfer.to"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"to": "call me"}}, "transfer.to"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"to": "442079460000"}}, "transfer.to"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"key": 1}}, "transfer.key"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"key": "12"}}, "transfer.key"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"concurrent": 0}}, "transfer.concurrent"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"concurrent": True}}, "transfer.concurrent"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"concurrent": 10001}}, "transfer.concurrent"),
        ({"caller": factories.AUTHOR, "transfer": TRANSFER | {"from": "1"}}, "transfer.from"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(client: Client, asks: Any, fields: dict[str, Any], at: str) -> None:
    assert set(faults(asks(client, body(caller=...) | fields))) == {at}
    assert nothing_is_stored()
    assert not Recording.objects.exists()


@pytest.mark.parametrize(("key", "why"), [("0", "0 repeats the message."), ("5", "5 takes the recipient off")])
def test_keys_that_have_a_meaning_are_refused_with_it(client: Client, key: str, why: str) -> None:
    (told,) = faults(post(client, body(transfer=TRANSFER | {"key": key})))["transfer.key"]
    assert told.startswith(why)


def test_a_recording_of_another_user_is_none(client: Client) -> None:
    row = library.recording(userdata="another")
    assert set(faults(post(client, body(recording=row.pk)))) == {"recording"}


def test_preflight_stores_and_speaks_nothing(client: Client) -> None:
    told = content(preflight(client, body(caller=..., text="School is closed today.")))
    assert told["counts"]["call"] == 2
    assert told["estimate"]["assumes"]["recording_length"] in range(1, 6)
    assert nothing_is_stored()
    assert not Recording.objects.exists()
