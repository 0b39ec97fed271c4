"""A shout paused at each stage: nobody new is rung, who listens hears it out, and everybody is called in the end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from blast_api import cron
from blast_api.models import Call
from tests.kits.world import AUTHOR, World, lines, recipient


@pytest.fixture(autouse=True)
def _fast(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40


def _pause(world: World, shout: int) -> None:
    answer = world.post(f"/shouts/{shout};pause", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "paused")
    assert world.post(f"/shouts/{shout};pause", {}).json() == answer.json()


def _resume(world: World, shout: int) -> None:
    for _ in range(10):
        assert world.post(f"/shouts/{shout};resume", {}).status_code == 200
    assert world.status(shout) != "paused"


def _everybody_is_called_once(world: World, shout: int, *numbers: str) -> None:
    world.play()
    cron.run_once()
    world.play()
    assert world.calls(shout) == dict.fromkeys(numbers, "completed")
    heard = Counter(call.number for call in world.carrier.calls if call.played and call.number != AUTHOR)
    assert heard == Counter(numbers)
    assert sorted(line["to_number"] for line in lines(settings.CDR_LOGGER_PATH)) == sorted(numbers)
    assert {line["attempt"] for line in lines(settings.CDR_LOGGER_PATH)} == {1}
    assert world.carrier.faults == []


def test_while_it_is_ready(world: World) -> None:
    numbers = [recipient(0, index=index) for index in range(3)]
    shout = world.recorded(*numbers)
    _pause(world, shout)
    cron.run_once()
    assert [call.number for call in world.carrier.calls] == [AUTHOR]
    _resume(world, shout)
    cron.run_once()
    _everybody_is_called_once(world, shout, *numbers)


def test_while_it_is_being_recorded(world: World) -> None:
    """Who is on the line records the message; recipients wait."""
    shout = world.shout(recipient(0))
    _pause(world, shout)
    world.play()
    cron.run_once()
    world.play()
    assert {call.number for call in world.carrier.calls} <= {AUTHOR}
    _resume(world, shout)
    cron.run_once()
    world.play()
    cron.run_once()
    world.keep(shout)
    cron.run_once()
    _everybody_is_called_once(world, shout, recipient(0))


def test_while_its_calls_wait_at_the_carrier(world: World) -> None:
    numbers = [recipient(0, index=index) for index in range(4)]
    shout = world.recorded(*numbers, schedule=(timezone.now() + timedelta(seconds=60)).isoformat())
    cron.run_once()
    assert len(world.carrier.waiting) == 4
    _pause(world, shout)
    cron.run_once()
    assert len(world.carrier.withdrawn) == 4
    assert set(Call.objects.values_list("status", "attempts", "sid", "withdrawn")) == {("ready", 0, "", False)}
    world.carrier.advance(120)
    assert all(call.heard == [] for call in world.carrier.calls[1:])
    _resume(world, shout)
    cron.run_once()
    _everybody_is_called_once(world, shout, *numbers)


def test_what_nobody_has_taken_back_yet_stays_with_the_carrier(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=(timezone.now() + timedelta(seconds=60)).isoformat())
    cron.run_once()
    world.carrier.inject("refuse", status=503, method="DELETE", path="/flexml/v1/calls")
    _pause(world, shout)
    Call.objects.update(held_since=None)
    _resume(world, shout)
    cron.run_once()
    assert world.carrier.withdrawn == []
    _everybody_is_called_once(world, shout, recipient(0))


@pytest.mark.parametrize("seconds", [1, 8], ids=["rings", "listens"])
def test_who_rings_or_listens_hears_it_out(world: World, seconds: int) -> None:
    shout = world.recorded(recipient(0))
    cron.run_once()
    world.carrier.advance(seconds)
    _pause(world, shout)
    _everybody_is_called_once(world, shout, recipient(0))
    assert world.status(shout) == "finished"


def test_who_answers_before_the_call_is_back_hears_it_out(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=(timezone.now() + timedelta(seconds=60)).isoformat())
    cron.run_once()
    world.carrier.inject("refuse", status=503, method="DELETE", path="/flexml/v1/calls")
    _pause(world, shout)
    _everybody_is_called_once(world, shout, recipient(0))
    assert world.status(shout) == "finished"


def test_canceled_while_it_is_paused(world: World) -> None:
    shout = world.recorded(recipient(0), recipient(1), schedule=(timezone.now() + timedelta(seconds=60)).isoformat())
    cron.run_once()
    _pause(world, shout)
    assert world.delete(f"/shouts/{shout};cancel").json()["status"] == "canceled"
    cron.run_once()
    world.play()
    assert all(call.played == [] for call in world.carrier.calls[1:])
    world.sweep()
    assert set(world.calls(shout).values()) == {"cancelled"}
