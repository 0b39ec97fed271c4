"""Real dispatchers against a carrier in real time, killed at any moment: everybody hears the message, nobody twice."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from blast_api.domain.states import RecordingState
from blast_api.models import AuthorCall, Call
from blast_api.simulator import Carrier, RealClock, serve
from tests.kits.processes import Processes, processes, wait_until
from tests.kits.world import World, recipient

_SPEED = 60.0
_RATE = 40


@pytest.fixture
def real_world(transactional_db: None, live_server: LiveServer, settings: Settings) -> Iterator[World]:
    """The service on loopback, and a carrier whose people act by themselves, many times as fast as people do."""
    carrier = Carrier(
        RealClock(_SPEED),
        user=settings.FLEXML_API_USER,
        password=settings.FLEXML_API_PASSWORD,
        token=settings.CARRIERX_API_TOKEN,
        workers=8,
    )
    settings.BASE_CALLCONTROL_API_URL = f"{live_server.url}/api/v1/call-control"
    settings.MAX_CALLS_PER_SECOND = _RATE
    with serve(carrier) as url:
        settings.BASE_CARRIERX_API_URL = url
        carrier.start()
        yield World(carrier, live_server.url)
        carrier.stop()


def _recorded(world: World, people: list[str]) -> int:
    shout = world.shout(*people)
    wait_until(lambda: AuthorCall.objects.filter(pk=shout, state=RecordingState.CONFIRMED).exists())
    world.keep(shout)
    assert world.status(shout) == "ready"
    return shout


def _heard(world: World, shout: int) -> list[str]:
    """The number of each person, once for each time that they were played the message."""
    message = AuthorCall.objects.get(pk=shout).url
    return sorted(call.number for call in world.carrier.calls for played in call.played if played == message)


def _starting(group: Processes, world: World) -> None:
    """A dispatcher that has placed its first calls."""
    group.manage("runcrons", "--linger=120")
    _placing(world, 1)


def _placing(world: World, count: int) -> None:
    """Wait until so many more calls have been placed."""
    before = len(world.carrier.arrivals)
    wait_until(lambda: len(world.carrier.arrivals) >= before + count)


def test_dispatchers_killed_at_any_moment(real_world: World) -> None:
    world, people = real_world, [recipient(0, index=index) for index in range(200)]
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    shout = _recorded(world, people)
    # Longer than the time from a placement to its first callback, also on a busy machine.
    with processes(PLACEMENT_CONFIRM_TIMEOUT=6, CALL_BATCH_SIZE=1000) as group:
        count = 3 if connection.vendor == "postgresql" else 2
        alive = [group.manage("runcrons", "--linger=120") for _ in range(count)]
        for _ in range(6):
            _placing(world, moments.randint(1, 20))
            time.sleep(moments.uniform(0, 0.1))
            group.kill(alive.pop(moments.randrange(len(alive))))
            alive.append(group.manage("runcrons", "--linger=120"))
        wait_until(lambda: world.status(shout) == "finished")
    assert _heard(world, shout) == sorted(people), f"seed {seed}"
    assert sorted(call.number for call in world.carrier.calls[1:]) == sorted(people), f"seed {seed}"
    assert set(Call.objects.values_list("status", flat=True)) == {"completed"}
    assert world.carrier.faults == []


def test_a_dispatcher_told_to_stop_has_nothing_in_hand_when_it_goes(real_world: World) -> None:
    world, people = real_world, [recipient(0, index=index) for index in range(60)]
    shout = _recorded(world, people)
    world.carrier.inject("late", seconds=2, times=5)
    with processes(CALL_BATCH_SIZE=1000) as group:
        _starting(group, world)
        group.children[-1].send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert group.children[-1].wait(30) == 0
        assert time.monotonic() - begun < 10
        assert Call.objects.in_hand().count() == 0
        assert 0 < len(world.carrier.arrivals) < len(people)
        group.manage("runcrons", "--linger=120")
        wait_until(lambda: world.status(shout) == "finished")
    assert _heard(world, shout) == sorted(people)
    assert len(world.carrier.arrivals) == 1 + len(people)
