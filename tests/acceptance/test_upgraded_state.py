"""A host in the middle of its upgrade: processes that know STATE_DIR beside those that keep everything with the logs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pytest_django import Settings

from tests.kits.processes import processes, wait_until
from tests.kits.records import unwritten
from tests.kits.world import World, lines, recipient

_PEOPLE = [recipient(0, index=index) for index in range(60)]


def test_dispatchers_of_both_releases_write_each_record_once(world: World, settings: Settings, tmp_path: Path) -> None:
    settings.MAX_CALLS_PER_SECOND = 60
    logs = tmp_path / "log"
    logs.mkdir()
    state = Path(settings.STATE_DIR)
    # Who is told that the logs' folder is STATE_DIR keeps everything where, and as, the earlier release does.
    with processes(LOG_DIR=logs, STATE_DIR=logs) as former, processes(LOG_DIR=logs) as ours:
        for group in (former, ours, former, ours):
            group.manage("runcrons", "--linger=300")
        wait_until(lambda: (logs / "cdr.lock").exists() and (state / "cdr.lock").exists())
        shout = world.recorded(*_PEOPLE)

        def is_over() -> bool:
            world.carrier.advance_until_idle()
            return world.status(shout) == "finished"

        wait_until(is_over)
        wait_until(lambda: unwritten() == 0)
    assert Counter(line["to_number"] for line in lines(str(logs / "cdr.log"))) == Counter(_PEOPLE)
    assert [line["pk"] for line in lines(str(logs / "bdr.log"))] == [shout]
