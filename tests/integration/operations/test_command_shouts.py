"""`manage.py shouts`: how far they are, how fast, until when, and why not."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from blast_api.dispatch import gate
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.management.commands import shouts as command
from blast_api.models import Call, CronHost, Gate, Message
from blast_api.monitoring import health
from blast_api.operations.progress import ShoutSelection, overview
from blast_api.services import pauses
from tests.kits import factories
from tests.kits.commands import run, spawn
from tests.kits.processes import processes
from tests.kits.released import hold, released

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _runcrons_runs(db: None) -> None:
    health.cron_ran("here", now=timezone.now())


def _told(*words: str) -> list[dict[str, object]]:
    ran = run("shouts", "--json", *words)
    assert ran.code == 0, ran.err
    shouts: list[dict[str, object]] = ran.json["shouts"]
    return shouts


def _end(message: Message, status: CallStatus, positions: range, **fields: object) -> None:
    rows = message.calls.filter(position__in=positions)
    rows.update(status=status, finished=timezone.now(), **fields)


def test_a_shout_is_told_by_what_became_of_its_calls() -> None:
    shout = released(10, userdata="school-7")
    _end(shout, CallStatus.COMPLETED, range(3))
    _end(shout, CallStatus.OPTED_OUT, range(3, 4))
    _end(shout, CallStatus.FAILED, range(4, 6))
    _end(shout, CallStatus.BUSY, range(6, 7))
    (told,) = _told()
    assert (told["id"], told["userdata"], told["status"], told["recipients"], told["settled"]) == (
        shout.pk,
        "school-7",
        "ongoing",
        10,
        7,
    )
    assert (told["completed"], told["failed"], told["waiting"]) == (4, 2, 3)
    assert told["calls"] == {"added to do not call": 1, "busy": 1, "completed": 3, "failed": 2, "ready": 3}


def test_the_rate_is_of_calls_that_began_just_now() -> None:
    shout, now = released(200), timezone.now()
    for ago_s, positions in ((5, range(50)), (30, range(50, 110)), (90, range(110, 150)), (-30, range(150, 200))):
        started = now - timedelta(seconds=ago_s)
        shout.calls.filter(position__in=positions).update(status=CallStatus.ONGOING, started=started, sid="s")
    (told,) = _told()
    assert (told["rate_10s"], told["rate_60s"]) == (5.0, pytest.approx(110 / 60))


def test_a_shout_is_expected_to_end_when_its_share_of_the_rate_is_through(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 10
    big, small = released(1000), released(100)
    told = {shout["id"]: datetime.fromisoformat(str(shout["expected_end"])) - timezone.now() for shout in _told()}
    one_call = 8 * 1.5
    assert told[small.pk].total_seconds() == pytest.approx(20 + one_call, abs=5)
    assert told[big.pk].total_seconds() == pytest.approx(110 + one_call, abs=5)


def test_no_shout_is_expected_to_end_before_its_last_batch() -> None:
    later = timedelta(minutes=30)
    released(3, due=later)
    (told,) = _told()
    end = datetime.fromisoformat(str(told["expected_end"]))
    assert (end - timezone.now()).total_seconds() == pytest.approx(
        (later + timedelta(seconds=12)).total_seconds(), abs=5
    )


def test_ended_shouts_are_told_when_asked_for() -> None:
    over = factories.message(status=ShoutStatus.FINISHED, finished=timezone.now())
    factories.author_call(over)
    live = released(1)
    assert [told["id"] for told in _told()] == [live.pk]
    assert [told["id"] for told in _told("--all")] == [live.pk, over.pk]


def test_shouts_can_be_asked_for_by_user_and_by_application() -> None:
    school = factories.application(name="school")
    mine, of_another = released(1, application=school, userdata="a"), released(1, userdata="b")
    assert [told["id"] for told in _told("--userdata", "b")] == [of_another.pk]
    assert [told["id"] for told in _told("--application", "school")] == [mine.pk]
    assert run("shouts", "--application", "church").code == 1


def test_many_shouts_cost_as_many_queries_as_one() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            overview(ShoutSelection())
        return len(asked)

    released(5)
    overview(ShoutSelection())  # whether migrations are applied is asked once
    one = queries()
    for _ in range(20):
        released(30)
    assert queries() == one <= 7  # whether the service is ready takes a few, the store of recordings one of them


def test_more_shouts_than_the_limit_are_counted() -> None:
    for _ in range(3):
        released(1)
    told = run("shouts", "--json", "--limit", "2").json
    assert (len(told["shouts"]), told["there_are"]) == (2, 3)
    assert "2 of 3" in run("shouts", "--limit", "2", terminal=True).out


def test_trouble_with_the_carrier_is_told_first_and_fails() -> None:
    gate.locked(Gate.Lane.CALLS)
    now = timezone.now()
    gate.shut(now + timedelta(minutes=5), Gate.Cause.DENIED, "401", now=now)
    released(1)
    ran = run("shouts", "--json")
    assert ran.code == 1
    assert "denied" in ran.err
    assert ran.json["carrier"]["cause"] == "denied"
    assert "denied" in run("shouts", terminal=True).out


def test_runcrons_that_does_not_run_is_told_and_fails() -> None:
    CronHost.objects.update(last_run=timezone.now() - timedelta(days=1))
    ran = run("shouts", "--json")
    assert ran.code == 1
    assert "runcrons has not run since" in ran.err
    assert ran.json["cron"]["state"] == "late"


@pytest.mark.parametrize(("due_s", "asks"), [(-60, True), (-1, False), (60, False)])
def test_calls_that_nobody_places_are_told(due_s: float, asks: bool) -> None:
    released(3, due=timedelta(seconds=due_s))
    ran = run("shouts")
    assert ("none goes out" in ran.err) is asks
    assert ran.code == int(asks)


def test_a_paused_shout_says_so_and_nobody_wonders_why_none_of_its_calls_goes_out() -> None:
    message = released(3, due=timedelta(seconds=-60))
    pauses.pause(message, now=timezone.now())
    ran = run("shouts", "--json")
    assert (ran.code, ran.err) == (0, "")
    (shout,) = ran.json["shouts"]
    assert (shout["status"], shout["waiting"], shout["expected_end"]) == ("paused", 0, None)


def test_calls_in_hand_do_not_wait() -> None:
    shout = released(1, due=timedelta(seconds=-60))
    hold(Call.objects.get(), since=timezone.now())
    assert _told()[0]["waiting"] == 0
    assert shout.calls.count() == 1


def test_a_person_sees_a_table_and_a_program_lines() -> None:
    shout = released(1, userdata="school\t7\x1b[31m")
    assert "───" in run("shouts", terminal=True).out
    (row,) = run("shouts").rows
    assert len(row) == len(command._COLUMNS)
    assert row[0] == str(shout.pk)
    assert "\x1b[31m" not in run("shouts").out + run("shouts", terminal=True).out


@pytest.mark.parametrize(
    "words", [["--limit", "0"], ["--limit", "x"], ["--watch"], ["--watch", "--json"], ["--nothing"]]
)
def test_what_cannot_be_asked_is_refused(words: list[str]) -> None:
    assert run("shouts", *words).code != 0


@pytest.mark.django_db(transaction=True)
def test_the_command_by_itself_has_its_exit_codes() -> None:
    shout = released(1)
    ran = spawn("shouts", "--json")
    assert (ran.code, [told["id"] for told in ran.json["shouts"]]) == (0, [shout.pk])
    assert spawn("shouts", "--limit", "0").code == 2
    away = spawn("shouts", DATABASE_URL="postgres://nobody@127.0.0.1:9/none")
    assert (away.code, away.out, len(away.err.strip().splitlines())) == (1, "", 1)
    assert "Traceback" not in away.err


def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    none = tmp_path / "none.sqlite3"
    ran = spawn("shouts", DATABASE_URL=f"sqlite:///{none}")
    assert (ran.code, len(ran.err.strip().splitlines())) == (1, 1)
    assert not none.exists()
    none.touch()
    ran = spawn("shouts", DATABASE_URL=f"sqlite:///{none}")
    assert "not migrated" in ran.err


def _heeding_interrupts() -> None:
    """What runs in the background of a shell, as these tests may, passes on that it ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.django_db(transaction=True)
def test_watching_ends_in_one_line_when_interrupted() -> None:
    released(1, userdata="watched")
    ours, theirs = pty.openpty()
    with processes() as group:
        command = [sys.executable, "manage.py", "shouts", "--watch"]
        child = subprocess.Popen(
            command, env=group.environment, stdout=theirs, stderr=subprocess.PIPE, preexec_fn=_heeding_interrupts
        )
        group.children.append(child)
        seen = b""
        while b"watched" not in seen:
            assert select.select([ours], [], [], 20)[0], seen
            seen += os.read(ours, 4096)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    os.close(ours)
    os.close(theirs)
    assert (child.returncode, err.strip().decode()) == (130, "CommandError: Interrupted.")
