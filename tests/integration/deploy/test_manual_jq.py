"""The manual's own lines for reading the logs, run as they stand there."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.events import StatusReport
from blast_api.domain.states import CallStatus
from blast_api.models import Call, LogKind
from blast_api.records import writer
from blast_api.services import delivery, history
from tests.kits import factories, unhurried
from tests.kits.world import World, lines, recipient

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed"),
]
PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/read-the-logs.md").read_text()
BLOCK = re.findall(r"```\w*\n(.*?)```", PAGE, re.S)[0]
COMMANDS = re.findall(r"(?m)^# (.*)\n((?:[^#\n].*\n)+)", BLOCK)
MINUTES, OUTCOMES, UNREACHED = (command for _, command in COMMANDS)


def _jq(command: str, folder: Path) -> str:
    """What a command prints in the folder of the logs; the manual's shout is 7, and its rotated log is of 2019."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def logs(world: World, settings: Settings, tmp_path: Path) -> Path:
    """Logs of a shout in which one person fails once, one always, one is busy, one presses 5, and one is told of late.

    The attempts of the first day are in a rotated log.
    """
    settings.MAX_RETRIES, settings.RETRY_DELAY = 1, 0
    shout = world.recorded(*(recipient(ending) for ending in (0, 2, 3, 5, 6, 8)))
    world.carrier.inject("lose_status", number=recipient(2))
    unhurried.run_once()
    world.carrier.advance_until_idle()
    writer.write_due()
    Path(settings.CDR_LOGGER_PATH).rename(tmp_path / "cdr.log-20300131")
    world.play()
    late = Call.objects.get(number=recipient(2))
    world.sweep(after_s=3600)
    late.refresh_from_db()
    assert late.status == CallStatus.TIMED_OUT
    ended = StatusReport(CallStatus.COMPLETED, "completed", late.sid, 20, {})
    delivery.settled(delivery.CallAttempt(late.pk, late.serial), ended, now=timezone.now() + timedelta(seconds=3601))
    writer.write_due()
    for path in tmp_path.glob("cdr.log*"):
        told = [line | {"message": {shout: 7}[line["message"]]} for line in lines(str(path))]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    return tmp_path


def test_the_manual_has_a_line_for_each_of_three_questions() -> None:
    assert [question.partition(";")[0].partition(":")[0] for question, _ in COMMANDS] == [
        "minutes of use",
        "attempts per outcome",
        "who could not be reached by shout 7",
    ]


def test_the_minutes_of_use_are_whole_minutes(tmp_path: Path) -> None:
    message = factories.message()
    for duration in (100, None, 85):
        history.end_all(message, [factories.call(message, duration=duration)], now=timezone.now())
    writer.write_due()
    log = writer.path_of(LogKind.CDR).read_bytes()
    (tmp_path / "cdr.log-20190909.gz").write_bytes(gzip.compress(log))
    assert _jq(MINUTES, tmp_path) == "3\n"


def test_attempts_are_counted_once_by_what_they_ended_as(logs: Path) -> None:
    whole = logs / "whole"
    whole.mkdir()
    (whole / "cdr.log").write_bytes((logs / "cdr.log-20300131").read_bytes() + (logs / "cdr.log").read_bytes())
    assert json.loads(_jq(OUTCOMES, whole)) == {"added to do not call": 1, "busy": 1, "completed": 3, "failed": 3}


def test_who_was_reached_at_the_second_attempt_or_told_of_late_is_not_among_the_unreached(logs: Path) -> None:
    unreached = {recipient(3), recipient(5)}
    assert set(_jq(UNREACHED, logs).split()) == {f'"{number}"' for number in unreached}
    assert len(_jq(UNREACHED, logs).split()) == len(unreached)
    today, before = (logs / name for name in ("cdr.log", "cdr.log-20300131"))
    today.rename(logs / "former")
    before.rename(today)
    (logs / "former").rename(before)
    assert len(_jq(UNREACHED, logs).split()) == len(unreached)  # in whatever order the logs are read
