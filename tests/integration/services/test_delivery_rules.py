"""What the rules of a shout bring about: time limits, caps, machines, retries, and a pause by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.events import Answerer, StatusReport
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, Message
from blast_api.services import delivery, pauses, scripts, shouts, sweeps
from blast_api.services.attempts import CallAttempt
from tests.kits import factories
from tests.kits.released import claim, placed_of, released
from tests.kits.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("wide_gate")]

HOUR = timedelta(hours=1)
ENDED = {
    "completed": CallStatus.COMPLETED,
    "busy": CallStatus.BUSY,
    "no-answer": CallStatus.NO_ANSWER,
    "failed": CallStatus.FAILED,
}


def _up(message: Message) -> list[Call]:
    """Claim and place what is due."""
    claimed = placed_of(claim())
    now = timezone.now()
    delivery.accepted(
        [
            delivery.Placed(CallAttempt(call.pk, call.serial), f"sid-{call.pk}-{call.serial}", False, now)
            for call in claimed
        ]
    )
    return [call for call in claimed if call.message_id == message.pk]


def _end(call: Call, word: str = "completed") -> Call:
    report = StatusReport(ending=ENDED[word], word=word, sid="", duration_s=7, body={})
    delivery.settled(CallAttempt(call.pk, call.serial), report, now=timezone.now())
    call.refresh_from_db()
    return call


def _hear(call: Call, who: Answerer = Answerer.HUMAN) -> scripts.Script | None:
    attempt = CallAttempt(call.pk, call.serial)
    assert delivery.answered(attempt, now=timezone.now())
    return delivery.detected(attempt, who, now=timezone.now())


# --- Until -----------------------------------------------------------------------------------------------------------


def test_what_was_not_placed_in_time_expires_and_the_shout_finishes() -> None:
    message = released(3, due=HOUR, until=timezone.now() + timedelta(minutes=1))
    sweeps.expire(timezone.now())
    assert set(message.calls.values_list("status", flat=True)) == {CallStatus.READY}
    sweeps.expire(timezone.now() + timedelta(minutes=2))
    assert set(message.calls.values_list("status", "q850")) == {(CallStatus.EXPIRED, None)}
    message.refresh_from_db()
    assert message.status == ShoutStatus.FINISHED
    assert sweeps.expire(timezone.now() + timedelta(minutes=2)) == 0


def test_who_is_up_by_then_hears_it_out() -> None:
    message = released(1, until=timezone.now() + timedelta(minutes=1))
    (call,) = _up(message)
    sweeps.expire(timezone.now() + timedelta(minutes=2))
    assert _hear(call)
    assert _end(call).status == CallStatus.COMPLETED


def test_nothing_is_claimed_after_it_nor_handed_over_ahead_beyond_it() -> None:
    released(1, until=timezone.now() - timedelta(seconds=1))
    released(1, due=timedelta(seconds=90), until=timezone.now() + timedelta(seconds=60))
    assert claim().jobs == []


def test_one_that_is_paused_expires_as_well() -> None:
    message = released(1, until=timezone.now() + timedelta(minutes=1))
    pauses.pause(message, now=timezone.now())
    sweeps.expire(timezone.now() + timedelta(minutes=2))
    message.refresh_from_db()
    assert message.status == ShoutStatus.FINISHED


def test_a_shout_that_was_not_recorded_in_time_is_over() -> None:
    message = factories.message(until=timezone.now() - timedelta(seconds=1))
    factories.author_call(message)
    call = factories.call(message)
    sweeps.expire(timezone.now())
    message.refresh_from_db()
    call.refresh_from_db()
    assert (message.status, call.status) == (ShoutStatus.FINISHED, CallStatus.EXPIRED)
    assert not shouts.release(message, length_s=5, now=timezone.now())


def test_many_expire_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shouts, "_CHUNK", 10)
    message = released(25, due=HOUR, until=timezone.now())
    turns = 0
    while sweeps.expire(timezone.now()):
        turns += 1
    message.refresh_from_db()
    assert (turns, message.status) == (3, ShoutStatus.FINISHED)


def test_nobody_is_tried_again_after_it() -> None:
    """That call has its ending; it is not told as one that was never placed."""
    message = released(1, delivery={"retry": {"busy": 300}}, until=timezone.now() + timedelta(minutes=1))
    (call,) = _up(message)
    assert _end(call, "busy").status == CallStatus.BUSY


# --- Attempts, retries, machines -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "word", "after_s"),
    [
        ({"retry": {"busy": 300}}, "busy", 300),
        ({"retry": {"busy": 300}}, "failed", None),  # what is not named is not tried again
        ({"retry": {}}, "failed", None),
        ({"retry": {"no-answer": 1800}}, "no-answer", 1800),
        ({"attempts": 1}, "failed", None),
        ({"attempts": 2}, "failed", 60),
        (None, "failed", 60),
        (None, "busy", None),
    ],
)
def test_what_is_tried_again_is_the_shouts_choice(
    settings: Settings, rules: dict[str, Any] | None, word: str, after_s: int | None
) -> None:
    settings.RETRY_DELAY = 60
    message = released(1, delivery=rules)
    (call,) = _up(message)
    _end(call, word)
    if after_s is None:
        assert call.status == ENDED[word]
    else:
        assert call.status == CallStatus.READY
        assert call.due_at is not None
        assert timedelta(seconds=after_s - 5) < call.due_at - timezone.now() <= timedelta(seconds=after_s)


def test_there_are_no_more_attempts_than_were_asked_for(settings: Settings) -> None:
    settings.RETRY_DELAY = 0
    message = released(1, delivery={"attempts": 2})
    for status in (CallStatus.READY, CallStatus.FAILED):
        (call,) = _up(message)
        assert _end(call, "failed").status == status
    assert call.attempts == 2


@pytest.mark.parametrize("who", [Answerer.HUMAN, Answerer.NOT_SURE])
@pytest.mark.parametrize("machines", ["hang up", "retry"])
def test_people_hear_it_whatever_is_said_of_machines(machines: str, who: Answerer) -> None:
    message = released(1, delivery={"machines": machines})
    (call,) = _up(message)
    assert _hear(call, who)
    assert _end(call).status == CallStatus.COMPLETED


def test_a_machine_hears_the_message_unless_it_is_said_otherwise() -> None:
    for rules in (None, {"attempts": 1}, {"machines": "message"}):
        message = released(1, delivery=rules)
        (call,) = _up(message)
        assert _hear(call, Answerer.MACHINE)
        assert _end(call).status == CallStatus.COMPLETED
        assert call.answerer == "MACHINE"


def test_a_machine_hears_nothing_and_is_not_tried_again() -> None:
    message = released(1, delivery={"machines": "hang up", "retry": {"no-answer": 60, "machine": 60}})
    (call,) = _up(message)
    assert _hear(call, Answerer.MACHINE) is None
    _end(call)
    assert (call.status, call.answerer, call.machine) == (CallStatus.NO_ANSWER, "", True)
    reason = Attempt.objects.get(call=call).reason
    assert reason == "completed (a machine answered, which hears nothing by the shout's rules)"


@pytest.mark.parametrize(("rules", "after_s"), [({"retry": {"machine": 600}}, 600), ({}, 3600)])
def test_a_machine_is_tried_again_as_an_ending_of_its_own(rules: dict[str, Any], after_s: int) -> None:
    message = released(1, delivery={"machines": "retry", **rules})
    (call,) = _up(message)
    assert _hear(call, Answerer.MACHINE) is None
    _end(call)
    assert call.status == CallStatus.READY
    assert call.due_at is not None
    assert timedelta(seconds=after_s - 5) < call.due_at - timezone.now() <= timedelta(seconds=after_s)
    Call.objects.update(due_at=timezone.now())
    (again,) = _up(message)
    assert not again.machine
    assert _hear(again)
    assert _end(again).status == CallStatus.COMPLETED


# --- Pause by itself -------------------------------------------------------------------------------------------------


def _ends(message: Message, calls: list[Call], *words: str) -> bool:
    """End these, one after another; whether the shout is paused then."""
    for call, word in zip(calls, words, strict=True):
        _end(call, word)
    message.refresh_from_db()
    return message.paused_at is not None


def test_a_shout_whose_calls_fail_is_paused_by_itself() -> None:
    message = released(9, delivery={"pause_at": {"failed_percent": 50, "of": 4}, "retry": {}})
    calls = _up(message)
    assert not _ends(message, calls[:4], "failed", "completed", "busy", "no-answer")
    assert not _ends(message, calls[4:6], "failed", "completed")
    assert _ends(message, calls[6:7], "failed")
    assert message.paused_because == "pause_at"
    factories.call(message, status=CallStatus.READY, due_at=timezone.now())
    assert claim().jobs == []


def test_after_it_was_resumed_only_new_attempts_count() -> None:
    message = released(8, delivery={"pause_at": {"failed_percent": 50, "of": 4}, "retry": {}})
    calls = _up(message)
    assert _ends(message, calls[:4], *["failed"] * 4)
    pauses.resume(message, now=timezone.now())
    assert not _ends(message, calls[4:5], "failed")


def test_one_that_is_over_is_not_paused_at_its_last_call() -> None:
    message = released(4, delivery={"pause_at": {"failed_percent": 50, "of": 4}, "retry": {}})
    assert not _ends(message, _up(message), *["failed"] * 4)
    assert message.status == ShoutStatus.FINISHED


@pytest.mark.parametrize("rules", [{"pause_at": None}, {"pause_at": {"failed_percent": 100, "of": 5}}])
def test_one_that_should_not_is_not(rules: dict[str, Any]) -> None:
    message = released(6, delivery={**rules, "retry": {}})
    calls = _up(message)
    for call, word in zip(calls, ["failed", "failed", "busy", "failed", "failed"], strict=False):
        _end(call, word)
    message.refresh_from_db()
    assert message.paused_at is None


# --- Caps ------------------------------------------------------------------------------------------------------------


def test_a_number_that_has_heard_enough_is_capped_with_the_calls_that_count(settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 2, "days": 30}
    counting = []
    for _ in range(2):
        message = released(1)
        (call,) = _up(message)
        _hear(call)
        counting.append(_end(call).pk)
    capped = released(1)
    assert claim().jobs == []
    call = capped.calls.get()
    assert (call.status, call.q850, call.attempts) == (CallStatus.CAPPED, None, 0)
    capped.refresh_from_db()
    assert capped.status == ShoutStatus.FINISHED
    reason = Attempt.objects.get(call=call).reason
    assert reason == f"the cap of 2 in 30 days is reached: {counting[0]}, {counting[1]}"


def test_two_shouts_in_one_claim_do_not_exceed_it_together(settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 1}
    for _ in range(3):
        released(1)
    assert len(placed_of(claim())) == 1
    assert Call.objects.filter(status=CallStatus.CAPPED).count() == 2


@pytest.mark.parametrize(("scope", "rings"), [("user", True), ("application", False)])
def test_a_cap_counts_over_its_scope(settings: Settings, scope: str, rings: bool) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 30, "scope": scope}
    (call,) = _up(released(1))
    _hear(call)
    _end(call)
    released(1, userdata="another user")
    other = released(1, application=factories.application(name="other"))
    found = {call.message_id for call in placed_of(claim())}
    assert other.pk in found
    assert (len(found) == 2) is rings


def test_what_was_not_heard_or_long_ago_does_not_count(settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 30}
    (unheard,) = _up(released(1, delivery={"retry": {}}))
    _end(unheard, "no-answer")
    (long_ago,) = _up(released(1))
    _hear(long_ago)
    _end(long_ago)
    Call.objects.filter(pk=long_ago.pk).update(answered=timezone.now() - timedelta(days=31))
    assert len(_up(released(1))) == 1


# --- Who is on a list ------------------------------------------------------------------------------------------------


def test_who_was_not_called_because_of_a_key_is_told_by_which_call() -> None:
    (call,) = _up(released(1))
    _hear(call)
    delivery.pressed(CallAttempt(call.pk, call.serial), "5", now=timezone.now())
    skipped = released(1).calls.get()
    assert claim().jobs == []
    reason = Attempt.objects.get(call=skipped).reason
    assert reason.startswith("on the do-not-call list since ")
    assert reason.endswith(f"Z, by call {call.pk}")


@pytest.mark.parametrize("cap", [1, 3])
def test_two_hosts_never_exceed_a_cap_together(settings: Settings, cap: int) -> None:
    """Shouts to one number, claimed at once: the gate lets one after another see what is up."""
    settings.FREQUENCY_CAP = {"calls": cap, "days": 30}
    shouts_ = [released(1) for _ in range(8)]
    found: list[Call] = []

    def claim_on_a_host() -> None:
        for _ in range(3):
            found.extend(placed_of(claim(room=2)))

    at_once(claim_on_a_host, times=4)
    while Call.objects.due(timezone.now()).exists():
        found.extend(placed_of(claim()))
    assert len(found) == cap
    assert Call.objects.filter(status=CallStatus.CAPPED).count() == len(shouts_) - cap
