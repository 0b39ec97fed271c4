"""Idempotency-Key on POST /shouts: the same request twice is one shout."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import requests
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from blast_api.models import Call, Message
from blast_api.services import sweeps
from tests.kits import factories
from tests.kits.rest import body, code, created, faults, post

KEY = {"Idempotency-Key": "4f0c"}
REPLAYED = "Idempotent-Replayed"


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]


def test_the_same_request_again_gives_the_same_shout_marked_as_a_replay(client: Client) -> None:
    first = post(client, body(), **KEY)
    again = post(client, body(), **KEY)
    assert created(first) == created(again)
    assert REPLAYED not in first
    assert again[REPLAYED] == "true"
    assert Message.objects.count() == 1
    assert Call.objects.count() == 2


def test_the_same_body_in_another_encoding_is_the_same(client: Client) -> None:
    text = json.dumps(body())
    first = created(post(client, text, **KEY))
    for encoding in ("utf-8-sig", "utf-16", "utf-32-be"):
        again = post(client, text.encode(encoding), **KEY)
        assert again[REPLAYED] == "true"
        assert created(again) == first


def test_a_replay_shows_the_shout_as_it_is_now(client: Client) -> None:
    first = created(post(client, body(), **KEY))
    client.delete(f"/api/v1/shouts/{first['id']};cancel")
    assert created(post(client, body(), **KEY))["status"] == "canceled"


def test_another_body_with_the_same_key_is_422(client: Client) -> None:
    created(post(client, body(), **KEY))
    assert code(post(client, body(title="other"), **KEY)) == (422, "idempotency-key-reused")
    assert code(post(client, {}, **KEY)) == (422, "idempotency-key-reused")
    assert Message.objects.count() == 1


def test_the_same_body_in_another_order_or_spacing_is_the_same(client: Client) -> None:
    told = body()
    created(post(client, told, **KEY))
    turned = json.dumps(dict(reversed(told.items())), indent=3)
    assert post(client, turned, **KEY)[REPLAYED] == "true"


def test_without_a_key_the_same_request_makes_another_shout(client: Client) -> None:
    assert created(post(client, body()))["id"] != created(post(client, body()))["id"]


def test_another_key_makes_another_shout(client: Client) -> None:
    created(post(client, body(), **KEY))
    created(post(client, body(), **{"Idempotency-Key": "4F0C"}))
    assert Message.objects.count() == 2


def test_a_refused_request_does_not_use_up_the_key(client: Client) -> None:
    assert faults(post(client, body(caller="me"), **KEY))
    assert REPLAYED not in post(client, body(), **KEY)


@pytest.mark.parametrize("key", ["", "a" * 256, "a\tb", "a\0b"])
def test_a_key_that_cannot_be_kept_is_named(client: Client, key: str) -> None:
    assert set(faults(post(client, body(), **{"Idempotency-Key": key}))) == {"Idempotency-Key"}
    assert not Message.objects.exists()


def test_a_long_key_is_kept_whole(client: Client) -> None:
    created(post(client, body(), **{"Idempotency-Key": "a" * 255}))
    assert post(client, body(), **{"Idempotency-Key": "a" * 255})[REPLAYED] == "true"
    assert REPLAYED not in post(client, body(), **{"Idempotency-Key": "a" * 254})


def test_a_replay_after_its_schedule_has_passed_is_still_a_replay(client: Client) -> None:
    told = body(schedule=(timezone.now() + timedelta(minutes=5)).isoformat())
    first = created(post(client, told, **KEY))
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        again = post(client, told, **KEY)
        assert created(again)["id"] == first["id"]
        assert again[REPLAYED] == "true"
        assert set(faults(post(client, told))) == {"schedule"}


def test_each_application_has_keys_of_its_own(client: Client) -> None:
    for token in ("first", "second"):
        factories.application_with_token(token)
        answer = post(client, body(), Authorization=f"Token {token}", **KEY)
        assert REPLAYED not in answer
        created(answer)
    assert Message.objects.count() == 2


def test_two_applications_with_the_same_user_and_key_replay_their_own(client: Client) -> None:
    shouts = {}
    for token in ("first", "second"):
        factories.application_with_token(token)
        shouts[token] = created(post(client, body(title=token), Authorization=f"Token {token}", **KEY))
    for token, shout in shouts.items():
        again = post(client, body(title=token), Authorization=f"Token {token}", **KEY)
        assert again[REPLAYED] == "true"
        assert created(again)["id"] == shout["id"]


# --- Keys expire -----------------------------------------------------------------------------------------------------


def _aged(hours: float, **fields: object) -> None:
    Message.objects.filter(**fields).update(created=timezone.now() - timedelta(hours=hours))


def test_a_key_that_has_expired_is_new_before_any_sweep(client: Client, settings: Settings) -> None:
    settings.IDEMPOTENCY_KEY_WINDOW = 2
    first = created(post(client, body(), **KEY))
    _aged(1.9)
    assert created(post(client, body(), **KEY))["id"] == first["id"]
    _aged(2.1)
    second = post(client, body(title="other"), **KEY)
    assert created(second)["id"] != first["id"]
    assert REPLAYED not in second
    assert post(client, body(title="other"), **KEY)[REPLAYED] == "true"
    assert code(post(client, body(), **KEY)) == (422, "idempotency-key-reused")
    assert Message.objects.get(pk=first["id"]).idempotency_key is None


def test_an_expired_key_is_not_freed_by_a_request_that_is_refused(client: Client) -> None:
    created(post(client, body(), **KEY))
    _aged(25)
    assert faults(post(client, body(old_shout_id=7), **KEY))
    assert Message.objects.get().idempotency_key == "4f0c"


def test_an_expired_key_of_another_application_is_left_alone(client: Client) -> None:
    for token in ("first", "second"):
        factories.application_with_token(token)
        created(post(client, body(title=token), Authorization=f"Token {token}", **KEY))
    _aged(25)
    created(post(client, body(title="first"), Authorization="Token first", **KEY))
    assert Message.objects.get(title="second").idempotency_key == "4f0c"


def test_the_sweep_forgets_what_has_expired_and_nothing_else(client: Client) -> None:
    for key in ("old", "new"):
        created(post(client, body(title=key), **{"Idempotency-Key": key}))
    _aged(25, title="old")
    assert sweeps.forget(timezone.now()) == 1
    assert sweeps.forget(timezone.now()) == 0
    old, new = Message.objects.get(title="old"), Message.objects.get(title="new")
    assert (old.idempotency_key, old.request_digest) == (None, "")
    assert new.idempotency_key == "new"
    assert len(new.request_digest) == 64


def test_the_sweep_takes_a_bounded_number_at_once() -> None:
    application, long_ago = factories.application(), timezone.now() - timedelta(days=2)
    Message.objects.bulk_create(
        Message(application=application, userdata="user", caller="1", created=long_ago, idempotency_key=str(index))
        for index in range(1200)
    )
    assert [sweeps.forget(timezone.now()) for _ in range(4)] == [500, 500, 200, 0]


def test_the_sweep_finds_its_shouts_by_their_own_index() -> None:
    application, long_ago = factories.application(), timezone.now() - timedelta(days=2)
    messages = (
        Message(
            application=application,
            userdata="user",
            caller="1",
            created=long_ago,
            idempotency_key=str(index) if index % 500 == 0 else None,
        )
        for index in range(5000)
    )
    Message.objects.bulk_create(messages, batch_size=1000)  # PostgreSQL has a limit of parameters
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    expired = Message.objects.with_expired_key(timezone.now() - timedelta(days=1))
    assert "message_with_key" in expired.order_by("created").values_list("pk", flat=True)[:500].explain()


# --- At once ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("expired_before", [False, True])
def test_two_requests_at_once_make_one_shout(live_server: LiveServer, expired_before: bool) -> None:
    if expired_before:
        factories.message(idempotency_key=KEY["Idempotency-Key"], created=timezone.now() - timedelta(days=2))
    together = Barrier(4)

    def send(_: int) -> requests.Response:
        together.wait(timeout=10)
        return requests.post(f"{live_server.url}/api/v1/shouts", json=body(), headers=KEY, timeout=30)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.headers.get(REPLAYED, "") for answer in answers) == ["", "true", "true", "true"]
    made = Message.objects.get(idempotency_key=KEY["Idempotency-Key"])
    assert made.pk == answers[0].json()["id"]
    assert Message.objects.count() == 1 + expired_before
    assert Call.objects.count() == 2
