"""POST /shouts/{id};pause and ;resume: once, again, too late, and what is neither."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from blast_api.domain.states import ShoutStatus
from blast_api.models import Call, Message
from tests.kits import factories
from tests.kits.rest import code, content, shut_the_gate

pytestmark = pytest.mark.django_db(transaction=True)

OPEN = ["pending", "ready", "scheduled", "ongoing"]


@pytest.fixture(autouse=True)
def _nobody_is_rung() -> None:
    shut_the_gate()


def shout(status: str, **fields: object) -> Message:
    message = factories.message(status=status, started=timezone.now(), **fields)
    factories.author_call(message, recorded=status != "pending")
    return message


def path(message: Message, what: str) -> str:
    return f"/api/v1/shouts/{message.pk};{what}"


@pytest.mark.parametrize("status", OPEN)
def test_an_open_shout_is_paused_and_goes_on_where_it_was(client: Client, status: str) -> None:
    message = shout(status)
    answer = client.post(path(message, "pause"))
    told = content(answer)
    assert (answer.status_code, told["status"], told["paused_because"]) == (200, "paused", "asked")
    assert told["paused_at"] is not None
    answer = client.post(path(message, "resume"))
    told = content(answer)
    assert (answer.status_code, told["status"]) == (200, status)
    assert (told["paused_at"], told["paused_because"]) == (None, None)


def test_each_again_is_fine_and_changes_nothing(client: Client) -> None:
    message = shout("ongoing")
    first = content(client.post(path(message, "pause")))
    assert content(client.post(path(message, "pause"))) == first
    resumed = content(client.post(path(message, "resume")))
    for _ in range(10):
        again = content(client.post(path(message, "resume")))
        assert again | {"expected_finish": None} == resumed | {"expected_finish": None}  # which moves with the clock


@pytest.mark.parametrize("status", sorted(set(ShoutStatus.values) - set(OPEN)))
@pytest.mark.parametrize("what", ["pause", "resume"])
def test_what_has_ended_is_neither_paused_nor_resumed(client: Client, status: str, what: str) -> None:
    message = shout(status)
    assert code(client.post(path(message, what))) == (409, "already-ended")
    assert Message.objects.get().paused_at is None


def test_a_paused_shout_that_is_canceled_says_so_and_no_more_that_it_is_paused(client: Client) -> None:
    message = shout("ongoing")
    factories.call(message, status="ready")
    client.post(path(message, "pause"))
    told = content(client.delete(path(message, "cancel")))
    assert (told["status"], told["paused_at"], told["calls"]) == ("canceled", None, {"cancelled": 1})
    assert code(client.post(path(message, "resume"))) == (409, "already-ended")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
@pytest.mark.parametrize("what", ["pause", "resume"])
def test_nothing_but_post_does_either(client: Client, method: str, what: str) -> None:
    message = shout("ongoing")
    assert code(getattr(client, method)(path(message, what))) == (405, "method_not_allowed")
    assert Message.objects.get().paused_at is None


def test_nobody_pauses_the_shout_of_another_application(client: Client) -> None:
    message = shout("ongoing", application=factories.application(name="another"))
    assert client.post(path(message, "pause")).status_code == 404
    assert Message.objects.get().paused_at is None


def test_what_is_left_of_an_ongoing_shout_moves_by_the_time_of_the_pause(client: Client) -> None:
    """Its batches stay apart, and are not all due at once."""
    message, now = shout("ongoing"), timezone.now()
    for position, ahead_s in enumerate((-10, 20)):
        due_at = now + timedelta(seconds=ahead_s)
        factories.call(message, position=position, number=factories.number(position), status="ready", due_at=due_at)
    client.post(path(message, "pause"))
    Message.objects.update(paused_at=now - timedelta(hours=1))
    client.post(path(message, "resume"))
    first, second = Call.objects.order_by("position").values_list("due_at", flat=True)
    assert first is not None
    assert second is not None
    assert second - first == timedelta(seconds=30)
    assert timedelta(0) <= first - (now + timedelta(minutes=59, seconds=50)) < timedelta(minutes=1)
