"""A dispatcher that dies or fails at any point of placing a call: everybody is called, nobody hears the message twice."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from blast_api.conf import configuration
from blast_api.domain.states import CallStatus
from blast_api.models import AuthorCall, Call, Gate
from blast_api.services import authors, delivery
from tests.kits import unhurried
from tests.kits.crashing import POINTS, Accident, accident_at
from tests.kits.processes import processes
from tests.kits.world import World, lines, recipient

_LOST_BEFORE_THE_CARRIER_HAD_IT = POINTS[: POINTS.index("after it is sent, before the answer")]


def _run_that_dies(point: str, table: str) -> None:
    with processes() as group:
        child = group.start("-m", "tests.kits.crashing", point, table)
        assert child.wait(60) == -signal.SIGKILL, f"it passed {point!r} alive"


def _run_that_fails(point: str, table: str) -> None:
    """Once, at the first call that passes the point; whatever part of the run survives that goes on."""
    happened: list[str] = []

    def fail() -> None:
        if not happened:
            happened.append(point)
            raise Accident(point)

    with accident_at(point, table, fail), suppress(Accident):
        unhurried.run_once()
    assert happened
    Gate.objects.update(shut_until=None)  # it may have been taken for the carrier's trouble


_RUNS = pytest.mark.parametrize("run", [_run_that_dies, _run_that_fails])


def _confirm_time_passes() -> None:
    later = timezone.now() + timedelta(seconds=configuration().placement_confirm_timeout + 1)
    delivery.lapse(later)
    authors.lapse(later)


@_RUNS
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_while_placing_a_call(world: World, point: str, run: Callable[[str, str], None]) -> None:
    people = [recipient(0), recipient(3), recipient(9)]
    shout = world.recorded(*people)
    run(point, "blast_api_call")
    if run is _run_that_dies and point in _LOST_BEFORE_THE_CARRIER_HAD_IT:
        assert world.carrier.calls[1:] == []
    world.carrier.advance_until_idle()  # whoever was called answers now, and the callbacks prove it
    _confirm_time_passes()
    world.play()

    message = AuthorCall.objects.get(pk=shout).url
    rung = [call.number for call in world.carrier.calls[1:]]
    heard = [call.number for call in world.carrier.calls[1:] for played in call.played if played == message]
    assert sorted(rung) == sorted(people)
    assert sorted(heard) == sorted([recipient(0), recipient(9)])
    assert world.calls(shout) == {recipient(0): "completed", recipient(3): "busy", recipient(9): "completed"}
    assert world.status(shout) == "finished"
    cdr = lines(settings.CDR_LOGGER_PATH)
    assert sorted(line["to_number"] for line in cdr) == sorted(people)
    assert {line["num_retries"] for line in cdr} == {0}
    assert {line["sid"] for line in cdr} == {call.sid for call in world.carrier.calls[1:]}
    assert len(lines(settings.BDR_LOG_PATH)) == 1
    assert world.carrier.faults == []


@_RUNS
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_while_ringing_the_author(world: World, point: str, run: Callable[[str, str], None]) -> None:
    shut_until = timezone.now() + timedelta(hours=1)
    Gate.objects.create(lane=Gate.Lane.CALLS, shut_until=shut_until)  # the request itself is not to ring
    shout = world.shout(recipient(0))
    assert world.carrier.arrivals == []
    Gate.objects.update(shut_until=None)
    run(point, "blast_api_recording")
    if run is _run_that_dies and point in _LOST_BEFORE_THE_CARRIER_HAD_IT:
        assert world.carrier.calls == []
    world.carrier.advance_until_idle()
    _confirm_time_passes()
    world.play()

    assert [call.number for call in world.carrier.calls] == ["15555552090", recipient(0)]
    assert world.status(shout) == "finished"
    assert Call.objects.get().status == CallStatus.COMPLETED
    assert [line["message_id"] for line in lines(settings.REC_CDR_LOG_PATH)] == [shout]
    assert len(lines(settings.CDR_LOGGER_PATH)) == 1
    assert AuthorCall.objects.get().attempts == 1
    assert world.carrier.faults == []
