"""What takes too long ends by itself, to the second; what is told late still counts for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from blast_api import cron, records, sweeps
from blast_api.carrierx.events import StatusReport
from blast_api.models import Call, Message, Recording
from blast_api.services import delivery
from blast_api.states import CallStatus, RecordingState, ShoutStatus
from tests import factories
from tests.world import World, lines, recipient

_EVERY_STATE = {
    "NO_REC_CALL": None,
    "PLACED": 300,
    "USER_ANSWERED": 15,
    "PRESSED_STAR": 600,
    "RECORDED": 600,
    "CONFIRMED": None,
    "CARRIERX_ERROR": None,
}


@pytest.fixture(autouse=True)
def _pace(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40


def _sweep_at(now: datetime) -> None:
    sweeps.expire(now)
    sweeps.finish(now)
    records.write_due()


# --- Shouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "batch", "rate", "ratio", "retries", "delay", "seconds"),
    [
        (1, 50, 25, 1.5, 0, 0, 1 * 8 * 1.5 + 1 / 25 + 300),
        (4, 2, 40, 1.5, 3, 0, 2 * 8 * 1.5 + 4 / 40 + 300),
        (5, 2, 10, 2.0, 3, 60, 3 * 8 * 2.0 + 5 / 10 + 3 * 60 + 300),
        (3, 1, 40, 1.0, 2, {"failed": 30, "busy": 100}, 3 * 8 * 1.0 + 3 / 40 + 2 * 30 + 300),
    ],
)
def test_the_deadline_is_the_sum_of_all_that_a_shout_may_take(
    world: World,
    settings: Settings,
    calls: int,
    batch: int,
    rate: int,
    ratio: float,
    retries: int,
    delay: object,
    seconds: float,
) -> None:
    settings.CALL_BATCH_SIZE, settings.MAX_CALLS_PER_SECOND, settings.CALL_LENGTH_RATIO = batch, rate, ratio
    settings.MAX_RETRIES, settings.RETRY_DELAY = retries, delay
    shout = world.recorded(*(recipient(0, index=index) for index in range(calls)))
    message = Message.objects.get(pk=shout)
    assert Recording.objects.get().length_s == 8
    assert message.deadline is not None
    assert message.starts_at is not None
    assert (message.deadline - message.starts_at).total_seconds() == pytest.approx(seconds, abs=0.001)


def _stuck(world: World) -> Message:
    """A shout with one call that ended, one that nothing is heard of, and one that never left."""
    shout = world.recorded(recipient(0), recipient(1), recipient(2))
    world.carrier.inject("lose_status", number=recipient(1))
    world.carrier.inject("refuse", status=500, number=recipient(2))
    cron.run_once()
    world.carrier.advance_until_idle()
    message = Message.objects.get(pk=shout)
    assert message.deadline is not None
    return message


def _report(call: Call) -> None:
    ended = StatusReport(CallStatus.COMPLETED, "completed", call.sid, 20, {})
    delivery.settled(delivery.Attempt(call.pk, call.serial), ended, now=timezone.now())


def test_past_the_deadline_the_shout_and_its_open_calls_are_timed_out(world: World) -> None:
    message = _stuck(world)
    assert message.deadline is not None
    _sweep_at(message.deadline)
    assert world.status(message.pk) == "ongoing"
    _sweep_at(message.deadline + timedelta(seconds=1))
    assert world.status(message.pk) == "timed-out"
    assert world.calls(message.pk) == {recipient(0): "completed", recipient(1): "timed-out", recipient(2): "timed-out"}
    assert sorted(line["status"] for line in lines(settings.CDR_LOGGER_PATH)) == ["completed", "timed-out", "timed-out"]
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["timed-out"]
    cron.run_once()
    assert len(world.carrier.arrivals) == 4


def test_late_news_within_the_window_settles_the_calls_and_then_the_shout(world: World, settings: Settings) -> None:
    message = _stuck(world)
    assert message.deadline is not None
    _sweep_at(message.deadline + timedelta(seconds=1))
    first, second = Call.objects.filter(status=CallStatus.TIMED_OUT)
    _report(first)
    assert world.status(message.pk) == "timed-out"
    _report(second)
    _report(second)
    assert world.status(message.pk) == "finished"
    records.write_due()
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
    message = _stuck(world)
    assert message.deadline is not None
    _sweep_at(message.deadline + timedelta(seconds=1))
    _sweep_at(message.deadline + timedelta(hours=12, seconds=seconds))
    call = Call.objects.get(number=recipient(1))
    _report(call)
    call.refresh_from_db()
    assert call.status == status
    assert (Message.objects.get().closed is not None) == (status == "timed-out")


def test_an_answer_after_the_deadline_is_hung_up_on(world: World) -> None:
    shout = world.recorded(recipient(0))
    cron.run_once()
    deadline = Message.objects.get(pk=shout).deadline
    assert deadline is not None
    _sweep_at(deadline + timedelta(seconds=1))
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
    message = factories.message()
    factories.call(message)
    since = timezone.now()
    factories.recording(message, state=RecordingState(state), state_since=since)
    if limit_s is not None:
        _sweep_at(since + timedelta(seconds=limit_s))
        message.refresh_from_db()
        assert message.status == ShoutStatus.PENDING
    _sweep_at(since + timedelta(seconds=1 + (86400 if limit_s is None else limit_s)))
    message.refresh_from_db()
    assert message.status == (ShoutStatus.PENDING if limit_s is None else ShoutStatus.TIMED_OUT)
    assert len(lines(settings.BDR_LOG_PATH)) == (limit_s is not None)


def test_an_author_who_dawdles_hears_no_more_and_their_call_is_recorded(world: World) -> None:
    shout = world.shout(recipient(0))
    world.carrier.advance(2)  # answered
    _sweep_at(timezone.now() + timedelta(seconds=16))
    assert world.status(shout) == "timed-out"
    world.carrier.advance_until_idle()
    records.write_due()
    assert [line["message_id"] for line in lines(settings.REC_CDR_LOG_PATH)] == [shout]
    assert not Recording.objects.get().file_sid
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["timed-out"]
