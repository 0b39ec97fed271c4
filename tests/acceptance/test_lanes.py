"""`runcrons` as processes: one places, one sweeps and writes, each is there whatever becomes of the other."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_django import Settings

from blast_api.models import CronHost, Message
from blast_api.simulator import Carrier
from tests.kits.processes import processes, wait_until
from tests.kits.records import unwritten, waiting
from tests.kits.released import released

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found in /proc"),
]


def _children_of(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def _record() -> None:
    waiting(1)


def _is_written() -> bool:
    return unwritten() == 0


def test_each_lane_is_there_whatever_becomes_of_the_other(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    with processes() as group:
        run = group.manage("runcrons", "--linger=120")
        _record()
        wait_until(_is_written, within_s=60)
        (sweeping,) = _children_of(run.pid)
        os.kill(sweeping, signal.SIGKILL)
        released(3)
        _record()
        wait_until(lambda: len(carrier.calls) == 3 and _is_written(), within_s=60)
        wait_until(CronHost.objects.exists, within_s=60)  # which it tells for both
        (sweeping,) = _children_of(run.pid)
        group.kill(run)
        wait_until(lambda: not _lives(sweeping))


def test_runs_follow_each_other_and_both_lanes_go_when_they_are_told_to(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    with processes() as group:
        first = group.manage("runcrons", "--linger=120", "--take-over")
        released(1)
        wait_until(lambda: len(carrier.calls) == 1, within_s=60)
        second, third = (group.manage("runcrons", "--linger=120", "--take-over") for _ in range(2))
        wait_until(lambda: third.poll() == 0 or second.poll() == 0)  # one waits already
        waiting = second if second.poll() is None else third
        assert (first.poll(), waiting.poll()) == (None, None)
        os.kill(first.pid, signal.SIGTERM)
        assert first.wait(30) == 0
        released(1)
        wait_until(lambda: len(carrier.calls) == 2, within_s=60)
        wait_until(lambda: _children_of(waiting.pid))
        (sweeping,) = _children_of(waiting.pid)
        begun = time.monotonic()
        os.kill(waiting.pid, signal.SIGTERM)
        assert waiting.wait(30) == 0
        assert time.monotonic() - begun < 10
        wait_until(lambda: not _lives(sweeping))
    assert Message.objects.count() == 2
