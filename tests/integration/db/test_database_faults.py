"""A database that is locked, full, or may only be read: callbacks keep what they were told, and placing goes on afterwards."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api import cron
from blast_api.callcontrol import documents
from blast_api.domain.callbacks import Party
from blast_api.domain.menus import Wish
from blast_api.domain.states import CallStatus
from blast_api.models import Call, DoNotCallNumber, LogKind
from blast_api.simulator import Carrier
from tests.kits import factories, unhurried
from tests.kits.callbacks import ask, delivered, lines, path
from tests.kits.disks import full_at
from tests.kits.released import released

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("impatient_callbacks")]

Fault = Callable[[], AbstractContextManager[None]]


def _run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


# --- SQLite ----------------------------------------------------------------------------------------------------------


@contextmanager
def locked_by_another_process() -> Iterator[None]:
    _run("PRAGMA busy_timeout = 100")
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()
        _run("PRAGMA busy_timeout = 20000")


def disk_full() -> AbstractContextManager[None]:
    """The spool's few lines find room; the pages of a commit do not."""
    return full_at(12_000)


@contextmanager
def only_readable() -> Iterator[None]:
    _run("PRAGMA query_only = ON")
    try:
        yield
    finally:
        _run("PRAGMA query_only = OFF")


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@contextmanager
def _held_by_another(statement: str, setting: str = "") -> Iterator[None]:
    of_test = connection.settings_dict
    if setting:
        _run(f"SET {setting} = '100ms'")
    with psycopg.connect(
        host=of_test["HOST"], port=of_test["PORT"], user=of_test["USER"], dbname=of_test["NAME"]
    ) as other:
        other.execute(statement)
        try:
            yield
        finally:
            other.rollback()
    if setting:
        _run(f"RESET {setting}")


def rows_locked() -> AbstractContextManager[None]:
    return _held_by_another("SELECT 1 FROM blast_api_call FOR UPDATE", "lock_timeout")


def table_locked() -> AbstractContextManager[None]:
    """As by a migration."""
    return _held_by_another("LOCK TABLE blast_api_call IN ACCESS EXCLUSIVE MODE", "lock_timeout")


def statements_too_slow() -> AbstractContextManager[None]:
    return _held_by_another("LOCK TABLE blast_api_call IN ACCESS EXCLUSIVE MODE", "statement_timeout")


def table_locked_without_a_bound() -> AbstractContextManager[None]:
    """As by `VACUUM FULL`, with a server that lets everybody wait."""
    return _held_by_another("LOCK TABLE blast_api_call IN ACCESS EXCLUSIVE MODE")


@contextmanager
def read_only_after_a_failover() -> Iterator[None]:
    """This session, and whichever comes after it."""
    sessions = f'ALTER DATABASE "{connection.settings_dict["NAME"]}"'
    _run(f"{sessions} SET default_transaction_read_only = on")
    _run("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        _run("SET default_transaction_read_only = off")
        _run(f"{sessions} RESET default_transaction_read_only")
        connection.close()


_FAULTS: dict[str, list[Any]] = {
    "sqlite": [locked_by_another_process, disk_full, only_readable],
    "postgresql": [rows_locked, table_locked, statements_too_slow, read_only_after_a_failover],
}
each_fault = pytest.mark.parametrize("fault", _FAULTS[connection.vendor])
# A dispatcher just waits for the end of these; callbacks must not.
_HANGS = [table_locked_without_a_bound] if connection.vendor == "postgresql" else []


def _spooled() -> list[Path]:
    return list(Path(settings.STATE_DIR).glob("callbacks.spool*"))


@pytest.mark.parametrize("fault", [*_FAULTS[connection.vendor], *_HANGS])
@pytest.mark.parametrize("hangs_up", [True, False])
def test_what_the_carrier_tells_meanwhile_is_kept_and_counts_afterwards(
    client: Client, settings: Settings, fault: Fault, *, hangs_up: bool
) -> None:
    ended = delivered(started=timezone.now(), due_at=timezone.now(), answerer="HUMAN")
    opted_out = delivered(answered=timezone.now(), answerer="HUMAN")
    asks = delivered(number=factories.number(7), started=timezone.now(), due_at=timezone.now())
    with fault():
        status = ask(client, path(Party.RECIPIENT, ended.pk, 1, "status"), CallStatus="completed", CallDuration=7)
        key = ask(client, path(Party.RECIPIENT, opted_out.pk, 1, "key"), Digits="5")
        detected = ask(client, path(Party.RECIPIENT, asks.pk, 1, "detected"), AMDStatus="HUMAN")
        if hangs_up:
            assert ask(client, path(Party.RECIPIENT, asks.pk, 1, "status"), CallStatus="completed").status_code == 200
    assert status.status_code == 200
    assert key.content == documents.after_key(Wish.OPT_OUT, None, str)
    assert detected.content == documents.apology()
    assert not DoNotCallNumber.objects.exists()
    unhurried.run_once()
    ended.refresh_from_db()
    assert (ended.status, ended.duration) == (CallStatus.COMPLETED, 7)
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [opted_out.number]
    assert Call.objects.get(pk=asks.pk).status == (CallStatus.APP_ERROR if hangs_up else CallStatus.ONGOING)
    assert _spooled() == []
    if not hangs_up:  # the end of the call may come when the database is back
        ask(client, path(Party.RECIPIENT, asks.pk, 1, "status"), CallStatus="completed")
    asks.refresh_from_db()
    assert (asks.status, asks.answerer) == (CallStatus.APP_ERROR, "")
    assert len(lines(LogKind.CDR)) == 2


@each_fault
def test_a_dispatcher_waits_and_then_places_everybody_once(carrier: Carrier, settings: Settings, fault: Fault) -> None:
    """The fault comes when half of the answers are out, and goes when the dispatcher has met it."""
    settings.MAX_CALLS_PER_SECOND = 20
    released(20)
    met: list[float] = []
    stop = Event()

    def watch() -> None:
        deadline = time.monotonic() + 30
        while len(carrier.arrivals) < 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(1.0)
        stop.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    faults: list[AbstractContextManager[None]] = []
    tick = cron._tick

    def meet(jobs: Sequence[cron.CronJob], stop: Event) -> bool:
        if len(carrier.arrivals) >= 5 and not met:
            met.append(time.monotonic())
            faults.append(fault())
            faults[0].__enter__()
        again = tick(jobs, stop)
        if faults and time.monotonic() > met[0] + 0.5:
            faults.pop().__exit__(None, None, None)
        return again

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cron, "_tick", meet)
        cron.place_for(60, stop)
    watcher.join()
    assert met
    assert faults == []
    assert len(carrier.arrivals) == len({arrival.number for arrival in carrier.arrivals}) == 20
    assert set(Call.objects.values_list("status", "held_since", "attempts")) == {(CallStatus.ONGOING, None, 1)}
