"""A dispatcher told to stop goes within ten seconds, whoever keeps it waiting, and what it had in hand is safe."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import requests
from django.db import connection
from django.utils import timezone

from blast_api.conf import configuration
from blast_api.management.stage import Stage, stage
from blast_api.models import Call
from blast_api.services import delivery
from tests.kits.cluster import cluster, what_is_missing
from tests.kits.processes import Processes, processes, wait_until
from tests.kits.raw_server import RawServer, Say, raw_server, trickle
from tests.kits.world import AUTHOR, World, lines, recipient

_RATE = 10
_AT_MOST_S = 10.0
_PEOPLE = [recipient(0, index=index) for index in range(40)]


@contextmanager
def _database_locked() -> Iterator[None]:
    """By somebody else, for as long as the block lasts."""
    of_test = connection.settings_dict
    if connection.vendor == "sqlite":
        lite = sqlite3.connect(of_test["NAME"], isolation_level=None, timeout=20)
        lite.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            lite.close()
        return
    with psycopg.connect(
        host=of_test["HOST"], port=of_test["PORT"], user=of_test["USER"], dbname=of_test["NAME"]
    ) as other:
        other.execute("LOCK TABLE blast_api_call IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def _placing(group: Processes, count: Callable[[], int]) -> subprocess.Popen[bytes]:
    """A dispatcher that has sent some requests and has more to send."""
    child = group.manage("runcrons", "--linger=120")
    wait_until(lambda: count() >= 5)
    return child


def _stopped(child: subprocess.Popen[bytes]) -> int:
    begun = time.monotonic()
    child.send_signal(signal.SIGTERM)
    code = child.wait(60)
    assert time.monotonic() - begun < _AT_MOST_S
    return code


def _placements(server: RawServer) -> int:
    """How many calls were asked for; the dispatcher asks of the container, too."""
    return len([request for request in server.requests if request.startswith("POST /flexml/v1/calls ")])


def _say_nothing(_: object) -> None:
    """The connection stays open, and no byte comes."""


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(_say_nothing, id="silence"),
        pytest.param(trickle(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 100, seconds=30), id="interim answers"),
        pytest.param(trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", *[b" "] * 98, seconds=30), id="a body"),
    ],
)
def test_a_carrier_that_does_not_answer_keeps_nobody(world: World, say: Say) -> None:
    world.recorded(*_PEOPLE)
    with (
        raw_server(say) as server,
        processes(BASE_CARRIERX_API_URL=server.url, CALL_BATCH_SIZE=1000, MAX_CALLS_PER_SECOND=_RATE) as group,
    ):
        child = _placing(group, lambda: _placements(server))
        assert _stopped(child) == 0
        sent = _placements(server)
        for open_ in server.open:
            open_.close()
    assert Call.objects.in_hand().count() == sent  # the carrier may have them: nobody knows
    assert Call.objects.at_rest().count() == len(_PEOPLE) - sent


def test_answers_are_kept_when_the_database_is_locked_for_a_while(world: World) -> None:
    shout = world.recorded(*_PEOPLE)
    before = len(world.carrier.arrivals)
    with processes(CALL_BATCH_SIZE=1000, MAX_CALLS_PER_SECOND=_RATE) as group:
        child = _placing(group, lambda: len(world.carrier.arrivals) - before)
        with _database_locked():
            child.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            time.sleep(3.0)
            assert child.poll() is None
        assert child.wait(60) == 0
        assert time.monotonic() - begun < _AT_MOST_S
    placed = {arrival.number for arrival in world.carrier.arrivals[before:]}
    assert not Call.objects.in_hand().exists()
    assert set(Call.objects.filter(status="ongoing").values_list("number", flat=True)) == placed
    _everybody_is_called_once(world, shout)


def test_a_database_that_stays_locked_keeps_nobody(world: World) -> None:
    shout = world.recorded(*_PEOPLE)
    before = len(world.carrier.arrivals)
    with processes(CALL_BATCH_SIZE=1000, MAX_CALLS_PER_SECOND=_RATE) as group:
        child = _placing(group, lambda: len(world.carrier.arrivals) - before)
        with _database_locked():
            wait_until(lambda: _is_waiting(world))
            assert _stopped(child) in (0, -signal.SIGALRM)
    _everybody_is_called_once(world, shout)


def _is_waiting(world: World) -> bool:
    """Nothing more is placed: the dispatcher hangs in the database."""
    count = len(world.carrier.arrivals)
    time.sleep(1.0)
    return len(world.carrier.arrivals) == count


def _everybody_is_called_once(world: World, shout: int) -> None:
    world.carrier.advance_until_idle()  # who was called answers now, and the callbacks prove it
    later = timezone.now() + timedelta(seconds=configuration().placement_confirm_timeout + 1)
    delivery.lapse(later)
    world.play()
    assert world.status(shout) == "finished"
    assert set(world.calls(shout).values()) == {"completed"}
    assert Counter(call.number for call in world.carrier.calls[1:]) == Counter(_PEOPLE)


@pytest.mark.database  # a server of its own, where the suite runs on PostgreSQL
@pytest.mark.skipif(connection.vendor != "postgresql", reason="the suite does not run on PostgreSQL")
@pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing())
def test_a_database_server_that_is_gone_keeps_nobody_and_nobody_is_rung_twice(tmp_path: Path) -> None:
    people = [recipient(0, index=index) for index in range(120)]
    with (
        cluster() as server,
        stage(
            folder=tmp_path,
            speed=20,
            DJANGO_SETTINGS_MODULE="blast_api_project.settings.dev",
            DATABASE_URL=server.url,
            BLAST_MAX_CALLS_PER_SECOND="20",
            BLAST_CALL_BATCH_SIZE="1000",
            BLAST_PLACEMENT_CONFIRM_TIMEOUT="10",
        ) as scene,
    ):
        body = {"caller": AUTHOR, "userdata": "user", "recipients": people}
        requests.post(f"{scene.api}/shouts", json=body, timeout=30).raise_for_status()
        wait_until(lambda: len(_rung(scene)) > 30)
        server.stop()
        dispatcher = scene.children.pop()
        assert _stopped(dispatcher) == 0
        server.start()
        scene.start("runcrons", "--linger=1000000000", output=tmp_path / "dispatcher.out")
        wait_until(lambda: lines(str(tmp_path / "bdr.log")))
        rung = _rung(scene)
        scene.check()
    assert Counter(rung) == Counter(people)
    assert Counter(line["to_number"] for line in lines(str(tmp_path / "cdr.log"))) == Counter(people)
    assert "Traceback" not in (tmp_path / "dispatcher.out").read_text()


def _rung(scene: Stage) -> list[str]:
    calls = requests.get(f"{scene.carrier}/_simulator/calls", timeout=30).json()
    return [call["number"] for call in calls if call["number"] != AUTHOR]
