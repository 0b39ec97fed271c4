"""DELETE /shouts/{id};cancel: once, again, too late, and what is no cancel."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, LogKind, Message
from blast_api.simulator import Carrier
from tests.kits import factories
from tests.kits.callbacks import lines, rows
from tests.kits.records import unwritten
from tests.kits.rest import body, code, content, created, post

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shut_gate"),
]  # what an ending leaves is done after its commit

OPEN = ["pending", "ready", "scheduled", "ongoing"]


def shout(status: str, *calls: str) -> Message:
    message = factories.message(status=status, started=timezone.now())
    factories.author_call(message, recorded=status != "pending")
    for call in calls:
        factories.call(message, status=call)
    return message


def path(message: Message) -> str:
    return f"/api/v1/shouts/{message.pk};cancel"


@pytest.mark.parametrize("status", OPEN)
def test_an_open_shout_is_canceled_with_all_that_is_not_with_the_carrier(client: Client, status: str) -> None:
    message = shout(status, "ready", "completed", "pending")
    answer = client.delete(path(message))
    told = content(answer)
    assert answer.status_code == 200
    assert (told["id"], told["status"]) == (message.pk, "canceled")
    assert told["calls"] == {"cancelled": 2, "completed": 1}
    assert told["finished"] is not None
    assert [line["status"] for line in lines(LogKind.CDR)] == ["cancelled", "cancelled"]
    assert [line["status"] for line in lines(LogKind.BDR)] == ["canceled"]


def test_canceling_again_is_fine_and_records_nothing_twice(client: Client) -> None:
    message = shout("ongoing", "ready")
    first = content(client.delete(path(message)))
    lines = rows()
    again = client.delete(path(message))
    assert again.status_code == 200
    assert content(again) == first
    assert rows() == lines


@pytest.mark.parametrize("status", [ShoutStatus.FINISHED, ShoutStatus.TIMED_OUT, ShoutStatus.ERROR])
def test_what_has_ended_cannot_be_canceled(client: Client, status: ShoutStatus) -> None:
    message = shout(status, "completed")
    assert code(client.delete(path(message))) == (409, "already-ended")
    message.refresh_from_db()
    assert message.status == status
    assert unwritten() == 0


@pytest.mark.parametrize("method", ["get", "post", "put", "patch"])
def test_nothing_but_delete_cancels(client: Client, method: str) -> None:
    message = shout("ongoing", "ready")
    assert code(getattr(client, method)(path(message))) == (405, "method_not_allowed")
    message.refresh_from_db()
    assert message.status == "ongoing"


@pytest.mark.parametrize("suffix", ["", ";", ";cancel=1", ";cancelled", ";CANCEL", ";cancel/", "/cancel", "?cancel"])
def test_a_delete_that_does_not_say_cancel_is_none(client: Client, suffix: str) -> None:
    message = shout("ongoing", "ready")
    answer = client.delete(f"/api/v1/shouts/{message.pk}{suffix}")
    assert code(answer)[0] in (404, 405)
    message.refresh_from_db()
    assert message.status == "ongoing"
    assert Call.objects.get().status == CallStatus.READY


def test_an_escaped_semicolon_is_one(client: Client) -> None:
    message = shout("ongoing", "ready")
    assert client.delete(f"/api/v1/shouts/{message.pk}%3Bcancel").status_code == 200


def test_a_call_that_the_carrier_may_have_is_not_settled_by_the_cancel(client: Client) -> None:
    message = shout("ongoing")
    ringing = factories.call(message, status="ongoing", sid="0a0a", attempts=1, serial=1)
    told = content(client.delete(path(message)))
    assert (told["status"], told["calls"]) == ("canceled", {"ongoing": 1})
    ringing.refresh_from_db()
    assert ringing.withdrawn is True


def test_a_shout_is_canceled_while_its_author_is_rung(client: Client, carrier: Carrier) -> None:
    made = created(post(client, body()))
    told = content(client.delete(f"/api/v1/shouts/{made['id']};cancel"))
    assert (told["status"], told["calls"]) == ("canceled", {"cancelled": 2})
    assert len(carrier.calls) == 1
