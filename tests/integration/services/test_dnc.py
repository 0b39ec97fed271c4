"""Whose list an opt-out goes on, and whom it keeps from being called: a user's, or all of an application's."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Call, DoNotCallNumber, Message
from blast_api.services import delivery, dnc
from tests.kits import factories
from tests.kits.factories import USER, number
from tests.kits.released import claim, hold, released
from tests.kits.rest import BASE, body, content, created, faults, post

pytestmark = pytest.mark.django_db

OTHER = "another user"
SCOPES = pytest.mark.parametrize("scope", ["user", "application"], indirect=True)


@pytest.fixture
def scope(request: pytest.FixtureRequest, settings: Settings) -> str:
    chosen = str(request.param)
    settings.OPT_OUT_SCOPE = chosen
    return chosen


def opted_out() -> Call:
    """Somebody presses 5 in a call of USER's shout."""
    call = factories.call(factories.message(status="ongoing"), number=number(1), status="ongoing", sid="s", serial=1)
    delivery.opt_out(delivery.CallAttempt(call.pk, call.serial), keys="5")
    return call


def waiting_with_the_carrier(**of: object) -> Call:
    message = factories.message(status="ongoing", **of)
    return factories.call(message, number=number(1), status="pending", sid="s", serial=1)


@SCOPES
def test_an_entry_is_of_the_user_or_of_all_and_tells_by_which_call_it_came(scope: str) -> None:
    call = opted_out()
    entry = DoNotCallNumber.objects.get()
    assert (entry.userdata, entry.number, entry.call_id) == ({"user": USER}.get(scope, ""), number(1), call.pk)


@SCOPES
def test_a_second_opt_out_leaves_the_first_entry_as_it_is(scope: str) -> None:
    first, _second = opted_out(), opted_out()
    assert DoNotCallNumber.objects.get().call_id == first.pk


@pytest.mark.parametrize(("scope", "others"), [("user", "pending"), ("application", "do not call")], indirect=["scope"])
def test_new_shouts_call_nobody_whom_the_list_binds(client: Client, scope: str, others: str) -> None:
    opted_out()
    told = [number(1), number(2)]
    assert created(post(client, body(recipients=told)))["calls"] == {"do not call": 1, "pending": 1}
    of_another = created(post(client, body(recipients=told, userdata=OTHER)))
    assert Call.objects.get(message=of_another["id"], number=number(1)).status == others


@pytest.mark.parametrize(("scope", "others"), [("user", False), ("application", True)], indirect=["scope"])
def test_a_call_on_its_way_is_asked_about_once_more(scope: str, others: bool) -> None:
    own, of_another = waiting_with_the_carrier(), waiting_with_the_carrier(userdata=OTHER)
    elsewhere = waiting_with_the_carrier(application=factories.application(name="another"))
    opted_out()
    listed = Call.objects.filter(dnc.listed(), sid="s", status="pending")
    assert set(listed) == ({own, of_another} if others else {own})
    assert elsewhere not in listed


@pytest.mark.parametrize(("scope", "others"), [("user", False), ("application", True)], indirect=["scope"])
def test_what_waits_at_the_carrier_is_taken_back_from_whom_the_list_binds(scope: str, others: bool) -> None:
    own, of_another = waiting_with_the_carrier(), waiting_with_the_carrier(userdata=OTHER)
    waiting_with_the_carrier(application=factories.application(name="another"))
    dnc.recall(own.message.application_id, USER, number(1))
    assert set(Call.objects.filter(withdrawn=True)) == ({own, of_another} if others else {own})


def test_the_claim_calls_nobody_on_the_list_of_all_users(settings: Settings) -> None:
    message = released(2)
    listed = message.calls.earliest("position")
    settings.OPT_OUT_SCOPE = "application"
    dnc.add(message.application_id, OTHER, listed.number)
    assert len(claim().jobs) == 1
    listed.refresh_from_db()
    assert listed.status == "do not call"


def test_nobody_hears_a_message_who_is_on_the_list_of_all_users(settings: Settings) -> None:
    call = released(1).calls.get()
    hold(call, since=timezone.now())
    settings.OPT_OUT_SCOPE = "application"
    dnc.add(call.message.application_id, OTHER, call.number)
    attempt = delivery.CallAttempt(call.pk, 1)
    assert not delivery.answered(attempt, now=timezone.now())


def test_both_lists_hold_whatever_the_operator_says_later(client: Client, settings: Settings) -> None:
    settings.OPT_OUT_SCOPE = "application"
    opted_out()
    settings.OPT_OUT_SCOPE = "user"
    dnc.add(factories.application().pk, OTHER, number(2))
    shout = created(post(client, body(recipients=[number(1), number(2), number(3)], userdata=OTHER)))
    assert shout["calls"] == {"do not call": 2, "pending": 1}


def test_a_users_list_is_told_and_changed_as_ever(client: Client, settings: Settings) -> None:
    factories.listed(number(2))
    settings.OPT_OUT_SCOPE = "application"
    opted_out()
    assert [entry["number"] for entry in content(client.get(f"{BASE}/dnc/{USER}"))] == [number(2)]
    assert client.delete(f"{BASE}/dnc/{USER}/{number(1)}").status_code == 404
    assert DoNotCallNumber.objects.filter(userdata=dnc.ALL_USERS).count() == 1


def test_no_request_can_name_the_user_without_a_name(client: Client) -> None:
    factories.listed(number(1), userdata=dnc.ALL_USERS)
    assert set(faults(post(client, body(userdata=dnc.ALL_USERS)))) == {"userdata"}
    assert set(faults(client.get(f"{BASE}/dnc?userdata="))) == {"userdata"}
    assert set(faults(client.delete(f"{BASE}/dnc?userdata=&number={number(1)}"))) == {"userdata"}
    for path in ("dnc/", f"dnc//{number(1)}"):
        client.delete(f"{BASE}/{path}")
    assert DoNotCallNumber.objects.count() == 1
    assert not Message.objects.exists()
