"""What takes too long ends by itself, to the second; what is told late still counts for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.events import StatusReport
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import AuthorCall, Call, Gate, Message
from blast_api.records import writer
from blast_api.services import delivery, sweeps
from tests.kits import factories, unhurried
from tests.kits.world import World, lines, recipient

_EVERY_STATE = {
    "NO_REC_CALL": None,
    "PLACED": 300,
    "USER_ANSWERED": 15,
    "PRESSED_STAR": 600,
    "RECORDED": 600,
    "CONFIRMED": None,
    "CARRIERX_ERROR": None,
}


def _sweep_at(now: datetime) -> None:
    """Without a token: nobody can be asked what became of a call."""
    with override_settings(CARRIERX_API_TOKEN=""):
        sweeps.expire(now)
    sweeps.finish(now)
    writer.write_due()


# --- Shouts ----------------------------------------------------------------------------------------------------------


def _silence(settings: Settings, length_s: int = 8) -> timedelta:
    """How long after a call's start the carrier may be silent about it."""
    return timedelta(seconds=settings.RING_TIMEOUT + length_s * settings.CALL_LENGTH_RATIO + settings.MESSAGE_TIMEOUT)


def _stuck(world: World) -> tuple[Message, datetime]:
    """A shout with one call that ended and two that nothing is heard of, and when the later of them was last heard of."""
    shout = world.recorded(recipient(0), recipient(1), recipient(2))
    for number in (recipient(1), recipient(2)):
        world.carrier.inject("lose_status", number=number)
    unhurried.run_once()
    world.carrier.advance_until_idle()
    up = Call.objects.filter(finished=None).values_list("answered", flat=True)
    return Message.objects.get(pk=shout), max(moment for moment in up if moment)


def _report(call: Call) -> None:
    ended = StatusReport(CallStatus.COMPLETED, "completed", call.sid, 20, {})
    delivery.settled(delivery.CallAttempt(call.pk, call.serial), ended, now=timezone.now())


def test_calls_that_the_carrier_says_nothing_of_are_timed_out_and_then_their_shout(
    world: World, settings: Settings
) -> None:
    message, heard = _stuck(world)
    _sweep_at(heard + _silence(settings) - timedelta(seconds=5))
    assert world.status(message.pk) == "ongoing"
    _sweep_at(heard + _silence(settings) + timedelta(seconds=1))
    assert world.status(message.pk) == "timed-out"
    assert world.calls(message.pk) == {recipient(0): "completed", recipient(1): "timed-out", recipient(2): "timed-out"}
    assert sorted(line["status"] for line in lines(settings.CDR_LOGGER_PATH)) == ["completed", "timed-out", "timed-out"]
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["timed-out"]
    unhurried.run_once()
    assert len(world.carrier.arrivals) == 4


def test_calls_whose_end_was_lost_end_as_the_carriers_detail_records_tell(world: World, settings: Settings) -> None:
    people = {
        recipient(ending): end for ending, end in {0: "completed", 3: "busy", 4: "no-answer", 10: "no-answer"}.items()
    }
    shout = world.recorded(*people, recipient(1))
    world.carrier.inject("silent", number=recipient(1))  # of this one the carrier has no record
    for number in people:
        world.carrier.inject("lose_status", number=number)
    unhurried.run_once()
    world.carrier.advance_until_idle()
    assert set(world.calls(shout).values()) == {"ongoing"}
    for call in Call.objects.all():  # time passes for us and for the carrier
        moments = {name: at - _silence(settings) for name in ("started", "answered") if (at := getattr(call, name))}
        Call.objects.filter(pk=call.pk).update(**moments)
    world.carrier._epoch -= _silence(settings)
    unhurried.run_once()
    assert world.calls(shout) == people | {recipient(1): "timed-out"}
    told = {line["to_number"]: line for line in lines(settings.CDR_LOGGER_PATH)}
    assert {number: told[number]["status"] for number in people} == people
    assert told[recipient(0)]["duration"] == next(c for c in world.carrier.calls if c.number == recipient(0)).duration
    assert {told[number]["carrier_said"] for number in people} == {"SIP 200", "SIP 486", "SIP 480"}
    assert world.status(shout) == "timed-out"
    assert world.carrier.faults == []


def test_a_call_that_is_silent_holds_up_no_other_and_is_timed_out_by_itself(world: World, settings: Settings) -> None:
    settings.CALL_BATCH_SIZE, settings.PLACEMENT_HORIZON = 1, 0  # the second batch is not due yet
    settings.CALL_LENGTH_RATIO = 100
    shout = world.recorded(recipient(0), recipient(1))
    settings.CALL_LENGTH_RATIO = 1.5
    world.carrier.inject("silent", number=recipient(0))
    unhurried.run_once()
    begun = Call.objects.get(number=recipient(0)).started
    assert begun is not None
    _sweep_at(begun + _silence(settings) + timedelta(seconds=1))
    assert world.calls(shout) == {recipient(0): "timed-out", recipient(1): "ready"}
    assert world.status(shout) == "ongoing"


@pytest.mark.parametrize("wait", [timedelta(minutes=1), timedelta(hours=20)])
def test_what_waits_for_its_turn_is_never_timed_out(world: World, settings: Settings, wait: timedelta) -> None:
    """No cron for so long, a carrier that refuses us, a rate that is shared: none of that is the call's silence."""
    settings.MESSAGE_TIMEOUT = 1
    shout = world.recorded(*(recipient(0, index=index) for index in range(3)))
    world.carrier.inject("refuse", status=503, times=-1)
    unhurried.run_once()
    _sweep_at(timezone.now() + wait)
    assert set(world.calls(shout).values()) == {"ready"}
    assert world.status(shout) == "ongoing"
    world.carrier.injections.reset()
    Gate.objects.all().delete()
    world.play()
    assert set(world.calls(shout).values()) == {"completed"}
    assert world.status(shout) == "finished"


