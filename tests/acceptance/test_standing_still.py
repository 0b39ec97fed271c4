"""A dispatcher that is stopped while it holds the gate: the others place, requests are answered, and it goes on afterwards."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from tests.kits.processes import processes, wait_until
from tests.kits.world import World, recipient

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writer is waited for")

_PEOPLE = [recipient(0, index=index) for index in range(20)]


def _is_stopped(child: subprocess.Popen[bytes]) -> bool:
    assert child.poll() is None
    return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_host_that_stands_still_at_the_gate_is_alone(world: World) -> None:
    shout = world.recorded(*_PEOPLE)
    before = len(world.carrier.arrivals)
    with processes(CALL_BATCH_SIZE=1000, MAX_CALLS_PER_SECOND=40) as group:
        stopped = group.start("-m", "tests.kits.crashing", "before the claim's commit", "blast_api_call", "still")
        wait_until(lambda: _is_stopped(stopped))
        world.shout(recipient(1), userdata="another")
        group.manage("runcrons", "--linger=120")
        wait_until(lambda: {arrival.number for arrival in world.carrier.arrivals[before:]} >= set(_PEOPLE))
        assert _is_stopped(stopped)
        stopped.send_signal(signal.SIGCONT)
        world.carrier.advance_until_idle()
        wait_until(lambda: world.status(shout) == "finished")
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(30) == 0
    assert Counter(call.number for call in world.carrier.calls if call.number in _PEOPLE) == Counter(_PEOPLE)
