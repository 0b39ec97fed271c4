"""Each state of a call and each callback: what is heard, what becomes of the call, and that it counts once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from blast_api.addresses import Kind, address
from blast_api.callcontrol import documents
from blast_api.carrierx.events import Answerer
from blast_api.menus import Wish
from blast_api.models import Call, Record
from blast_api.services import delivery
from blast_api.states import CARRIER_ENDINGS, Q850, CallStatus, ShoutStatus
from tests import factories

from .callbacks import Carrier, delivered, lines, rows, undone
from .rest import content

pytestmark = pytest.mark.django_db

NOW = timezone.now()
CLAIMED: dict[str, Any] = {"status": CallStatus.READY, "held_since": NOW, "due_at": NOW, "sid": ""}
WAITING: dict[str, Any] = {"status": CallStatus.PENDING, "sid": "sid", "due_at": NOW + timedelta(hours=1)}
TIMED_OUT: dict[str, Any] = {"status": CallStatus.TIMED_OUT, "finished": NOW}
LATE: dict[str, Any] = {"status": ShoutStatus.TIMED_OUT, "deadline": NOW - timedelta(hours=1), "finished": NOW}

# Where the carrier has the call, or may have it: its callbacks count.
LIVE: dict[str, dict[str, Any]] = {
    "in hand": CLAIMED,
    "waiting at the carrier": WAITING,
    "ongoing": {"status": CallStatus.ONGOING, "started": NOW},
    "answered": {"status": CallStatus.ONGOING, "started": NOW, "answered": NOW},
}
# Where nobody may hear anything any more, and no news is news.
ENDED: dict[str, dict[str, Any]] = {
    str(ending): {"status": ending, "finished": NOW, "q850": Q850.get(ending)}
    for ending in (*sorted(CARRIER_ENDINGS), CallStatus.DO_NOT_CALL, CallStatus.OPTED_OUT)
}
DEAF: dict[str, dict[str, Any]] = {
    "waiting for the recording": {"status": CallStatus.PENDING, "sid": "", "attempts": 0},
    "ready": {"status": CallStatus.READY, "sid": "", "due_at": NOW},
    "timed out and closed": {**TIMED_OUT, "shout": LATE | {"closed": NOW}},
    **ENDED,
}
OVERTAKEN = {str(ending) for ending in CARRIER_ENDINGS} | {"timed out and closed"}
IN_THE_WINDOW: dict[str, Any] = {**TIMED_OUT, "shout": LATE}
STATES = {**LIVE, **DEAF, "timed out, in the window": IN_THE_WINDOW}

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


@pytest.fixture
def carrier(client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Carrier:
    return Carrier(client, django_capture_on_commit_callbacks)


@pytest.fixture(autouse=True)
def _no_retries(settings: Settings) -> None:
    settings.MAX_RETRIES = 0


def heard_by(call: Call, step: str, told: dict[str, Any]) -> bytes:
    """What is heard on a call that is up."""

    def us(step: str) -> str:
        return address(Kind.CALL, call.pk, call.serial, step)

    match step, told:
        case "answered", _:
            return documents.detect(us)
        case "detected", {"AMDStatus": word}:
            return documents.deliver(Answerer(word), MESSAGE, us)
        case "key", {"Digits": digits}:
            return documents.after_key({"0": Wish.REPLAY, "5": Wish.OPT_OUT}.get(digits, Wish.END), MESSAGE, us)
    return b""


def unheard(step: str, told: dict[str, Any]) -> bytes:
    if step == "status":
        return b""
    return documents.after_key(Wish.OPT_OUT, "", str) if told.get("Digits") == "5" else documents.hang_up()


# --- The table ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize(("step", "told"), [case for case in CALLBACKS if case[0] in ("answered", "detected")])
def test_a_document_request_proves_that_the_call_is_up(
    carrier: Carrier, fields: dict[str, Any], step: str, told: dict[str, Any]
) -> None:
    call = delivered(**fields)
    assert carrier.of_call(call, step, **told) == heard_by(call, step, told)
    call.refresh_from_db()
    assert (call.status, call.held_since, call.attempts) == (CallStatus.ONGOING, None, 1)
    assert call.started is not None
    assert call.answered or step == "answered"
    assert call.answerer == told.get("AMDStatus", "")


@pytest.mark.parametrize("past", [timedelta(0), timedelta(seconds=1), timedelta(days=1)])
def test_a_call_whose_delay_has_passed_is_ongoing_and_its_first_document_costs_no_write(
    carrier: Carrier, client: Client, past: timedelta, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    call = delivered(**WAITING | {"started": NOW, "due_at": timezone.now() - past})
    with django_assert_num_queries(1):
        assert carrier.of_call(call, "answered") == heard_by(call, "answered", {})
    (shown,) = content(client.get("/api/v1/calls", {"shout-id": call.message_id}))
    assert (shown["status"], client.get(f"/api/v1/shouts/{call.message_id}").json()["calls"]) == (
        "ongoing",
        {"ongoing": 1},
    )


@pytest.mark.parametrize("fields", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize("digits", ["0", "9", "#", "*", ""])
def test_a_key_but_5_changes_nothing(carrier: Carrier, fields: dict[str, Any], digits: str) -> None:
    call = delivered(**fields)
    before = rows()
    assert carrier.of_call(call, "key", Digits=digits) == heard_by(call, "key", {"Digits": digits})
    assert rows() == before


@pytest.mark.parametrize("fields", LIVE.values(), ids=LIVE)
@pytest.mark.parametrize(("word", "ending"), WORDS.items())
def test_a_final_word_settles_the_call_and_its_shout(
    carrier: Carrier, fields: dict[str, Any], word: str, ending: CallStatus
) -> None:
    call = delivered(**fields)
    assert carrier.of_call(call, "status", CallStatus=word, CallDuration=7, CallSid="sid") == b""
    call.refresh_from_db()
    assert (call.status, call.q850, call.duration) == (ending, Q850.get(ending), 7)
    assert (call.held_since, call.sid) == (None, "sid")
    assert call.finished is not None
    (cdr,) = lines(Record.Kind.CDR)
    assert (cdr["pk"], cdr["status"], cdr["duration"], cdr["late"]) == (call.pk, ending, 7, False)
    assert call.message.status == ShoutStatus.FINISHED
    assert [line["status"] for line in lines(Record.Kind.BDR)] == ["finished"]


@pytest.mark.parametrize("fields", STATES.values(), ids=STATES)
def test_any_other_word_changes_nothing(carrier: Carrier, fields: dict[str, Any]) -> None:
    call = delivered(**fields)
    before = rows()
    for told in ({"CallStatus": "ringing"}, {"CallStatus": ""}, {"CallStatus": None}, {}):
        assert carrier.of_call(call, "status", **told) == b""
        assert rows() == before


@pytest.mark.parametrize("fields", DEAF.values(), ids=DEAF)
def test_a_call_that_is_not_up_is_neither_heard_nor_changed(carrier: Carrier, fields: dict[str, Any]) -> None:
    call = delivered(**fields)
    before = rows()
    for step, told in CALLBACKS:
        if told.get("Digits") != "5":
            assert carrier.of_call(call, step, **told) == unheard(step, told)
            assert rows() == before


@pytest.mark.parametrize("state", STATES)
def test_a_5_counts_in_every_state(carrier: Carrier, state: str) -> None:
    call = delivered(**STATES[state])
    assert carrier.of_call(call, "key", Digits="5") == unheard("key", {"Digits": "5"})
    before = call.status
    call.refresh_from_db()
    overtaken = state in OVERTAKEN or state == "timed out, in the window"
    assert call.status == (CallStatus.OPTED_OUT if overtaken else before)
    assert call.opted_out
    assert rows()["DoNotCallNumber"] == [("user", call.number)]
    assert lines(Record.Kind.CDR) == []


@pytest.mark.parametrize("fields", STATES.values(), ids=STATES)
def test_a_repeated_callback_changes_nothing_and_gets_the_same_answer(carrier: Carrier, fields: dict[str, Any]) -> None:
    call = delivered(**fields)
    for step, told in CALLBACKS:
        with undone():
            first = carrier.of_call(call, step, **told)
            before = rows()
            assert carrier.of_call(call, step, **told) == first
            assert rows() == before


@pytest.mark.parametrize(("word", "ending"), WORDS.items())
def test_late_news_settles_a_call_and_its_shout_within_the_window(
    carrier: Carrier, word: str, ending: CallStatus
) -> None:
    call = delivered(**IN_THE_WINDOW)
    carrier.of_call(call, "status", CallStatus=word, CallDuration="7")
    call.refresh_from_db()
    call.message.refresh_from_db()
    assert (call.status, call.duration) == (ending, 7)
    assert (call.message.status, call.message.closed is None) == (ShoutStatus.FINISHED, False)
    assert [(line["status"], line["late"]) for line in lines(Record.Kind.CDR)] == [(ending, True)]
    assert [(line["status"], line["late"]) for line in lines(Record.Kind.BDR)] == [("finished", True)]


def test_late_news_of_one_call_leaves_a_shout_with_others_timed_out(carrier: Carrier) -> None:
    call = delivered(**IN_THE_WINDOW)
    factories.call(call.message, status=CallStatus.TIMED_OUT)
    carrier.of_call(call, "status", CallStatus="completed")
    call.message.refresh_from_db()
    assert call.message.status == ShoutStatus.TIMED_OUT
    assert lines(Record.Kind.BDR) == []


def test_late_news_is_not_tried_again(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_RETRIES = 3
    call = delivered(**IN_THE_WINDOW)
    carrier.of_call(call, "status", CallStatus="failed")
    call.refresh_from_db()
    assert call.status == CallStatus.FAILED


# --- Before the answer to the placement is kept ---------------------------------------------------------------------


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize(("step", "told"), [case for case in CALLBACKS if case[0] in ("answered", "detected")])
def test_a_late_acceptance_of_a_call_that_is_up_is_only_its_sid(
    carrier: Carrier, step: str, told: dict[str, Any], *, delayed: bool
) -> None:
    call = delivered(**CLAIMED)
    carrier.of_call(call, step, **told)
    before = Call.objects.values().get()
    delivery.accepted([delivery.Placed(delivery.Attempt(call.pk, 1), "s-1", delayed=delayed, starts_at=timezone.now())])
    assert Call.objects.values().get() == before | {"sid": "s-1"}


@pytest.mark.parametrize(("word", "ending"), WORDS.items())
def test_a_late_acceptance_never_reopens_a_settled_call(carrier: Carrier, word: str, ending: CallStatus) -> None:
    call = delivered(**CLAIMED)
    carrier.of_call(call, "status", CallStatus=word, CallSid=None)
    delivery.accepted([delivery.Placed(delivery.Attempt(call.pk, 1), "s-1", delayed=False, starts_at=timezone.now())])
    call.refresh_from_db()
    assert (call.status, call.sid, call.started) == (ending, "s-1", NOW)


def test_a_late_refusal_does_not_end_a_call_that_is_up(carrier: Carrier) -> None:
    call = delivered(**CLAIMED)
    carrier.of_call(call, "answered")
    before = rows()
    delivery.refused(delivery.Attempt(call.pk, 1), now=timezone.now())
    assert not delivery.give_back([delivery.Attempt(call.pk, 1)])
    assert rows() == before


def test_a_proven_placement_never_lapses(carrier: Carrier) -> None:
    call = delivered(**CLAIMED)
    carrier.of_call(call, "answered")
    assert delivery.lapse(NOW + timedelta(days=1)) == 0


def test_the_address_of_a_lapsed_placement_is_dead(carrier: Carrier) -> None:
    call = delivered(**CLAIMED)
    assert delivery.lapse(NOW + timedelta(seconds=121)) == 1
    before = rows()
    assert carrier.of_call(call, "answered") == documents.hang_up()
    assert carrier.of_call(call, "status", CallStatus="completed") == b""
    assert rows() == before


@pytest.mark.parametrize("sid", ["another", None, "", 5])
def test_the_carrier_may_name_a_call_in_two_ways(carrier: Carrier, sid: object) -> None:
    call = delivered(sid="ours")
    carrier.of_call(call, "status", CallStatus="completed", CallSid=sid)
    call.refresh_from_db()
    assert (call.status, call.sid) == (CallStatus.COMPLETED, "ours")


def test_the_carriers_word_on_who_was_called_has_no_weight(carrier: Carrier) -> None:
    call = delivered()
    carrier.of_call(call, "key", Digits="5", To="15555559999", From="15555559998")
    assert rows()["DoNotCallNumber"] == [("user", call.number)]
