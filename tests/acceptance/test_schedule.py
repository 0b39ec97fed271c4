"""A shout for later: handed over shortly before, rung at its time, and moved as a whole if the service was down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Call, Message
from blast_api.services import shouts
from tests.kits import unhurried
from tests.kits.world import World, recipient


@pytest.fixture(autouse=True)
def _small_batches(settings: Settings) -> None:
    settings.CALL_BATCH_SIZE = 2
    settings.PLACEMENT_HORIZON = 120


_PEOPLE = [recipient(0, index=index) for index in range(6)]


def _scheduled(world: World, seconds: float) -> int:
    at = timezone.now() + timedelta(seconds=seconds)
    shout = world.recorded(*_PEOPLE, schedule=at.isoformat())
    assert world.status(shout) == "scheduled"
    return shout


def _let_time_pass(seconds: float) -> None:
    """Everything that was planned is that much nearer."""
    passed = timedelta(seconds=seconds)
    plan = {
        "starts_at": F("starts_at") - passed,
        "schedule": F("schedule") - passed,
    }
    Message.objects.update(**plan)
    Call.objects.update(due_at=F("due_at") - passed)


def test_nothing_is_handed_over_before_the_horizon(world: World) -> None:
    shout = _scheduled(world, 500)
    unhurried.run_once()
    assert len(world.carrier.calls) == 1
    assert world.status(shout) == "scheduled"


def test_batches_are_handed_over_as_they_come_near_with_their_delays(world: World) -> None:
    shout = _scheduled(world, 115)  # batches 12 seconds apart: 8 of recording, times 1.5
    unhurried.run_once()
    assert sorted(call.number for call in world.carrier.waiting) == _PEOPLE[:2]
    assert {call.delay for call in world.carrier.waiting} <= set(range(100, 116))
    assert world.status(shout) == "scheduled"
    assert set(world.calls(shout).values()) == {"pending", "ready"}
    _let_time_pass(30)
    unhurried.run_once()
    assert sorted(call.number for call in world.carrier.waiting) == _PEOPLE
    of_time = {call.number: call.delay for call in world.carrier.waiting[2:]}
    batches = [{of_time[number] for number in _PEOPLE[start : start + 2]} for start in (2, 4)]
    assert 11 <= min(batches[1]) - max(batches[0]) <= 13


def test_it_is_ongoing_from_its_time_on(world: World) -> None:
    shout = _scheduled(world, 60)
    unhurried.run_once()
    assert world.status(shout) == "scheduled"
    _let_time_pass(60.5)
    unhurried.run_once()
    assert world.status(shout) == "ongoing"
    world.play()
    assert world.status(shout) == "finished"


def test_a_shout_that_begins_late_moves_its_whole_plan(world: World) -> None:
    shout = _scheduled(world, 500)
    _let_time_pass(1000)
    before = Message.objects.get(pk=shout)
    now = timezone.now()
    assert shouts.begin_due(now) == 1
    after = Message.objects.get(pk=shout)
    assert before.starts_at is not None
    assert (after.status, after.started, after.starts_at) == ("ongoing", now, now)
    batches = Call.objects.order_by("position").values_list("due_at", flat=True)
    assert [(due_at - now).total_seconds() for due_at in batches if due_at] == [0, 0, 12, 12, 24, 24]


def test_a_shout_that_is_hardly_late_keeps_its_plan(world: World) -> None:
    shout = _scheduled(world, 500)
    starts_at = Message.objects.get(pk=shout).starts_at
    assert starts_at is not None
    assert shouts.begin_due(starts_at + timedelta(seconds=0.9)) == 1
    assert Message.objects.get(pk=shout).starts_at == starts_at


def test_what_waits_at_the_carrier_is_not_moved(world: World) -> None:
    _scheduled(world, 110)
    unhurried.run_once()
    _let_time_pass(160)
    held = set(Call.objects.filter(sid__gt="").values_list("pk", "due_at"))
    assert held
    shouts.begin_due(timezone.now())
    assert set(Call.objects.filter(sid__gt="").values_list("pk", "due_at")) == held
