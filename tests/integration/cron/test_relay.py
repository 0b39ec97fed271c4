"""Lingering runs on one host, one after another: the next waits, at most one does, and none waits for ever."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest
from django.conf import settings
from pytest_django import Settings

from blast_api.management.relay import Relay
from tests.kits.processes import wait_until


class _Stop(Event):
    """Knows whether anybody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_awaited = Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.is_awaited.set()
        return super().wait(timeout)


@contextmanager
def _waiting(*, within_s: float = 30.0) -> Iterator[tuple[Relay, _Stop, list[bool]]]:
    """A run that waits for another; what it was told stands in the list as soon as it is."""
    relay, stop, told = Relay(), _Stop(), list[bool]()
    thread = Thread(target=lambda: told.append(relay.take_over(stop, within_s=within_s)))
    thread.start()
    try:
        assert stop.is_awaited.wait(30)
        yield relay, stop, told
    finally:
        thread.join()
        relay.hand_over()


@pytest.fixture
def first() -> Iterator[Relay]:
    """A run that has begun."""
    relay = Relay()
    assert relay.take_over(Event(), within_s=0)
    yield relay
    relay.hand_over()


def test_the_next_run_begins_when_the_one_before_hands_over_and_at_most_one_waits(first: Relay) -> None:
    with _waiting() as (second, _, told):
        assert not Relay().take_over(Event(), within_s=30)
        assert told == []
        first.hand_over()
        wait_until(lambda: told == [True])
        with _waiting() as (_, _, of_third):
            assert of_third == []
            second.hand_over()
        assert of_third == [True]


def test_a_run_that_is_told_to_stop_does_not_begin(first: Relay) -> None:
    with _waiting() as (_, stop, told):
        stop.set()
    assert told == [False]


def test_a_run_that_does_not_end_is_joined(first: Relay) -> None:
    with _waiting(within_s=0.1) as (_, _, told):
        pass
    assert told == [True]


def test_without_a_state_everybody_runs(settings: Settings, tmp_path: Path) -> None:
    settings.STATE_DIR = str(tmp_path / "not there")
    assert Relay().take_over(Event(), within_s=0)
    assert Relay().take_over(Event(), within_s=0)


def test_the_locks_lie_in_the_state_and_are_nobody_elses() -> None:
    relay = Relay()
    assert relay.take_over(Event(), within_s=0)
    relay.hand_over()
    locks = list(Path(settings.STATE_DIR).iterdir())
    assert {lock.name for lock in locks} == {"runcrons.lock", "runcrons.next.lock"}
    assert not any(os.stat(lock).st_mode & (stat.S_IRWXO | stat.S_IWGRP) for lock in locks)
