"""Idempotency-Key on POST /shouts: the same request twice is one shout."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import requests
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from blast_api.models import Call, Message
from tests import factories

from .rest import body, code, content, created, faults, post, shut_the_gate

KEY = {"Idempotency-Key": "4f0c"}
REPLAYED = "Idempotent-Replayed"


@pytest.fixture
def _shut_gate(db: None) -> None:
    shut_the_gate()


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("_shut_gate")]


def test_the_same_request_again_gives_the_same_shout_marked_as_a_replay(client: Client) -> None:
    first = post(client, body(), **KEY)
    again = post(client, body(), **KEY)
    assert created(first) == created(again)
    assert REPLAYED not in first
    assert again[REPLAYED] == "true"
    assert Message.objects.count() == 1
    assert Call.objects.count() == 2


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


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_make_one_shout(live_server: LiveServer) -> None:
    together = Barrier(4)

    def send(_: int) -> requests.Response:
        together.wait(timeout=10)
        return requests.post(f"{live_server.url}/api/v1/shouts", json=body(), headers=KEY, timeout=30)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.headers.get(REPLAYED, "") for answer in answers) == ["", "true", "true", "true"]
    assert Message.objects.count() == 1
    assert Call.objects.count() == 2
    assert content(Client().get("/api/v1/shouts?userdata=user"))[0]["id"] == Message.objects.get().pk
