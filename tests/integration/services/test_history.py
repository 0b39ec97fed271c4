"""An attempt is a row from its claim on: what surely was not placed leaves none, and an ending without a placement has one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from blast_api.carrierx.client import Accepted, Outcome, Refusal, Refused
from blast_api.carrierx.events import Answerer, StatusReport
from blast_api.dispatch.jobs import PlaceCall, keep_all
from blast_api.domain.recipients import Recipient
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, Message
from blast_api.services import attempts, creation, delivery, history, pauses, shouts
from tests.kits import factories
from tests.kits.callbacks import delivered
from tests.kits.released import claim, released

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def _rows(call: Call) -> list[tuple[int, int, str]]:
    """Serial, number and ending of what is known of a call."""
    return list(Attempt.objects.filter(call=call).order_by("serial").values_list("serial", "number", "ending"))


def _jobs() -> list[PlaceCall]:
    return [job for job in claim().jobs if isinstance(job, PlaceCall)]


def _ends(job: PlaceCall, word: CallStatus) -> None:
    delivery.settled(job.attempt, StatusReport(word, str(word), "sid", 3, {}), now=timezone.now())


# --- Claimed ---------------------------------------------------------------------------------------------------------


def test_a_claim_adds_its_attempts_in_one_statement() -> None:
    several = [released(4), released(3), released(2)]
    with CaptureQueriesContext(connection) as captured:
        jobs = _jobs()
    added = [query["sql"] for query in captured if "INTO" in query["sql"] and '"blast_api_attempt"' in query["sql"]]
    assert (len(jobs), len(added)) == (9, 1)
    for job in jobs:
        row = Attempt.objects.get(call=job.attempt.call_id)
        call = Call.objects.get(pk=row.call_id)
        assert (row.serial, row.number, row.claimed) == (call.serial, call.attempts, call.held_since)
        assert row.slot
        assert row.slot.timestamp() == pytest.approx(job.slot, abs=0.001)
        assert (row.message_id, row.ended, row.record, row.did) == (call.message_id, None, "", "")
    assert {row.message_id for row in Attempt.objects.all()} == {message.pk for message in several}


def test_a_claim_of_nothing_adds_nothing() -> None:
    released(2, due=timedelta(days=1))
    assert _jobs() == []
    assert not Attempt.objects.exists()


# --- What was surely not placed --------------------------------------------------------------------------------------


def _missed(job: PlaceCall) -> None:
    keep_all([(job, None)], now=timezone.now())


def _refused(outcome: Outcome) -> Callable[[PlaceCall], None]:
    def keep(job: PlaceCall) -> None:
        with transaction.atomic():
            keep_all([(job, outcome)], now=timezone.now())

    return keep


def _lapsed(job: PlaceCall) -> None:
    assert delivery.lapse(timezone.now() + timedelta(hours=1)) == 1


def _withdrawn_by_a_pause(job: PlaceCall) -> None:
    keep_all([(job, Accepted("sid", {}))], now=timezone.now())
    Call.objects.update(status=CallStatus.PENDING, due_at=timezone.now() + timedelta(minutes=1))
    pauses.pause(Message.objects.get(), now=timezone.now())
    delivery.withdrawn(job.attempt, still_waited=True, now=timezone.now())


@pytest.mark.parametrize(
    "fate",
    [
        _missed,
        _refused(Refused(Refusal.FOR_NOW, "busy", 429)),
        _refused(Refused(Refusal.THIS_FOR_NOW, "in the way", 409)),
        _refused(Refused(Refusal.THIS_OR_ALL, "forbidden", 403)),
        _lapsed,
        _withdrawn_by_a_pause,
    ],
)
def test_what_was_surely_not_placed_leaves_no_attempt(fate: Callable[[PlaceCall], None]) -> None:
    released(1)
    (job,) = _jobs()
    fate(job)
    call = Call.objects.get()
    assert (call.attempts, call.held_since, call.serial) == (0, None, 2)
    assert _rows(call) == []


def test_what_is_given_back_too_late_leaves_its_attempt() -> None:
    """A callback has proven that the carrier has it."""
    released(1)
    (job,) = _jobs()
    assert delivery.answered(job.attempt, now=timezone.now())
    assert delivery.give_back([job.attempt]) == 0
    assert _rows(Call.objects.get()) == [(1, 1, "")]


# --- Ended -----------------------------------------------------------------------------------------------------------


def test_each_attempt_of_a_call_has_its_end(settings: Any) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = ("failed",), 0
    released(1)
    for word in (CallStatus.FAILED, CallStatus.BUSY):
        (job,) = _jobs()
        keep_all([(job, Accepted(f"sid {word}", {}))], now=timezone.now())
        _ends(job, word)
    call = Call.objects.get()
    assert _rows(call) == [(1, 1, "failed"), (3, 2, "busy")]
    assert list(Attempt.objects.order_by("serial").values_list("sid", "did", "reason", "duration")) == [
        ("sid failed", django_settings.DID, "failed", 3),
        ("sid busy", django_settings.DID, "busy", 3),
    ]


def test_why_the_carrier_refused_a_call_stands_in_its_attempt() -> None:
    released(1)
    (job,) = _jobs()
    _refused(Refused(Refusal.THIS_REQUEST, "422 no such number", 422))(job)
    row = Attempt.objects.get()
    assert (row.ending, row.number, row.reason) == ("failed", 1, "422 no such number")


def test_a_call_that_is_forbidden_for_its_number_ends_without_an_attempt_and_with_the_reason() -> None:
    released(1)
    (job,) = _jobs()
    _refused(Refused(Refusal.THIS_OR_ALL, "forbidden", 403))(job)
    delivery.barred(timezone.now() + timedelta(seconds=1), now=timezone.now())
    row = Attempt.objects.get()
    assert (row.serial, row.number, row.claimed, row.ending) == (2, 0, None, "failed")
    assert row.reason == "forbidden for this number"


def test_calls_that_end_with_their_shout_have_a_row_each_whether_they_were_placed_or_not(
    django_capture_on_commit_callbacks: Any,
) -> None:
    message = released(3)
    up, waits, _ = _jobs()
    delivery.accepted([delivery.Placed(up.attempt, "sid", False, NOW)])
    delivery.give_back([waits.attempt])
    with django_capture_on_commit_callbacks(execute=True):
        shouts.end(message, ShoutStatus.TIMED_OUT, now=timezone.now())
    rows = {row.call_id: row for row in Attempt.objects.all()}
    assert {row.ending for row in rows.values()} == {"timed-out"}
    assert len(rows) == 3
    assert (rows[up.attempt.call_id].number, rows[up.attempt.call_id].sid) == (1, "sid")
    at_rest = rows[waits.attempt.call_id]
    assert (at_rest.number, at_rest.claimed, at_rest.did) == (0, None, "")


def test_a_shout_to_many_who_are_not_called_is_stored_by_few_statements() -> None:
    new = creation.NewShout(
        userdata="user",
        caller=factories.AUTHOR,
        recipients=[Recipient("12")] * 1 + [Recipient(f"1555555{at:03d}") for at in range(900)],
    )
    with CaptureQueriesContext(connection) as captured:
        creation.create(factories.application(), new, now=timezone.now())
    assert len(captured) < 25
    assert Attempt.objects.filter(ending="failed", number=0, reason__gt="").count() == 901


# --- As former releases leave it -------------------------------------------------------------------------------------


def test_an_attempt_that_a_former_release_claimed_has_its_row_once_it_ends() -> None:
    call = delivered(started=NOW)
    delivery.settled(
        delivery.CallAttempt(call.pk, 1), StatusReport(CallStatus.BUSY, "busy", "sid", 0, {}), now=timezone.now()
    )
    row = Attempt.objects.get()
    assert (row.serial, row.number, row.claimed, row.slot, row.ending) == (1, 1, NOW, None, "busy")


def test_an_attempt_that_a_former_release_has_ended_is_not_told_and_stands_in_nobodys_way() -> None:
    released(1)
    assert len(_jobs()) == 1
    # The former release ends it, and has it tried again at once.
    Call.objects.update(serial=2, held_since=None, status=CallStatus.READY, due_at=timezone.now())
    (again,) = _jobs()
    assert again.attempt.serial == 3
    told, _ = history.of_call(Call.objects.get())
    assert [(each.number, each.ending) for each in told] == [(2, None)]
    assert delivery.give_back([again.attempt]) == 1
    assert _rows(Call.objects.get()) == []


# --- Told ------------------------------------------------------------------------------------------------------------


def test_an_open_attempt_is_told_by_what_is_known_of_its_call() -> None:
    released(1)
    (job,) = _jobs()
    keep_all([(job, Accepted("sid", {}))], now=timezone.now())
    delivery.answered(job.attempt, now=timezone.now())
    delivery.detected(job.attempt, Answerer.HUMAN, now=timezone.now())
    delivery.pressed(job.attempt, "0", now=timezone.now())
    (told,), why = history.of_call(Call.objects.get())
    assert (told.number, told.sid, told.answerer, told.keys) == (1, "sid", "HUMAN", "0")
    assert told.answered
    assert (told.ended, told.ending, why) == (None, None, "")


# --- Keys ------------------------------------------------------------------------------------------------------------


def test_keys_are_noted_once_however_often_and_in_whatever_order_they_are_told() -> None:
    call = delivered(answerer="HUMAN")
    attempt = delivery.CallAttempt(call.pk, 1)
    for replays, digits, known in [
        (0, "0", "0"),
        (0, "0", "0"),
        (2, "9", "009"),
        (1, "0", "009"),
        (2, "", "009"),
        (2, "5", "009"),
        (3, "5", "0005"),
    ]:
        delivery.pressed(attempt, digits, replays=replays, now=timezone.now())
        call.refresh_from_db()
        assert (call.keys, digits) == (known, digits)
    delivery.settled(attempt, StatusReport(CallStatus.COMPLETED, "completed", "sid", 9, {}), now=timezone.now())
    assert Attempt.objects.get().keys == "0005"


def test_keys_are_those_of_the_latest_attempt(settings: Any) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = ("failed",), 0
    released(1)
    (job,) = _jobs()
    delivery.answered(job.attempt, now=timezone.now())
    delivery.pressed(job.attempt, "9", now=timezone.now())
    _ends(job, CallStatus.FAILED)
    assert Call.objects.get().keys == ""
    (again,) = _jobs()
    delivery.pressed(job.attempt, "77", now=timezone.now())
    delivery.pressed(again.attempt, "1" * 200, now=timezone.now())
    assert Call.objects.get().keys == "1" * 128
    assert Attempt.objects.get(serial=1).keys == "9"


def test_a_key_that_comes_between_the_look_and_the_end_is_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    call = delivered(answerer="HUMAN")
    attempt = delivery.CallAttempt(call.pk, 1)
    to_settle = attempts.to_settle
    looks: list[object] = []

    def press_meanwhile(asked: delivery.CallAttempt) -> Any:
        found = to_settle(asked)
        if not looks:
            delivery.pressed(asked, "9", now=timezone.now())
        looks.append(found)
        return found

    monkeypatch.setattr(attempts, "to_settle", press_meanwhile)
    delivery.settled(attempt, StatusReport(CallStatus.COMPLETED, "completed", "sid", 9, {}), now=timezone.now())
    assert (len(looks), Attempt.objects.get().keys) == (2, "9")
