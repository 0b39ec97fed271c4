"""Who watches knows that the cron jobs run: they tell of themselves when they have done their work."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from threading import Event, Timer
from typing import Any

import pytest
from django.db import OperationalError, connection

from blast_api import cron
from blast_api.models import CronHost
from blast_api.records import writer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cron.TellOfIt, "every_s", 0.1)


def _last_run() -> datetime:
    return CronHost.objects.values_list("last_run", flat=True).get(name=writer.HOST)


def test_a_run_tells_of_itself_when_it_is_done() -> None:
    cron.run_once()
    first = _last_run()
    cron.run_once()
    assert _last_run() > first


def test_who_stays_tells_of_itself_all_the_time() -> None:
    """And not more often than it should, however slow the run."""
    stop, told = Event(), 0

    def listen(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal told
        if sql.startswith('INSERT INTO "blast_api_cronhost"'):
            told += 1
            if told == 4:
                stop.set()
        return execute(sql, *rest)

    begun = time.monotonic()
    with connection.execute_wrapper(listen):
        cron.place_for(600.0, stop)
    assert 4 <= told <= (time.monotonic() - begun) / cron.TellOfIt.every_s + 1


@pytest.mark.parametrize("lane", [cron.place_for, lambda _, stop: cron.sweep_until(stop)])
def test_who_could_do_nothing_tells_nothing(lane: Callable[[float, Event], None]) -> None:
    stop = Event()
    timer = Timer(0.5, stop.set)
    timer.start()

    def refuse_shouts(execute: Any, sql: str, *rest: Any) -> Any:
        if "blast_api_message" in sql:
            raise OperationalError("away")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse_shouts):
        lane(0.5, stop)
    timer.join()
    assert not CronHost.objects.exists()
