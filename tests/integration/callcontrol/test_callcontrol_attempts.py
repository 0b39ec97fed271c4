"""More than one attempt, and more than one shout: retries, wishes for no more calls, and calls withdrawn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.callcontrol import documents
from blast_api.carrierx.addresses import address
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, LogKind, Message
from blast_api.services import claiming, delivery, shouts
from tests.kits.callbacks import Callbacks, ask, delivered, lines, path, rows
from tests.kits.factories import application

pytestmark = pytest.mark.django_db

C = CallStatus
NUMBER = "15555550199"
WAITING: dict[str, Any] = {"status": C.PENDING, "sid": "sid", "due_at": timezone.now() + timedelta(hours=1)}
CLAIMED: dict[str, Any] = {"status": C.READY, "held_since": timezone.now(), "due_at": timezone.now(), "sid": ""}


def claimed_again(call: Call) -> Call:
    """The next attempt, as a dispatcher would begin it."""
    with transaction.atomic():
        message = Message.objects.get(pk=call.message_id)
        now = timezone.now()
        (again,) = claiming.claim(message, limit=9, until=now + timedelta(days=1), now=now)
    return again


# --- Tried again -----------------------------------------------------------------------------------------------------


def test_a_failed_call_is_tried_again_as_often_as_the_operator_says(callbacks: Callbacks, settings: Settings) -> None:
    settings.MAX_RETRIES = 2
    call = delivered()
    addresses = set()
    for attempt in (1, 2, 3):
        addresses.add(address(Party.RECIPIENT, call.pk, call.serial, "answered"))
        callbacks.of_call(call, "status", CallStatus="failed", CallDuration=0)
        call.refresh_from_db()
        assert (call.status, call.attempts) == (C.READY if attempt < 3 else C.FAILED, attempt)
        if attempt < 3:
            assert (call.sid, call.started, call.answered, call.finished, call.q850) == ("", None, None, None, None)
            assert call.message.status == ShoutStatus.ONGOING
            call = claimed_again(call)
    assert len(addresses) == 3
    assert [(line["status"], line["num_retries"]) for line in lines(LogKind.CDR)] == [("failed", n) for n in range(3)]
    assert Message.objects.get().status == ShoutStatus.FINISHED


@pytest.mark.parametrize(
    ("statuses", "delay", "word", "waits_s"),
    [
        (("failed",), 0, "failed", 0),
        (("failed",), 90, "failed", 90),
        (("failed",), 0, "busy", None),
        (("failed",), 0, "noanswer", None),
        (("failed",), 0, "app-error", None),
        (("failed",), 0, "completed", None),
        (("failed",), 0, "cancel", None),
        (("busy", "no-answer"), 30, "busy", 30),
        (("busy", "no-answer"), 30, "noanswer", 30),
        (("busy", "no-answer"), 30, "failed", None),
        (("failed", "busy"), {"failed": 5, "busy": 300}, "busy", 300),
        (("failed", "busy"), {"failed": 5, "busy": 300}, "failed", 5),
        (("failed", "busy"), {"busy": 300}, "failed", 0),
        (("no-answer",), 30, "completed", 30),  # nobody has heard anything
        ((), 0, "failed", None),
    ],
)
def test_which_endings_are_tried_again_and_when_is_the_operators_choice(
    callbacks: Callbacks, settings: Settings, statuses: tuple[str, ...], delay: Any, word: str, waits_s: float | None
) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = statuses, delay
    before = timezone.now()
    call = delivered(due_at=before)
    callbacks.of_call(call, "status", CallStatus=word)
    call.refresh_from_db()
    assert (call.status == C.READY) is (waits_s is not None)
    if waits_s is not None and call.due_at:
        assert timedelta(0) <= call.due_at - before - timedelta(seconds=waits_s) < timedelta(seconds=5)


@pytest.mark.parametrize("word", ["failed", "busy", "noanswer", "app-error"])
@pytest.mark.parametrize("who", ["HUMAN", "MACHINE", "NOTSURE"])
def test_who_has_heard_the_message_is_never_rung_again(
    callbacks: Callbacks, settings: Settings, who: str, word: str
) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = ("failed", "busy", "no-answer", "app-error"), 0
    call = delivered()
    callbacks.of_call(call, "answered")
    callbacks.of_call(call, "detected", AMDStatus=who)
    callbacks.of_call(call, "status", CallStatus=word, CallDuration=41)
    call.refresh_from_db()
    assert (call.attempts, call.finished is None, call.answerer) == (1, False, who)


@pytest.mark.parametrize("told", [{"AMDStatus": "HANGUP"}, None])
def test_completed_is_said_only_of_what_was_heard(callbacks: Callbacks, told: dict[str, Any] | None) -> None:
    call = delivered()
    callbacks.of_call(call, "answered")
    if told:
        callbacks.of_call(call, "detected", **told)
    callbacks.of_call(call, "status", CallStatus="completed", CallDuration=3)
    call.refresh_from_db()
    assert (call.status, call.q850) == (C.NO_ANSWER, 18)


def test_an_apology_of_ours_is_no_delivery(client: Client, settings: Settings) -> None:
    call = delivered()
    answered, status = (path(Party.RECIPIENT, call.pk, 1, step) for step in ("answered", "status"))
    whole, settings.VOICE_MENU = settings.VOICE_MENU, {}  # an operator's slip, with which nothing can be said
    assert ask(client, answered).content == documents.apology()
    settings.VOICE_MENU = whole
    assert ask(client, status, CallStatus="completed").status_code == 200
    call.refresh_from_db()
    assert (call.status, call.q850) == (C.APP_ERROR, 127)


def test_a_shout_that_is_over_tries_nothing_again(callbacks: Callbacks) -> None:
    call = delivered(answered=timezone.now(), shout={"status": ShoutStatus.CANCELED})
    callbacks.of_call(call, "status", CallStatus="failed")
    call.refresh_from_db()
    assert call.status == C.FAILED


def test_what_the_carrier_refused_for_good_is_not_tried_again() -> None:
    call = delivered(**CLAIMED)
    delivery.refused(delivery.CallAttempt(call.pk, 1), now=timezone.now())
    call.refresh_from_db()
    assert (call.status, call.q850, call.attempts) == (C.FAILED, 41, 1)
    assert [line["status"] for line in lines(LogKind.CDR)] == ["failed"]


@pytest.mark.parametrize("claimed", [False, True], ids=["waiting for its next turn", "in hand again"])
def test_what_an_earlier_attempt_still_reports_has_no_effect(callbacks: Callbacks, *, claimed: bool) -> None:
    call = delivered()
    callbacks.of_call(call, "status", CallStatus="failed")
    if claimed:
        claimed_again(call)
    before = rows()
    for word in ("completed", "failed", "busy"):
        callbacks.of_call(call, "status", serial=1, CallStatus=word)
    assert callbacks.of_call(call, "answered", serial=1) == documents.hang_up()
    assert callbacks.of_call(call, "detected", serial=1, AMDStatus="HUMAN") == documents.hang_up()
    delivery.accepted(
        [delivery.Placed(delivery.CallAttempt(call.pk, 1), "late", delayed=False, starts_at=timezone.now())]
    )
    assert rows() == before


def test_an_attempt_is_recorded_once_though_the_next_one_is_timed_out_before_it_began(callbacks: Callbacks) -> None:
    call = delivered(started=timezone.now())
    callbacks.of_call(call, "status", CallStatus="failed")
    shouts.end(call.message, ShoutStatus.TIMED_OUT, now=timezone.now())
    shouts.end_open_calls(call.message, now=timezone.now())
    callbacks.of_call(call, "status", serial=1, CallStatus="failed")
    call.refresh_from_db()
    assert call.status == C.TIMED_OUT
    assert [(line["status"], line["late"]) for line in lines(LogKind.CDR)] == [
        ("failed", False),
        ("timed-out", False),
    ]


# --- No more calls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["completed", "busy", "noanswer", "failed", "cancel", "app-error"])
@pytest.mark.parametrize("key_first", [True, False], ids=["key first", "ending first"])
def test_a_wish_for_no_more_calls_overtakes_any_ending(callbacks: Callbacks, word: str, *, key_first: bool) -> None:
    call = delivered(answered=timezone.now(), answerer="HUMAN")
    events: list[tuple[str, dict[str, str]]] = [("key", {"Digits": "5"}), ("status", {"CallStatus": word})]
    for step, told in events if key_first else reversed(events):
        callbacks.of_call(call, step, serial=1, **told)
    if Call.objects.get().status == C.READY:  # it failed, and waits for its next turn
        with transaction.atomic():
            assert claiming.claim(call.message, limit=9, until=timezone.now(), now=timezone.now()) == []
    call.refresh_from_db()
    assert (call.status, call.q850, call.opted_out) == (C.OPTED_OUT, 0, True)
    assert rows()["DoNotCallNumber"] == [("user", call.number)]


@pytest.mark.parametrize(
    ("fields", "withdrawn"),
    [
        (WAITING, True),
        (CLAIMED, True),
        ({"status": C.ONGOING}, True),
        ({"status": C.ONGOING, "answered": timezone.now()}, False),
        ({"status": C.READY, "sid": ""}, False),
        ({"status": C.PENDING, "sid": ""}, False),
        ({"status": C.COMPLETED}, False),
    ],
    ids=["waiting", "in hand", "ringing", "answered", "ready", "pending", "completed"],
)
def test_a_wish_withdraws_what_the_same_users_other_shouts_have_at_the_carrier(
    callbacks: Callbacks, fields: dict[str, Any], *, withdrawn: bool
) -> None:
    pressed = delivered(number=NUMBER, answered=timezone.now())
    other = delivered(number=NUMBER, **fields)
    callbacks.of_call(pressed, "key", Digits="5")
    other.refresh_from_db()
    assert other.withdrawn is withdrawn


def test_a_wish_is_no_business_of_other_users_applications_and_numbers(callbacks: Callbacks) -> None:
    pressed = delivered(number=NUMBER, answered=timezone.now())
    others = [
        delivered(number=NUMBER, shout={"userdata": "another"}, **WAITING),
        delivered(number=NUMBER, shout={"application": application(name="another")}, **WAITING),
        delivered(number="15555550198", **WAITING),
    ]
    callbacks.of_call(pressed, "key", Digits="5")
    assert not Call.objects.filter(pk__in=[other.pk for other in others], withdrawn=True).exists()


# --- Withdrawn -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shout", "ending"),
    [(ShoutStatus.CANCELED, C.CANCELLED), (ShoutStatus.ONGOING, C.DO_NOT_CALL)],
    ids=["with its shout", "for a number listed since"],
)
@pytest.mark.parametrize("fields", [WAITING, CLAIMED, {"status": C.ONGOING}], ids=["waiting", "in hand", "ringing"])
@pytest.mark.parametrize("word", ["completed", "busy", "failed", "cancel"])
def test_a_withdrawn_call_that_rings_all_the_same_hangs_up_at_once(
    callbacks: Callbacks, shout: ShoutStatus, ending: CallStatus, fields: dict[str, Any], word: str
) -> None:
    call = delivered(withdrawn=True, shout={"status": shout}, **fields)
    assert callbacks.of_call(call, "answered") == documents.hang_up()
    assert callbacks.of_call(call, "detected", AMDStatus="HUMAN") == documents.hang_up()
    assert callbacks.of_call(call, "key", Digits="0") == documents.hang_up()
    callbacks.of_call(call, "status", CallStatus=word)
    call.refresh_from_db()
    assert (call.status, call.answerer, call.q850) == (ending, "", None)
    assert [line["status"] for line in lines(LogKind.CDR)] == [ending]


def test_a_person_who_listens_already_hears_a_canceled_message_to_its_end(callbacks: Callbacks) -> None:
    call = delivered(answered=timezone.now(), answerer="HUMAN")
    shouts.cancel(call.message, now=timezone.now())
    assert b"<Play>" in callbacks.of_call(call, "detected", AMDStatus="HUMAN")
    assert b"<Play>" in callbacks.of_call(call, "key", Digits="0")
    callbacks.of_call(call, "status", CallStatus="completed")
    call.refresh_from_db()
    assert call.status == C.COMPLETED


@pytest.mark.parametrize("still_waited", [True, False])
def test_a_call_taken_back_in_time_never_rang(*, still_waited: bool) -> None:
    call = delivered(withdrawn=True, shout={"status": ShoutStatus.CANCELED}, **WAITING | {"started": WAITING["due_at"]})
    delivery.withdrawn(delivery.CallAttempt(call.pk, 1), still_waited=still_waited, now=timezone.now())
    call.refresh_from_db()
    assert (call.status, call.started) == (C.CANCELLED, None)
    assert [line["status"] for line in lines(LogKind.CDR)] == ["cancelled"]


def test_a_call_that_no_longer_waited_is_left_to_its_status_callback(callbacks: Callbacks) -> None:
    near = WAITING | {"due_at": timezone.now() + timedelta(seconds=3)}
    call = delivered(withdrawn=True, shout={"status": ShoutStatus.CANCELED}, **near)
    delivery.withdrawn(delivery.CallAttempt(call.pk, 1), still_waited=False, now=timezone.now())
    call.refresh_from_db()
    assert (call.status, lines(LogKind.CDR)) == (C.ONGOING, [])
    callbacks.of_call(call, "status", CallStatus="cancel")
    call.refresh_from_db()
    assert call.status == C.CANCELLED
