"""What callbacks make of a call, beside the table of test_callcontrol_table: its shout, late news, and the placement's answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api.callcontrol import documents
from blast_api.carrierx.addresses import address
from blast_api.carrierx.events import Answerer
from blast_api.domain.callbacks import Party
from blast_api.domain.menus import Wish
from blast_api.domain.states import Q850, CallStatus, ShoutStatus
from blast_api.models import Call, LogKind
from blast_api.services import delivery
from tests.kits import factories
from tests.kits.callbacks import Callbacks, delivered, lines, rows, script
from tests.kits.rest import content

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_retries")]

NOW = timezone.now()
CLAIMED: dict[str, Any] = {"status": CallStatus.READY, "held_since": NOW, "due_at": NOW, "sid": ""}
WAITING: dict[str, Any] = {"status": CallStatus.PENDING, "sid": "sid", "due_at": NOW + timedelta(hours=1)}
TIMED_OUT: dict[str, Any] = {"status": CallStatus.TIMED_OUT, "finished": NOW}
LATE: dict[str, Any] = {"status": ShoutStatus.TIMED_OUT, "finished": NOW}

# Where the carrier has the call, or may have it: its callbacks count.
LIVE: dict[str, dict[str, Any]] = {
    "in hand": CLAIMED,
    "waiting at the carrier": WAITING,
    "ongoing": {"status": CallStatus.ONGOING, "started": NOW},
    "answered": {"status": CallStatus.ONGOING, "started": NOW, "answered": NOW},
}
IN_THE_WINDOW: dict[str, Any] = {**TIMED_OUT, "shout": LATE}

WORDS = {
    "completed": CallStatus.COMPLETED,
    "COMPLETED": CallStatus.COMPLETED,
    "busy": CallStatus.BUSY,
    "noanswer": CallStatus.NO_ANSWER,
    "no-answer": CallStatus.NO_ANSWER,
    "No_Answer": CallStatus.NO_ANSWER,
    "failed": CallStatus.FAILED,
    "cancel": CallStatus.CANCELLED,
    "canceled": CallStatus.CANCELLED,
    "cancelled": CallStatus.CANCELLED,
    "app-error": CallStatus.APP_ERROR,
    "apperror": CallStatus.APP_ERROR,
}
CALLBACKS: list[tuple[str, dict[str, Any]]] = [
    ("answered", {}),
    *(("detected", {"AMDStatus": who.value}) for who in Answerer),
    *(("key", {"Digits": digits}) for digits in ("0", "5", "9", "#", "")),
    *(("status", {"CallStatus": word}) for word in ("completed", "busy", "failed", "ringing", "")),
]
MESSAGE = "http://127.0.0.1:9/f/0a0a.wav"


def heard_by(call: Call, step: str, told: dict[str, Any]) -> bytes:
    """What is heard on a call that is up."""

    def us(step: str) -> str:
        return address(Party.RECIPIENT, call.pk, call.serial, step)

    match step, told:
        case "answered", _:
            return documents.detect(us)
        case "detected", {"AMDStatus": word}:
            return documents.deliver(Answerer(word), script(MESSAGE), us)
        case "key", {"Digits": digits}:
            return documents.after_key({"0": Wish.REPLAY, "5": Wish.OPT_OUT}.get(digits, Wish.END), script(MESSAGE), us)
    return b""


# --- While it is up: what the table of docs/reference/callbacks.md does not tell ----------------------------------


@pytest.mark.parametrize("fields", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize(("step", "told"), [case for case in CALLBACKS if case[0] in ("answered", "detected")])
def test_a_document_request_proves_that_the_call_is_up(
    callbacks: Callbacks, fields: dict[str, Any], step: str, told: dict[str, Any]
) -> None:
    call = delivered(**fields)
    assert callbacks.of_call(call, step, **told) == heard_by(call, step, told)
    call.refresh_from_db()
    assert (call.status, call.held_since, call.attempts) == (CallStatus.ONGOING, None, 1)
    assert call.started is not None
    assert call.answered or step == "answered"
    assert call.answerer == told.get("AMDStatus", "")


@pytest.mark.parametrize("past", [timedelta(0), timedelta(seconds=1), timedelta(days=1)])
def test_a_call_whose_delay_has_passed_is_ongoing_and_its_first_document_costs_no_write(
    callbacks: Callbacks, client: Client, past: timedelta, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    call = delivered(**WAITING | {"started": NOW, "due_at": timezone.now() - past})
    with django_assert_num_queries(1):
        assert callbacks.of_call(call, "answered") == heard_by(call, "answered", {})
    (shown,) = content(client.get("/api/v1/calls", {"shout-id": call.message_id}))
    assert (shown["status"], client.get(f"/api/v1/shouts/{call.message_id}").json()["calls"]) == (
        "ongoing",
        {"ongoing": 1},
    )


@pytest.mark.parametrize("fields", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize(("word", "ending"), WORDS.items())
def test_a_final_word_settles_the_call_and_its_shout(
    callbacks: Callbacks, fields: dict[str, Any], word: str, ending: CallStatus
) -> None:
    call = delivered(**fields | {"answerer": "HUMAN"})
    assert callbacks.of_call(call, "status", CallStatus=word, CallDuration=7, CallSid="sid") == b""
    call.refresh_from_db()
    assert (call.status, call.q850, call.duration) == (ending, Q850.get(ending), 7)
    assert (call.held_since, call.sid) == (None, "sid")
    assert call.finished is not None
    (cdr,) = lines(LogKind.CDR)
    assert (cdr["pk"], cdr["status"], cdr["duration"], cdr["late"]) == (call.pk, ending, 7, False)
    assert call.message.status == ShoutStatus.FINISHED
    assert [line["status"] for line in lines(LogKind.BDR)] == ["finished"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "Busy"),
        ({"SipCause": 486, "AMDCause": "HUMAN"}, "Busy (486)"),
        ({"HangupCause": "USER_BUSY"}, "Busy (USER_BUSY)"),
        ({"SipCause": None, "Q850Cause": "x" * 999}, f"Busy ({'x' * 64})"),
        ({"Cause": ["x"]}, "Busy"),
    ],
)
def test_a_record_has_the_carriers_own_words(callbacks: Callbacks, told: dict[str, Any], said: str) -> None:
    callbacks.of_call(delivered(), "status", CallStatus="Busy", **told)
    (cdr,) = lines(LogKind.CDR)
    assert (cdr["status"], cdr["carrier_said"]) == ("busy", said)


@pytest.mark.parametrize(("word", "ending"), WORDS.items())
def test_late_news_settles_a_call_and_its_shout_within_the_window(
    callbacks: Callbacks, word: str, ending: CallStatus
) -> None:
    call = delivered(**IN_THE_WINDOW, answerer="HUMAN")
    callbacks.of_call(call, "status", CallStatus=word, CallDuration="7")
    call.refresh_from_db()
    call.message.refresh_from_db()
    assert (call.status, call.duration) == (ending, 7)
    assert (call.message.status, call.message.closed is None) == (ShoutStatus.FINISHED, False)
    assert [(line["status"], line["late"]) for line in lines(LogKind.CDR)] == [(ending, True)]
    assert [(line["status"], line["late"]) for line in lines(LogKind.BDR)] == [("finished", True)]


def test_late_news_of_one_call_leaves_a_shout_with_others_timed_out(callbacks: Callbacks) -> None:
    call = delivered(**IN_THE_WINDOW)
    factories.call(call.message, status=CallStatus.TIMED_OUT)
    callbacks.of_call(call, "status", CallStatus="completed")
    call.message.refresh_from_db()
    assert call.message.status == ShoutStatus.TIMED_OUT
    assert lines(LogKind.BDR) == []


def test_late_news_is_not_tried_again(callbacks: Callbacks, settings: Settings) -> None:
    settings.MAX_RETRIES = 3
    call = delivered(**IN_THE_WINDOW)
    callbacks.of_call(call, "status", CallStatus="failed")
    call.refresh_from_db()
    assert call.status == CallStatus.FAILED


@pytest.mark.parametrize(
    ("asked", "ending"),
    [
        (timedelta(seconds=-1), CallStatus.APP_ERROR),  # it was noted, and our answer failed all the same
        (timedelta(seconds=1), CallStatus.COMPLETED),  # the same was asked once more of somebody who heard the message
    ],
)
def test_what_was_noted_as_heard_by_a_request_that_was_answered_with_an_apology_was_not(
    callbacks: Callbacks, asked: timedelta, ending: CallStatus
) -> None:
    call = delivered(**LIVE["answered"], answerer="HUMAN")
    delivery.apologised(delivery.CallAttempt(call.pk, 1), asked=NOW + asked)
    callbacks.of_call(call, "status", CallStatus="completed")
    call.refresh_from_db()
    assert (call.status, call.answerer == "HUMAN") == (ending, ending == CallStatus.COMPLETED)


# --- As the operator has it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [0, 1, 3])
def test_key_0_plays_the_message_again_so_often_and_then_ends_the_call(
    callbacks: Callbacks, settings: Settings, most: int
) -> None:
    settings.MAX_REPLAYS = most
    call = delivered(**LIVE["answered"], answerer="HUMAN")
    key = "key"
    for replay in range(1, most + 1):
        again = callbacks.of_call(call, key, Digits="0")
        assert callbacks.of_call(call, key, Digits="0") == again  # told once more it is no other one
        key = f"key?replays={replay}"
        assert f"{key}&quot;".encode() in again or f'{key}"'.encode() in again
    assert callbacks.of_call(call, key, Digits="0") == documents.hang_up()
    assert callbacks.of_call(call, key, Digits="5") == heard_by(call, "key", {"Digits": "5"})


@pytest.mark.parametrize("fields", LIVE.values(), ids=LIVE)
def test_without_detection_the_message_is_heard_at_once_and_counts_as_heard(
    callbacks: Callbacks, settings: Settings, fields: dict[str, Any]
) -> None:
    settings.AMD = False
    call = delivered(**fields)
    heard = callbacks.of_call(call, "answered")
    assert MESSAGE.encode() in heard
    assert b"Amd" not in heard
    before = rows()
    assert (callbacks.of_call(call, "answered"), rows()) == (heard, before)
    callbacks.of_call(call, "status", CallStatus="completed", CallDuration=7)
    call.refresh_from_db()
    assert (call.status, call.answerer, call.answered is not None) == (CallStatus.COMPLETED, "NOTSURE", True)


def test_without_detection_nobody_hears_what_they_must_not(callbacks: Callbacks, settings: Settings) -> None:
    settings.AMD = False
    call = delivered(**LIVE["ongoing"])
    factories.listed(call.number)
    assert callbacks.of_call(call, "answered") == documents.hang_up()
    callbacks.of_call(call, "status", CallStatus="completed")
    call.refresh_from_db()
    assert (call.status, call.answerer) == (CallStatus.DO_NOT_CALL, "")


# --- Before the answer to the placement is kept ---------------------------------------------------------------------


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize(("step", "told"), [case for case in CALLBACKS if case[0] in ("answered", "detected")])
def test_a_late_acceptance_of_a_call_that_is_up_is_only_its_sid(
    callbacks: Callbacks, step: str, told: dict[str, Any], *, delayed: bool
) -> None:
    call = delivered(**CLAIMED)
    callbacks.of_call(call, step, **told)
    before = Call.objects.values().get()
    delivery.accepted(
        [delivery.Placed(delivery.CallAttempt(call.pk, 1), "s-1", delayed=delayed, starts_at=timezone.now())]
    )
    assert Call.objects.values().get() == before | {"sid": "s-1"}


@pytest.mark.parametrize(("word", "ending"), WORDS.items())
def test_a_late_acceptance_never_reopens_a_settled_call(callbacks: Callbacks, word: str, ending: CallStatus) -> None:
    call = delivered(**CLAIMED, answerer="HUMAN")
    callbacks.of_call(call, "status", CallStatus=word, CallSid=None)
    delivery.accepted(
        [delivery.Placed(delivery.CallAttempt(call.pk, 1), "s-1", delayed=False, starts_at=timezone.now())]
    )
    call.refresh_from_db()
    assert (call.status, call.sid, call.started) == (ending, "s-1", NOW)


def test_a_late_refusal_does_not_end_a_call_that_is_up(callbacks: Callbacks) -> None:
    call = delivered(**CLAIMED)
    callbacks.of_call(call, "answered")
    before = rows()
    delivery.refused(delivery.CallAttempt(call.pk, 1), now=timezone.now())
    assert not delivery.give_back([delivery.CallAttempt(call.pk, 1)])
    assert rows() == before


def test_a_proven_placement_never_lapses(callbacks: Callbacks) -> None:
    call = delivered(**CLAIMED)
    callbacks.of_call(call, "answered")
    assert delivery.lapse(NOW + timedelta(days=1)) == 0


def test_the_address_of_a_lapsed_placement_is_dead(callbacks: Callbacks) -> None:
    call = delivered(**CLAIMED)
    assert delivery.lapse(NOW + timedelta(seconds=121)) == 1
    before = rows()
    assert callbacks.of_call(call, "answered") == documents.hang_up()
    assert callbacks.of_call(call, "status", CallStatus="completed") == b""
    assert rows() == before


@pytest.mark.parametrize("sid", ["another", None, "", 5])
def test_the_carrier_may_name_a_call_in_two_ways(callbacks: Callbacks, sid: object) -> None:
    call = delivered(sid="ours", answerer="HUMAN")
    callbacks.of_call(call, "status", CallStatus="completed", CallSid=sid)
    call.refresh_from_db()
    assert (call.status, call.sid) == (CallStatus.COMPLETED, "ours")


def test_the_carriers_word_on_who_was_called_has_no_weight(callbacks: Callbacks) -> None:
    call = delivered()
    callbacks.of_call(call, "key", Digits="5", To="15555559999", From="15555559998")
    assert rows()["DoNotCallNumber"] == [("user", call.number)]
