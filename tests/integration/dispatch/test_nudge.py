"""A nudge does one piece of work within its bound or leaves it: the request that caused it never suffers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.db.clock import database_now
from blast_api.dispatch import nudge
from blast_api.domain.states import RecordingState
from blast_api.models import AuthorCall, Gate
from blast_api.services import authors, sweeps
from tests.kits import unhurried
from tests.kits.world import AUTHOR, World, recipient


@contextmanager
def no_place_for_a_nudge() -> Iterator[None]:
    """As many others as may be are at it already."""
    for _ in range(nudge._MOST_AT_ONCE):
        assert nudge._places.acquire(blocking=False)
    try:
        yield
    finally:
        nudge._places.release(nudge._MOST_AT_ONCE)


def test_the_author_is_rung_within_the_request(world: World) -> None:
    shout = world.shout(recipient(0))
    assert [call.number for call in world.carrier.calls] == [AUTHOR]
    assert AuthorCall.objects.get(pk=shout).state == RecordingState.PLACED


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        ({"name": "late", "seconds": 8}, False),
        ({"name": "drop"}, False),
        ({"name": "refuse", "status": 503}, True),
        ({"name": "refuse", "status": 401}, True),
    ],
)
def test_the_request_is_answered_whatever_the_carrier_does(world: World, fault: dict[str, object], again: bool) -> None:
    world.carrier.inject(**fault)  # type: ignore[arg-type]
    begun = time.monotonic()
    world.shout(recipient(0))
    assert time.monotonic() - begun < 6  # the bound is 3 seconds; the rest is a busy machine's
    recording = AuthorCall.objects.get()
    assert (recording.held_since is None) == again
    Gate.objects.update(shut_until=timezone.now() - timedelta(seconds=0.001))
    unhurried.run_once()
    assert len(world.carrier.calls) == 1
    world.play()
    assert AuthorCall.objects.get().state == RecordingState.CONFIRMED
    assert len([call for call in world.carrier.calls if call.number == AUTHOR]) == 1


def test_a_nudge_waits_for_no_slot_that_is_far(world: World) -> None:
    Gate.objects.create(lane=Gate.Lane.CALLS, next_slot=timezone.now().timestamp() + 20)
    world.shout(recipient(0))
    assert world.carrier.arrivals == []
    Gate.objects.update(next_slot=0)
    unhurried.run_once()
    assert len(world.carrier.calls) == 1


def test_a_nudge_that_misses_its_slot_leaves_the_author_for_the_next_run(world: World) -> None:
    with no_place_for_a_nudge():
        shout = world.shout(recipient(0))
    nudge.ring_author(shout, tolerance_s=-1.0)  # no slot can be reached
    assert world.carrier.arrivals == []
    recording = AuthorCall.objects.get()
    assert (recording.held_since, recording.state) == (None, RecordingState.NO_REC_CALL)
    assert recording.serial > 1
    unhurried.run_once()
    assert [call.number for call in world.carrier.calls] == [AUTHOR]


def test_an_error_of_the_nudge_is_no_error_of_the_request(world: World, settings: Settings) -> None:
    settings.BASE_CARRIERX_API_URL = "http://127.0.0.1:9"
    shout = world.shout(recipient(0))
    assert world.status(shout) == "pending"
    assert AuthorCall.objects.get().held_since is None


def test_beyond_a_few_at_once_the_author_is_left_to_the_dispatcher(world: World) -> None:
    with no_place_for_a_nudge():
        world.shout(recipient(0))
    assert world.carrier.arrivals == []
    assert AuthorCall.objects.get().attempts == 0
    unhurried.run_once()
    assert [call.number for call in world.carrier.calls] == [AUTHOR]


def test_places_of_nudges_are_given_back(world: World, settings: Settings) -> None:
    settings.BASE_CARRIERX_API_URL = "http://127.0.0.1:9"
    for index in range(nudge._MOST_AT_ONCE + 1):
        world.shout(recipient(0, index=index))
    assert all(nudge._places.acquire(blocking=False) for _ in range(nudge._MOST_AT_ONCE))
    nudge._places.release(nudge._MOST_AT_ONCE)


# --- Clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [0.05, 3600, -3600])
def test_the_author_is_rung_at_once_whatever_the_web_hosts_clock_says(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    def wrong() -> datetime:
        return database_now() + timedelta(seconds=ahead_s)

    monkeypatch.setattr(timezone, "now", wrong)
    world.shout(recipient(0))
    assert [call.number for call in world.carrier.calls] == [AUTHOR]


# --- After the key 2 --------------------------------------------------------------------------------------------------


def test_the_author_hears_at_once_that_it_is_saved_and_what_follows_survives_the_death_of_whoever_does_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shout = world.shout(recipient(0))
    world.carrier.advance_until_idle()
    assert any("recording_saved" in played for played in world.carrier.calls[0].played)
    recording = AuthorCall.objects.get()
    assert (recording.state, recording.kept, world.status(shout)) == (RecordingState.CONFIRMED, False, "pending")

    class Died(BaseException):
        """As a kill: nothing handles it."""

    def dies(*args: object, **more: object) -> None:
        raise Died

    for where, step in ((authors, "claim_to_keep"), (authors, "kept"), (sweeps, "release")):
        with monkeypatch.context() as at:
            at.setattr(where, step, dies)
            with pytest.raises(Died):
                unhurried.run_once()
        AuthorCall.objects.update(held_since=None)  # its claim is stale
    unhurried.run_once()
    assert {call.number for call in world.carrier.calls} == {AUTHOR, recipient(0)}
