"""Requests that place no call: they are done again until they are done, and asking the carrier never guesses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from blast_api.carrierx.addresses import address
from blast_api.dispatch import inquiry
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.dispatcher import Dispatcher
from blast_api.dispatch.errands import KeepRecording, Withdraw, claim_errands
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import AuthorCall, Call, Gate, Message
from blast_api.services import sweeps
from blast_api.simulator import Carrier
from tests.kits import factories, unhurried
from tests.kits.released import claim, dispatch, hold, released

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("forty_a_second", "carrier")]


def _waiting_at_carrier(carrier: Carrier, count: int = 1, **fields: object) -> list[Call]:
    released(count, due=timedelta(seconds=100))
    dispatch()
    Call.objects.update(withdrawn=True, **fields)
    return list(Call.objects.all())


def _confirmed(**fields: object) -> AuthorCall:
    message = factories.message()
    factories.call(message)
    return factories.author_call(
        message, **{"recorded": True, "kept": False, "file_sid": "no-such-file", "due_at": timezone.now()} | fields
    )


# --- Withdrawing -----------------------------------------------------------------------------------------------------


def test_what_waits_for_a_listed_number_is_withdrawn(carrier: Carrier) -> None:
    (call,) = _waiting_at_carrier(carrier)
    dispatch()
    call.refresh_from_db()
    assert carrier.withdrawn == [call.sid]
    assert (call.status, call.started) == (CallStatus.DO_NOT_CALL, None)


@pytest.mark.parametrize(
    ("due_s", "status"), [(100, CallStatus.DO_NOT_CALL), (5, CallStatus.ONGOING), (-5, CallStatus.ONGOING)]
)
def test_a_call_that_no_longer_waits_rings_or_is_gone(carrier: Carrier, due_s: int, status: str) -> None:
    (call,) = _waiting_at_carrier(carrier, sid="unknown-to-the-carrier")
    Call.objects.update(due_at=timezone.now() + timedelta(seconds=due_s))
    dispatch()
    call.refresh_from_db()
    assert call.status == status


@pytest.mark.parametrize(
    "fault", [{"name": "refuse", "status": 500}, {"name": "drop_before"}, {"name": "refuse", "status": 401}]
)
def test_a_withdrawal_that_failed_is_done_again_later(carrier: Carrier, fault: dict[str, object]) -> None:
    (call,) = _waiting_at_carrier(carrier)
    carrier.inject(method="DELETE", path="/flexml/v1/calls", **fault)  # type: ignore[arg-type]
    dispatch()
    assert carrier.withdrawn == []
    assert claim_errands(DatabaseClock(), room=10) == []
    Call.objects.update(held_since=timezone.now() - timedelta(seconds=16))
    dispatch()
    assert carrier.withdrawn == [call.sid]


def test_errands_have_slots_of_their_own(carrier: Carrier) -> None:
    _waiting_at_carrier(carrier)
    _confirmed()
    Gate.objects.filter(pk=Gate.Lane.CALLS).update(next_slot=timezone.now().timestamp() + 20)
    assert claim().jobs == []
    jobs = claim_errands(DatabaseClock(), room=10)
    assert [type(job) for job in jobs] == [KeepRecording, Withdraw]
    assert jobs[1].slot > jobs[0].slot


# --- Keeping recordings ----------------------------------------------------------------------------------------------


def test_a_file_that_the_carrier_does_not_have_ends_the_shout(carrier: Carrier) -> None:
    recording = _confirmed()
    dispatch()
    recording.refresh_from_db()
    assert (recording.state, recording.kept) == (RecordingState.CARRIERX_ERROR, False)
    assert Message.objects.get().status == ShoutStatus.ERROR


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_file_that_could_not_be_kept_now_is_kept_later(carrier: Carrier, status: int) -> None:
    _confirmed()
    carrier.inject("refuse", status=status, method="PATCH", path="/core/v2/storage/files")
    dispatch()
    assert Message.objects.get().status == ShoutStatus.PENDING
    AuthorCall.objects.update(held_since=timezone.now() - timedelta(seconds=16))
    _file_told(carrier, "PATCH", lifecycle_ttl=-1)
    dispatch()
    assert AuthorCall.objects.get().kept
    assert sweeps.release(timezone.now()) == 1
    assert Message.objects.get().status == ShoutStatus.READY


def _file_told(carrier: Carrier, method: str, **told: object) -> None:
    body = json.dumps({"file_sid": "f", **told})
    carrier.inject("refuse", status=200, body=body, method=method, path="/core/v2/storage/files")


@pytest.mark.parametrize("told", [86400, "86400", 0, "", -2, [-1]])
def test_a_file_that_the_carrier_says_it_keeps_and_does_not_is_asked_for_again_and_then_lost(
    carrier: Carrier, told: object
) -> None:
    _confirmed()
    _file_told(carrier, "PATCH", lifecycle_ttl=told)
    dispatch()
    recording = AuthorCall.objects.get()
    assert (recording.state, recording.kept) == (RecordingState.CONFIRMED, False)
    assert claim_errands(DatabaseClock(), room=10) == []  # not at once
    longest_ago = timezone.now() - timedelta(minutes=11)
    AuthorCall.objects.update(held_since=longest_ago, state_since=longest_ago)
    _file_told(carrier, "PATCH", lifecycle_ttl=told)
    dispatch()
    assert AuthorCall.objects.get().state == RecordingState.CARRIERX_ERROR
    assert Message.objects.get().status == ShoutStatus.ERROR
    assert carrier.injections.waiting == ()


@pytest.mark.parametrize(
    ("told", "kept"),
    [({"lifecycle_ttl": -1}, True), ({"lifecycle_ttl": "-1"}, True), ({}, True), ({"lifecycle_ttl": 86400}, False)],
)
def test_where_the_answer_does_not_tell_of_the_files_time_the_file_is_looked_at(
    carrier: Carrier, told: dict[str, object], *, kept: bool
) -> None:
    _confirmed()
    _file_told(carrier, "PATCH")
    _file_told(carrier, "GET", **told)
    dispatch()
    assert AuthorCall.objects.get().kept == kept
    assert carrier.injections.waiting == ()


# --- Asking the carrier ----------------------------------------------------------------------------------------------


def _lost(due_s: float = 60, held_s: float = 20) -> Call:
    """A call whose answer was lost, some time ago, and which is to ring later."""
    call = released(1, due=timedelta(seconds=due_s)).calls.get()
    return hold(call, since=timezone.now() - timedelta(seconds=held_s))


def _listed_as(carrier: Carrier, **item: object) -> None:
    body = json.dumps({"items": [{}, [], None, {"url": 7}, item], "has_more": False})
    carrier.inject("refuse", status=200, body=body, method="GET", path="/flexml/v1/calls")


def test_a_lost_call_that_waits_at_the_carrier_is_accepted(carrier: Carrier) -> None:
    call = _lost()
    _listed_as(carrier, url=address(Party.RECIPIENT, call.pk, 1, "answered"), call_sid="found")
    dispatch()
    call.refresh_from_db()
    assert (call.status, call.sid, call.held_since) == (CallStatus.PENDING, "found", None)
    assert call.started == call.due_at


@pytest.mark.parametrize("sid", ["", None, 7, "x" * 65, "nul\x00", "\ud800"])
def test_a_sid_that_cannot_be_used_proves_nothing(carrier: Carrier, sid: object) -> None:
    call = _lost()
    _listed_as(carrier, url=address(Party.RECIPIENT, call.pk, 1, "answered"), call_sid=sid)
    dispatch()
    assert Call.objects.in_hand().get() == call


def test_an_older_attempt_at_the_carrier_is_another_call(carrier: Carrier) -> None:
    call = _lost()
    Call.objects.update(serial=2)
    _listed_as(carrier, url=address(Party.RECIPIENT, call.pk, 1, "answered"), call_sid="old")
    dispatch()
    assert Call.objects.in_hand().get() == call


@pytest.mark.parametrize(("due_s", "held_s"), [(60, 5), (-5, 20)])
def test_the_carrier_is_asked_only_when_it_can_tell(carrier: Carrier, due_s: float, held_s: float) -> None:
    call = _lost(due_s, held_s)
    _listed_as(carrier, url=address(Party.RECIPIENT, call.pk, 1, "answered"), call_sid="found")
    dispatch()
    assert len(carrier.injections.waiting) == 1


@pytest.mark.parametrize(
    "fault", [{"name": "refuse", "status": 401}, {"name": "refuse", "status": 503}, {"name": "drop"}]
)
def test_a_carrier_that_does_not_answer_proves_nothing(carrier: Carrier, fault: dict[str, object]) -> None:
    _lost()
    carrier.inject(method="GET", path="/flexml/v1/calls", **fault)  # type: ignore[arg-type]
    dispatch()
    assert carrier.injections.waiting == ()
    assert Call.objects.in_hand().count() == 1


def test_what_a_list_told_before_it_broke_off_is_true(carrier: Carrier) -> None:
    call = _lost()
    item = {"url": address(Party.RECIPIENT, call.pk, 1, "answered"), "call_sid": "found"}
    first_page = json.dumps({"items": [item], "has_more": True})
    carrier.inject("refuse", status=200, body=first_page, method="GET", path="/flexml/v1/calls")
    carrier.inject("refuse", status=503, method="GET", path="/flexml/v1/calls")
    dispatch()
    assert Call.objects.get().sid == "found"


def test_a_run_waits_for_a_slow_list_and_then_asks_no_more(carrier: Carrier) -> None:
    call = _lost()
    _slow_list(carrier, times=2)
    unhurried.run_once()
    assert len(carrier.injections.waiting) == 1
    assert carrier.injections.waiting[0].times == 1
    assert Call.objects.in_hand().get() == call


def test_a_slow_list_holds_up_no_claim_and_no_other_is_asked_for_meanwhile(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiry, "_ASKED_EVERY_S", 0.5)
    _lost()
    _slow_list(carrier, seconds=2.0)
    _listed_as(carrier)
    with unhurried.dispatcher() as dispatcher:
        _turn_until(dispatcher, lambda: len(carrier.injections.waiting) == 1)
        asked = time.monotonic()
        released(15)
        _turn_until(dispatcher, lambda: len(carrier.arrivals) == 15)
        assert time.monotonic() - asked < 1.9
        assert len(carrier.injections.waiting) == 1
        _turn_until(dispatcher, lambda: not carrier.injections.waiting)  # once it is answered, another is asked for
        assert time.monotonic() - asked >= 2.4


def test_who_is_told_to_stop_reads_no_list_to_its_end(carrier: Carrier) -> None:
    _lost()
    page = json.dumps({"items": [{}], "has_more": True})
    carrier.inject("refuse", status=200, body=page, method="GET", path="/flexml/v1/calls", times=-1)
    with unhurried.dispatcher() as dispatcher:
        _turn_until(dispatcher, lambda: dispatcher._out == 1)
        time.sleep(0.3)  # some pages
        begun = time.monotonic()
    assert time.monotonic() - begun < 1


def _slow_list(carrier: Carrier, *, seconds: float = 0.7, times: int = 1) -> None:
    carrier.inject("late", seconds=seconds, times=times, method="GET", path="/flexml/v1/calls")


def _turn_until(dispatcher: Dispatcher, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        dispatcher.turn(0.02)
