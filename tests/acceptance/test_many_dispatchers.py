"""Several cron runs at once, as processes of their own, place each call once and keep the one rate together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Call
from tests.kits import unhurried
from tests.kits.processes import processes
from tests.kits.world import World, recipient

_RATE = 20
# Seconds. What is measured is when a request reached the carrier's Python, which a busy machine may hold up by so much:
# the property itself is proved for the slots. Two dispatchers that do not share would be twice as fast.
_NOISE = 0.15


@pytest.mark.parametrize("count", [2, 4])
def test_dispatchers_share_the_calls_and_the_rate(world: World, settings: Settings, count: int) -> None:
    settings.MAX_CALLS_PER_SECOND = _RATE
    people = [recipient(0, index=index) for index in range(50)]
    for shout in (people[:10], people[10:]):
        world.recorded(*shout)
    before = len(world.carrier.arrivals)
    with processes() as group:
        children = [group.manage("runcrons") for _ in range(count)]
        assert [child.wait(60) for child in children] == [0] * count
    arrivals = world.carrier.arrivals[before:]
    assert sorted(arrival.number for arrival in arrivals) == sorted(people)
    assert _most_within(1.0 - _NOISE, [arrival.at for arrival in arrivals]) <= _RATE
    assert set(Call.objects.values_list("status", "held_since", "attempts")) == {("ongoing", None, 1)}
    assert {call.sid for call in Call.objects.all()} == {call.sid for call in world.carrier.calls[2:]}


def test_phones_that_are_to_ring_at_the_same_time_begin_at_the_rate(world: World, settings: Settings) -> None:
    """The carrier's delay is in whole seconds: two batches of the same second would all begin in it."""
    settings.MAX_CALLS_PER_SECOND = _RATE
    people = [recipient(0, index=index) for index in range(30)]
    for shout in (people[:15], people[15:]):
        world.recorded(*shout)
    Call.objects.update(due_at=timezone.now() + timedelta(seconds=20))
    before = len(world.carrier.arrivals)
    unhurried.run_once()
    delays = {call.number: call.spec.delay_s for call in world.carrier.calls[2:]}
    starts = [arrival.at + delays[arrival.number] for arrival in world.carrier.arrivals[before:]]
    assert len(starts) == len(people)
    assert _most_within(1.0 - _NOISE, starts) <= _RATE
    assert min(delays.values()) > 10


def _most_within(seconds: float, times: list[float]) -> int:
    times = sorted(times)
    return max(sum(1 for at in times if first <= at < first + seconds) for first in times)
