"""Whose list an opt-out goes on, and whom it keeps from being called: a user's, or all of an application's."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.events import Answerer, StatusReport
from blast_api.domain.rules.listing import ListedBy
from blast_api.domain.states import CallStatus
from blast_api.models import Call, DoNotCallNumber, Message
from blast_api.services import delivery, dnc
from blast_api.services.dnc import DoNotCallList
from tests.kits import factories
from tests.kits.do_not_call import waiting_with_the_carrier
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


# --- The operator's list ----------------------------------------------------------------------------------------------


def forbidden(*numbers: str) -> None:
    """The operator forbids these numbers to all applications."""
    dnc.put(DoNotCallList(), numbers, by=ListedBy.OPERATOR)


def test_new_shouts_of_all_applications_call_nobody_on_it(client: Client) -> None:
    forbidden(number(1))
    shout = created(post(client, body(recipients=[number(1), number(2)], userdata=OTHER)))
    assert shout["calls"] == {"do not call": 1, "pending": 1}
    (told,) = content(client.get(f"{BASE}/calls?phone={number(1)}&userdata={OTHER}"))
    assert told["reason"].startswith("on the operator's do-not-call list since ")


def test_of_several_entries_the_oldest_is_told() -> None:
    application = factories.application()
    forbidden(number(1))
    factories.listed(number(1))
    factories.listed(number(2), by=ListedBy.API)
    forbidden(number(2))
    why = dnc.why_listed(application.pk, USER, [number(1), number(2), number(3)])
    assert sorted(why) == [number(1), number(2)]
    assert why[number(1)].startswith("on the operator's")
    assert why[number(2)].endswith(", by a request")


def test_the_claim_settles_whom_the_operator_forbids() -> None:
    message = released(2)
    listed = message.calls.earliest("position")
    forbidden(listed.number)
    assert len(claim().jobs) == 1
    listed.refresh_from_db()
    assert listed.status == "do not call"
    assert listed.history.get().reason.startswith("on the operator's do-not-call list since ")


@pytest.mark.parametrize(
    "stage",
    [
        {"status": "ready", "held_since": True},
        {"status": "pending", "sid": "s"},
        {"status": "ongoing", "sid": "s"},
    ],
    ids=lambda stage: str(stage["status"]),
)
def test_nobody_hears_a_message_who_was_forbidden_on_the_way(stage: dict[str, object]) -> None:
    call = released(1).calls.get()
    held = timezone.now() if stage.get("held_since") else None
    call = hold(call, since=timezone.now(), **{**stage, "held_since": held})
    forbidden(call.number)
    attempt = delivery.CallAttempt(call.pk, 1)
    delivery.answered(attempt, now=timezone.now())
    assert delivery.detected(attempt, Answerer.HUMAN, now=timezone.now()) is None
    call.refresh_from_db()
    assert (call.answerer, call.withdrawn) == ("", True)
    delivery.settled(attempt, StatusReport(CallStatus.COMPLETED, "completed", "s", 9, {}), now=timezone.now())
    call.refresh_from_db()
    assert call.status == "do not call"


def test_who_listens_hears_it_out() -> None:
    call = released(1).calls.get()
    call = hold(call, since=timezone.now(), status="ongoing", sid="s", held_since=None)
    attempt = delivery.CallAttempt(call.pk, 1)
    assert delivery.detected(attempt, Answerer.HUMAN, now=timezone.now())
    forbidden(call.number)
    call.refresh_from_db()
    assert (call.answerer, call.withdrawn) == ("HUMAN", False)


def test_preflight_and_an_audition_ask_it(client: Client) -> None:
    forbidden(number(1))
    foretold = content(client.post(f"{BASE}/shouts;preflight", body(), content_type="application/json"))
    assert [(one["number"], one["verdict"]) for one in foretold["recipients"]] == [
        (number(1), "do not call"),
        (number(2), "call"),
    ]
    answer = client.post(f"{BASE}/shouts/{released(1).pk};audition", {"to": number(1)}, "application/json")
    assert "operator" in faults(answer)["to"][0]


def test_a_call_that_a_pause_takes_back_does_not_come_back() -> None:
    call = waiting_with_the_carrier()
    Call.objects.filter(pk=call.pk).update(withdrawn=True, recalled=True)
    forbidden(call.number)
    call.refresh_from_db()
    assert (call.withdrawn, call.recalled) == (True, False)


def test_many_numbers_are_listed_in_parts_and_all_of_them() -> None:
    numbers = [factories.number(index) for index in range(12_000)]
    assert dnc.put(DoNotCallList(), [*numbers, *numbers[:100]], by=ListedBy.OPERATOR) == dnc.Put(12_000, 0)
    assert dnc.put(DoNotCallList(), numbers[5_000:], by=ListedBy.OPERATOR) == dnc.Put(0, 7_000)
    assert [one.number for one in dnc.read(DoNotCallList())] == sorted(numbers)


def test_code_of_before_lists_by_a_key() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO blast_api_donotcallnumber (application_id, userdata, number) VALUES (%s, %s, %s)",
            [factories.application().pk, USER, number(1)],
        )
    assert DoNotCallNumber.objects.get().by == ListedBy.KEY