def test_ninety_shouts_at_once_call_everybody(world: World, settings: Settings) -> None:
    """They share the rate, so that each takes ninety times as long as it would alone; time-outs are long over by then."""
    settings.MESSAGE_TIMEOUT = settings.RING_TIMEOUT = 5
    settings.MAX_CALLS_PER_SECOND = 400
    source = world.recorded(recipient(0))
    world.play()
    people = [recipient(0, index=index) for index in range(4)]
    made = [world.shout(*people, **{"old-shout-id": source, "userdata": "user"}) for _ in range(90)]
    Message.objects.filter(pk__in=made).update(starts_at=timezone.now() - timedelta(hours=3))
    Call.objects.filter(message__in=made).update(due_at=timezone.now() - timedelta(hours=3))
    world.play()
    assert {world.status(shout) for shout in made} == {"finished"}
    assert set(Call.objects.filter(message__in=made).values_list("status", flat=True)) == {"completed"}


def test_late_news_within_the_window_settles_the_calls_and_then_the_shout(world: World, settings: Settings) -> None:
    message, heard = _stuck(world)
    _sweep_at(heard + _silence(settings) + timedelta(seconds=1))
    first, second = Call.objects.filter(status=CallStatus.TIMED_OUT)
    _report(first)
    assert world.status(message.pk) == "timed-out"
    _report(second)
    _report(second)
    assert world.status(message.pk) == "finished"
    writer.write_due()
    late = [line["status"] for line in lines(settings.CDR_LOGGER_PATH) if line["late"]]
    assert late == ["completed", "completed"]
    assert [(line["status"], line["late"]) for line in lines(settings.BDR_LOG_PATH)] == [
        ("timed-out", False),
        ("finished", True),
    ]
    assert Message.objects.get().closed is not None


@pytest.mark.parametrize(("seconds", "status"), [(-2, "completed"), (2, "timed-out")])
def test_news_count_until_the_window_ends(world: World, settings: Settings, seconds: float, status: str) -> None:
    settings.MESSAGE_TIMEOUT_CHECK_WINDOW = 12
    message, heard = _stuck(world)
    timed_out = heard + _silence(settings) + timedelta(seconds=1)
    _sweep_at(timed_out)
    _sweep_at(timed_out + timedelta(hours=12, seconds=seconds))
    call = Call.objects.get(number=recipient(1))
    _report(call)
    call.refresh_from_db()
    assert call.status == status
    assert (Message.objects.get(pk=message.pk).closed is not None) == (status == "timed-out")


def test_an_answer_after_the_time_out_is_hung_up_on(world: World, settings: Settings) -> None:
    world.recorded(recipient(0))
    unhurried.run_once()
    begun = Call.objects.get().started
    assert begun is not None
    _sweep_at(begun + _silence(settings) + timedelta(seconds=1))
    world.carrier.advance_until_idle()
    assert world.carrier.calls[-1].played == []
    assert world.carrier.faults == []


# --- Recording calls -------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "limit_s"), _EVERY_STATE.items())
def test_a_recording_call_may_stay_in_a_state_for_so_long(
    settings: Settings, state: str, limit_s: float | None
) -> None:
    settings.REC_CALL_STATUS_TIMEOUTS = _EVERY_STATE
    settings.MAX_RECORDING_SECONDS = 540  # a longer one, and the time around it, would move the limit of PRESSED_STAR
    message = factories.message()
    factories.call(message)
    since = timezone.now()
    factories.author_call(message, state=RecordingState(state), state_since=since)
    if limit_s is not None:
        _sweep_at(since + timedelta(seconds=limit_s))
        message.refresh_from_db()
        assert message.status == ShoutStatus.PENDING
    _sweep_at(since + timedelta(seconds=1 + (86400 if limit_s is None else limit_s)))
    message.refresh_from_db()
    assert message.status == (ShoutStatus.PENDING if limit_s is None else ShoutStatus.TIMED_OUT)
    assert len(lines(settings.BDR_LOG_PATH)) == (limit_s is not None)


@pytest.mark.django_db
@pytest.mark.parametrize(("longest_s", "limit_s"), [(600, 660), (540, 600), (7200, 660)])
def test_who_speaks_as_long_as_they_may_is_not_timed_out_for_it(
    settings: Settings, longest_s: int, limit_s: int
) -> None:
    settings.MAX_RECORDING_SECONDS = longest_s
    message = factories.message()
    factories.call(message)
    since = timezone.now()
    factories.author_call(message, state=RecordingState.PRESSED_STAR, state_since=since)
    _sweep_at(since + timedelta(seconds=limit_s - 1))
    message.refresh_from_db()
    assert message.status == ShoutStatus.PENDING
    _sweep_at(since + timedelta(seconds=limit_s + 1))
    message.refresh_from_db()
    assert message.status == ShoutStatus.TIMED_OUT


def test_an_author_who_dawdles_hears_no_more_and_their_call_is_recorded(world: World) -> None:
    shout = world.shout(recipient(0))
    world.carrier.advance(2)  # answered
    _sweep_at(timezone.now() + timedelta(seconds=16))
    assert world.status(shout) == "timed-out"
    world.carrier.advance_until_idle()
    writer.write_due()
    assert [line["message_id"] for line in lines(settings.REC_CDR_LOG_PATH)] == [shout]
    assert not AuthorCall.objects.get().file_sid
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["timed-out"]
