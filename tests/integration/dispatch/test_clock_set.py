"""Clocks that are set while calls are placed: the cap holds, nobody is rung twice, and nothing waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api import cron
from blast_api.dispatch.dispatcher import Dispatcher
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus
from blast_api.models import Call, Gate
from blast_api.simulator import Carrier
from tests.kits import factories
from tests.kits.callbacks import ask, delivered, path
from tests.kits.clocks import database_clock_set
from tests.kits.processes import wait_until
from tests.kits.released import hold, released

pytestmark = pytest.mark.django_db(transaction=True)

_HOUR = 3600.0
# Seconds by which a busy machine may hold up what reaches the carrier's Python; the slots themselves are proved.
_NOISE = 0.1


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def _most_in_a_second(carrier: Carrier) -> int:
    times = [arrival.at for arrival in carrier.arrivals]
    return max(sum(1 for at in times if first <= at < first + 1 - _NOISE) for first in times)


@pytest.mark.parametrize(("rate", "ahead_s"), [(1, -_HOUR), (5, _HOUR), (5, 2.0), (40, -_HOUR)])
def test_a_database_clock_that_is_set_while_calls_are_placed(
    carrier: Carrier, settings: Settings, stack: ExitStack, rate: int, ahead_s: float
) -> None:
    settings.MAX_CALLS_PER_SECOND = rate
    count = 2 * rate + 2
    released(count, due=timedelta(hours=-2))
    is_set = False
    begun = time.monotonic()
    with Dispatcher() as dispatcher:
        while dispatcher.turn(0.05) or dispatcher.is_busy:
            if not is_set and len(carrier.arrivals) >= count // 2:
                stack.enter_context(database_clock_set(ahead_s))
                is_set = True
            assert time.monotonic() - begun < 30
    assert is_set
    assert sorted(arrival.number for arrival in carrier.arrivals) == [factories.number(index) for index in range(count)]
    assert set(Call.objects.values_list("status", "held_since")) == {(CallStatus.ONGOING, None)}
    assert _most_in_a_second(carrier) <= rate


@pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite it is the database's clock as well")
@pytest.mark.parametrize("ahead_s", [-_HOUR, _HOUR])
def test_the_clock_of_the_dispatchers_host_does_not_matter(
    carrier: Carrier, settings: Settings, stack: ExitStack, ahead_s: float
) -> None:
    settings.MAX_CALLS_PER_SECOND = 10
    released(20)
    is_set = False
    begun = time.monotonic()
    with Dispatcher() as dispatcher:
        while dispatcher.turn(0.05) or dispatcher.is_busy:
            if not is_set and len(carrier.arrivals) >= 8:
                stack.enter_context(time_machine.travel(time.time() + ahead_s, tick=True))
                is_set = True
    assert is_set
    assert len(carrier.arrivals) == 20
    assert _most_in_a_second(carrier) <= 10
    assert time.monotonic() - begun < 10  # no pause: nothing has noticed it


def test_a_clock_set_ahead_gives_up_nothing_that_is_on_its_way(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    message = released(1)
    call = hold(message.calls.get(), since=timezone.now(), due_at=timezone.now())
    with Dispatcher() as dispatcher:
        retry = cron.Retry(dispatcher)
        retry.run()
        with database_clock_set(_HOUR):
            assert retry.run() == 0
            call.refresh_from_db()
            assert call.held_since is not None
            settings.PLACEMENT_CONFIRM_TIMEOUT = 1
            wait_until(lambda: retry.run() == 1)


@pytest.mark.parametrize("ahead_s", [-_HOUR, _HOUR])
def test_the_clock_of_the_web_host_decides_nothing_about_a_call(client: Client, ahead_s: float) -> None:
    call = delivered(started=timezone.now(), due_at=timezone.now())
    with time_machine.travel(time.time() + ahead_s, tick=True):
        for step, told in (
            ("answered", {}),
            ("detected", {"AMDStatus": "HUMAN"}),
            ("key", {"Digits": "5"}),
            ("status", {"CallStatus": "completed", "CallDuration": 7}),
        ):
            assert ask(client, path(Party.RECIPIENT, call.pk, call.serial, step), **told).status_code == 200
    call.refresh_from_db()
    assert (call.status, call.duration, call.answerer) == (CallStatus.OPTED_OUT, 7, "HUMAN")


def test_slots_of_a_future_that_was_taken_back_hold_up_nobody_for_long(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    released(3)
    Gate.objects.create(lane=Gate.Lane.CALLS, next_slot=time.time() + _HOUR)
    begun = time.monotonic()
    cron.run_once()
    assert len(carrier.arrivals) == 3
    assert time.monotonic() - begun < 10
