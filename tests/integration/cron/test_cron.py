"""One tick of everything, once or for a while; what is wrong with one job holds up no other."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Timer

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from blast_api import cron
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, Gate, Message
from blast_api.simulator import Carrier
from tests.kits import unhurried
from tests.kits.released import hold, released

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("forty_a_second", "carrier")]


def test_a_run_returns_when_nothing_is_due(carrier: Carrier) -> None:
    released(3)
    released(3, due=timedelta(hours=1), status=ShoutStatus.SCHEDULED, started=None)
    cron.run_once()
    assert len(carrier.calls) == 3
    cron.run_once()
    assert len(carrier.calls) == 3


def test_a_run_does_not_leave_because_others_have_the_next_slots(carrier: Carrier) -> None:
    released(2)
    Gate.objects.create(lane=Gate.Lane.CALLS, next_slot=timezone.now().timestamp() + 2)
    cron.run_once()
    assert len(carrier.calls) == 2


def test_a_run_gives_back_what_nothing_confirmed_and_places_it(carrier: Carrier) -> None:
    message = released(1)
    call = message.calls.get()
    hold(call, since=timezone.now() - timedelta(hours=1), due_at=timezone.now() - timedelta(hours=1))
    cron.run_once()
    assert len(carrier.calls) == 1
    call.refresh_from_db()
    assert (call.attempts, call.status) == (1, CallStatus.ONGOING)
    assert call.serial in range(
        3, 99, 2
    )  # a slot that a slow machine misses costs an address for the claim, one for giving it back


@pytest.mark.parametrize("linger", ["-1", "nan", "inf", "-inf", "soon", ""])
def test_a_bad_time_to_stay_is_refused(linger: str) -> None:
    with pytest.raises(CommandError, match="linger"):
        call_command("runcrons", f"--linger={linger}")


def test_who_stays_starts_new_work(carrier: Carrier) -> None:
    stop, new = Event(), Event()

    def add_work() -> None:
        try:
            released(2)
            new.set()
        finally:
            connection.close()

    timer = Timer(0.5, add_work)
    timer.start()
    watch = Timer(0.0, _stop_once, (stop, lambda: len(carrier.calls) == 2))
    watch.start()
    cron.place_for(30, stop)
    timer.join()
    watch.join()
    assert new.is_set()
    assert len(carrier.calls) == 2
    assert not Call.objects.in_hand().exists()


def _stop_once(stop: Event, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 25
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    stop.set()


def test_a_long_placement_does_not_hold_up_the_sweep(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 10
    settings.CARRIERX_API_TOKEN = ""  # so that nobody can be asked first what became of the call
    released(40)
    late = released(0, status=ShoutStatus.ONGOING)
    begun = timezone.now() - timedelta(seconds=30 + 8 * 1.5 + 300 - 1)
    late.calls.create(position=0, number="15555550000", status=CallStatus.ONGOING, serial=1, sid="s", started=begun)
    placed_when_swept: list[int] = []

    def look(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        assert callable(execute)
        result = execute(sql, params, many, context)
        if sql.startswith('UPDATE "blast_api_message"') and "timed-out" in map(str, params or ()):  # type: ignore[call-overload]
            placed_when_swept.append(len(carrier.arrivals))
        return result

    with connection.execute_wrapper(look):
        unhurried.run_once()
    assert Message.objects.get(pk=late.pk).status == ShoutStatus.TIMED_OUT
    assert placed_when_swept[0] < 40
    assert len(carrier.arrivals) == 40


def test_who_stays_waits_for_a_database_that_is_away(carrier: Carrier) -> None:
    released(1)
    failures = [3]

    def refuse(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        assert callable(execute)
        if failures[0]:
            failures[0] -= 1
            raise OperationalError("as the test wishes")
        return execute(sql, params, many, context)

    stop = Event()
    watch = Timer(0.0, _stop_once, (stop, lambda: len(carrier.calls) == 1))
    watch.start()
    with connection.execute_wrapper(refuse):
        cron.place_for(30, stop)
    watch.join()
    assert len(carrier.calls) == 1
    assert Call.objects.get().status == CallStatus.ONGOING


def test_answers_that_waited_for_the_database_are_kept_before_placements_lapse(
    carrier: Carrier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PLACEMENT_CONFIRM_TIMEOUT = 1
    monkeypatch.setattr(cron.Retry, "every_s", 1.5)
    released(3)
    back_at: list[float] = []

    def refuse(execute: object, sql: str, params: object, many: bool, context: object) -> object:
        """From the first answer on, for longer than a placement may wait for its confirmation."""
        assert callable(execute)
        if carrier.arrivals:
            back_at.append(time.monotonic() + 2.5)
        if back_at and time.monotonic() < back_at[0]:
            raise OperationalError("as the test wishes")
        return execute(sql, params, many, context)

    stop = Event()
    watch = Timer(0.0, _stop_once, (stop, lambda: bool(back_at) and time.monotonic() > back_at[0] + 2))
    watch.start()
    with connection.execute_wrapper(refuse):
        cron.place_for(30, stop)
    watch.join()
    assert set(Call.objects.values_list("status", "attempts")) == {(CallStatus.ONGOING, 1)}
    assert len(carrier.arrivals) == 3


_CRONTAB = """#!/bin/sh
case "$1" in -l) cat "$0.table" 2>/dev/null;; *) cat "$1" > "$0.table";; esac
"""
_COMMAND = """
import sys, django
from django.conf import settings
django.setup()
settings.CRONTAB_EXECUTABLE = sys.argv[1]
from django.core.management import call_command
call_command("crontab", sys.argv[2])
"""


def test_the_crontab_line_is_added_shown_and_removed(tmp_path: Path) -> None:
    """With a crontab of the test's own: the one of whoever runs the tests is none of its business."""
    crontab = tmp_path / "crontab"
    crontab.write_text(_CRONTAB)
    crontab.chmod(0o755)
    crontab.with_name("crontab.table").write_text("0 0 * * * somebody else's\n")

    def run(verb: str) -> str:
        command = [sys.executable, "-c", _COMMAND, str(crontab), verb]
        return subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True).stdout

    run("add")
    table = crontab.with_name("crontab.table").read_text()
    (line,) = [line for line in table.splitlines() if "crontab run" in line]
    assert line.startswith("* * * * * ")
    assert line.endswith("# blast-api")
    assert "runcrons" in run("show")
    run("remove")
    assert crontab.with_name("crontab.table").read_text().strip() == "0 0 * * * somebody else's"
