"""POST /shouts/{id};audition: who may hear a shout first and when, and what a call of it tells."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.domain.times import written
from blast_api.models import Call, Message
from blast_api.services import auditions
from tests.kits import factories
from tests.kits.factories import AUTHOR, USER, number
from tests.kits.rest import CALL_FIELDS, NO_NUMBERS, code, content, faults, shut_the_gate

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer  # a name that only the stubs have

pytestmark = pytest.mark.django_db(transaction=True)

OPEN = [ShoutStatus.READY, ShoutStatus.SCHEDULED, ShoutStatus.ONGOING]
ENDED = sorted(set(ShoutStatus) - {*OPEN, ShoutStatus.PENDING})
TO = number(77)


@pytest.fixture(autouse=True)
def _no_audition_rings() -> None:
    shut_the_gate()


def shout(status: str = ShoutStatus.SCHEDULED, **fields: object) -> Message:
    message = factories.message(status=status, **fields)
    factories.author_call(message, recorded=status != ShoutStatus.PENDING)
    factories.call(message, number=number(1))
    return message


def audition(client: Client, message: Message, to: object = TO) -> Answer:
    return client.post(f"/api/v1/shouts/{message.pk};audition", {"to": to}, content_type="application/json")


def nobody_is_called() -> bool:
    return not Message.objects.exclude(audition_of=None).exists()


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize("paused", [False, True])
def test_an_open_shout_is_played_to_one_number(client: Client, status: str, paused: bool) -> None:
    message = shout(status, paused_at=timezone.now() if paused else None)
    answer = audition(client, message, "+1 (555) 555-0077")
    told = content(answer)
    assert answer.status_code == 202
    assert set(told) == CALL_FIELDS
    assert (told["shout_id"], told["phone"], told["status"]) == (message.pk, TO, "ready")
    assert told["audition"] is True
    shown = content(client.get(f"/api/v1/calls/{told['id']}"))
    assert (shown["shout_id"], shown["phone"], shown["audition"]) == (message.pk, TO, True)
    assert shown["waiting"]["because"] == "carrier"  # whose gate is shut here


def test_it_has_what_is_heard_and_of_the_rules_only_what_machines_get(client: Client) -> None:
    rules = {"machines": "hang up", "window": {"from": "00:00", "to": "00:01", "zone": "UTC"}, "attempts": 9}
    now = timezone.now()
    message = shout(did="15555550000", language="es", delivery=rules, until=now, concurrent_calls=1)
    audition(client, message)
    heard = Message.objects.get(audition_of=message)
    for name in ("application", "userdata", "caller", "did", "recording", "voicemail", "language", "transfer"):
        assert getattr(heard, name) == getattr(message, name)
    assert heard.delivery == {"attempts": 1, "machines": "hang up", "pause_at": None}
    assert (heard.concurrent_calls, heard.author_call.url) == (None, message.author_call.url)
    assert heard.until is not None
    assert timedelta(minutes=9) < heard.until - now < timedelta(minutes=11)


def test_the_author_may_hear_it(client: Client) -> None:
    assert audition(client, shout(), AUTHOR).status_code == 202


def test_what_is_not_recorded_is_not_heard(client: Client) -> None:
    assert code(audition(client, shout(ShoutStatus.PENDING))) == (409, "not-recorded")
    assert nobody_is_called()


@pytest.mark.parametrize("status", ENDED)
def test_what_has_ended_is_not_heard(client: Client, status: str) -> None:
    assert code(audition(client, shout(status))) == (409, "already-ended")
    assert nobody_is_called()


@pytest.mark.parametrize("to", NO_NUMBERS)
def test_what_is_no_number_is_refused(client: Client, to: object) -> None:
    assert list(faults(audition(client, shout(), to))) == ["to"]
    assert nobody_is_called()


@pytest.mark.parametrize("told", [{}, {"number": TO}])
def test_a_number_is_required(client: Client, told: object) -> None:
    answer = client.post(f"/api/v1/shouts/{shout().pk};audition", told, content_type="application/json")
    assert faults(answer) == {"to": ["This field is required."]}


def test_a_number_that_nobody_calls_is_refused(client: Client, settings: Settings) -> None:
    settings.DIDS = [TO]
    assert faults(audition(client, shout())) == {"to": [f"{TO} is the line of whoever calls."]}
    assert nobody_is_called()


def test_a_listed_number_is_refused_for_this_user_alone(client: Client) -> None:
    factories.listed(TO)
    (reason,) = faults(audition(client, shout()))["to"]
    assert reason.startswith(f"{TO} is not called: on the do-not-call list since ")
    assert nobody_is_called()
    assert audition(client, shout(userdata="another")).status_code == 202


def test_outside_the_operators_hours_it_is_refused_and_told_when_they_open(client: Client, settings: Settings) -> None:
    now = timezone.now()
    opens, closes = ((now + timedelta(hours=hours)).replace(second=0, microsecond=0) for hours in (2, 4))
    settings.CALLING_WINDOW = {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "zone": "UTC"}
    message = shout()
    assert faults(audition(client, message)) == {
        "to": [f"{TO} may be called from {written(opens)} on: UTC opens at {opens:%H:%M}."]
    }
    assert nobody_is_called()
    settings.CALLING_WINDOW = {"from": f"{closes:%H:%M}", "to": f"{opens:%H:%M}", "zone": "UTC"}
    assert audition(client, message).status_code == 202


def test_nobody_is_called_of_whose_hours_nothing_is_known(client: Client, settings: Settings) -> None:
    settings.CALLING_WINDOW, settings.FALLBACK_ZONE = {"from": "00:00", "to": "24:00"}, None
    settings.VALID_NUMBER_PATTERN, settings.ALLOWED_REGIONS = r"^\d+$", None
    to = "88216555551"  # a satellite's
    assert faults(audition(client, shout(), to)) == {"to": [f"{to} is not called: no zone of this number is known."]}
    assert nobody_is_called()


def test_a_number_hears_one_audition_of_a_shout_at_a_time(client: Client) -> None:
    message = shout()
    audition(client, message)
    assert faults(audition(client, message)) == {"to": [f"{TO} is being called for an audition of this shout already."]}
    assert audition(client, shout()).status_code == 202
    Message.objects.filter(audition_of=message).update(status=ShoutStatus.FINISHED)
    assert audition(client, message).status_code == 202


def test_three_auditions_of_a_shout_are_under_way_at_most(client: Client) -> None:
    message = shout()
    for index in range(auditions.MOST_OPEN):
        assert audition(client, message, number(70 + index)).status_code == 202
    assert code(audition(client, message)) == (409, "too-many-auditions")
    Message.objects.filter(audition_of=message, calls__number=number(70)).update(status=ShoutStatus.FINISHED)
    assert audition(client, message).status_code == 202


def test_nobody_hears_the_shout_of_another_application(client: Client) -> None:
    message = shout(application=factories.application(name="another"))
    assert code(audition(client, message)) == (404, "not_found")
    assert nobody_is_called()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_nothing_but_post_plays_it(client: Client, method: str) -> None:
    answer = getattr(client, method)(f"/api/v1/shouts/{shout().pk};audition")
    assert code(answer) == (405, "method_not_allowed")


def test_an_audition_is_no_shout_that_anybody_may_ask_for(client: Client) -> None:
    message = shout()
    audition(client, message)
    hidden = Message.objects.get(audition_of=message)
    for method, path in (
        ("get", f"{hidden.pk}"),
        ("delete", f"{hidden.pk};cancel"),
        ("post", f"{hidden.pk};pause"),
        ("post", f"{hidden.pk};resume"),
    ):
        assert code(getattr(client, method)(f"/api/v1/shouts/{path}")) == (404, "not_found")
    assert code(audition(client, hidden)) == (404, "not_found")
    assert code(client.get("/api/v1/calls", {"shout-id": hidden.pk})) == (404, "not_found")
    told = {"userdata": USER, "caller": AUTHOR, "recipients": [number(2)], "old-shout-id": hidden.pk}
    assert list(faults(client.post("/api/v1/shouts", told, content_type="application/json"))) == ["old-shout-id"]


def test_who_cancels_the_shout_cancels_its_auditions(client: Client) -> None:
    message, other = shout(), shout()
    audition(client, message, number(70))
    audition(client, message, number(71))
    audition(client, other)
    assert client.delete(f"/api/v1/shouts/{message.pk};cancel").status_code == 200
    assert set(Message.objects.filter(audition_of=message).values_list("status")) == {(ShoutStatus.CANCELED,)}
    assert set(Call.objects.filter(message__audition_of=message).values_list("status")) == {(CallStatus.CANCELLED,)}
    assert Message.objects.get(audition_of=other).status == ShoutStatus.READY


def test_the_shouts_other_ends_leave_an_audition_to_be_heard(client: Client) -> None:
    message = shout(ShoutStatus.ONGOING)
    audition(client, message)
    client.post(f"/api/v1/shouts/{message.pk};pause")
    assert Message.objects.get(audition_of=message).paused_at is None
