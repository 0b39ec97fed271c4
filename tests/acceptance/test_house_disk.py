"""What happens to the logs under a running dispatcher: calls go on, records are kept, and written whole afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.kits.processes import processes, wait_until
from tests.kits.records import unwritten
from tests.kits.world import World, recipient

_SIZE = 256 * 1024
_ROOM = 8 * 1024  # what is left of it: less than the records need
_PEOPLE = [recipient(0, index=index) for index in range(40)]
_IN_A_PLACE_OF_ITS_OWN = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    attempt = [*_IN_A_PLACE_OF_ITS_OWN, "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(attempt, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def dispatcher(world: World, settings: Settings, small_disk: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A dispatcher whose log folder is a small disk of its own; and that folder as seen from here."""
    settings.MAX_CALLS_PER_SECOND = 40
    mount = (
        f"mount -t tmpfs -o size={_SIZE} tmpfs {small_disk} && exec {sys.executable} manage.py runcrons --linger=300"
    )
    with processes(LOG_DIR=small_disk, CALL_BATCH_SIZE=1000) as group, (small_disk.parent / "said").open("wb") as said:
        child = subprocess.Popen(
            [*_IN_A_PLACE_OF_ITS_OWN, mount], env=group.environment, cwd=settings.BASE_DIR, stdout=said, stderr=said
        )
        group.children.append(child)
        inside = Path(f"/proc/{child.pid}/root{small_disk}")
        wait_until(Path(settings.STATE_DIR, "cdr.lock").exists)
        yield child, inside


def _fill(folder: Path) -> Path:
    """All but a little of the disk."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(filler, filler.stat().st_size - _ROOM)
    return filler


def _written(folder: Path, name: str) -> list[dict[str, Any]]:
    """The lines of a log; that each is whole."""
    file = folder / name
    text = file.read_text() if file.exists() else ""
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.skipif(not _can_mount(), reason="nobody may mount a file system here")
def test_a_full_disk_stops_no_call_and_loses_no_record(
    world: World, dispatcher: tuple[subprocess.Popen[bytes], Path], small_disk: Path
) -> None:
    child, inside = dispatcher
    filler = _fill(inside)
    shout = world.recorded(*_PEOPLE)

    def is_over() -> bool:
        world.carrier.advance_until_idle()
        return world.status(shout) == "finished"

    wait_until(is_over)
    assert sorted(call.number for call in world.carrier.calls[1:]) == sorted(_PEOPLE)
    assert child.poll() is None
    assert len(_written(inside, "cdr.log")) < len(_PEOPLE)
    assert unwritten()

    filler.unlink()
    wait_until(lambda: unwritten() == 0)
    assert Counter(line["to_number"] for line in _written(inside, "cdr.log")) == Counter(_PEOPLE)
    assert [line["pk"] for line in _written(inside, "bdr.log")] == [shout]
    _written(inside, "blast-api.log")
    _written(inside, "blast-api-message-check.log")
    child.terminate()
    assert child.wait(20) == 0
    said = (small_disk.parent / "said").read_text().splitlines()
    assert len(said) <= 4  # not a word for each line that was lost


def _remove(folder: Path) -> Callable[[], None]:
    shutil.rmtree(folder)
    return folder.mkdir


def _a_file_instead(folder: Path) -> Callable[[], None]:
    shutil.rmtree(folder)
    folder.touch()

    def mend() -> None:
        folder.unlink()
        folder.mkdir()

    return mend


def _folders_instead_of_files(folder: Path) -> Callable[[], None]:
    for file in folder.glob("*.log"):
        file.unlink()
    names = ("cdr.log", "bdr.log", "rec_cdr.log", "blast-api.log", "blast-api-message-check.log")
    for name in names:
        (folder / name).mkdir()

    def mend() -> None:
        for name in names:
            (folder / name).rmdir()

    return mend


@pytest.mark.parametrize("fault", [_remove, _a_file_instead, _folders_instead_of_files])
def test_logs_that_are_out_of_reach_for_a_while_lose_no_record(
    world: World, settings: Settings, small_disk: Path, fault: Callable[[Path], Callable[[], None]]
) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    with processes(LOG_DIR=small_disk, CALL_BATCH_SIZE=1000) as group:
        child = group.manage("runcrons", "--linger=300")
        wait_until(Path(settings.STATE_DIR, "cdr.lock").exists)
        mend = fault(small_disk)
        shout = world.recorded(*_PEOPLE)

        def is_over() -> bool:
            world.carrier.advance_until_idle()
            return world.status(shout) == "finished"

        wait_until(is_over)
        assert child.poll() is None
        assert unwritten() == len(_PEOPLE) + 2
        mend()
        wait_until(lambda: unwritten() == 0)
        child.terminate()
        assert child.wait(20) == 0
    assert Counter(line["to_number"] for line in _written(small_disk, "cdr.log")) == Counter(_PEOPLE)
    assert [line["pk"] for line in _written(small_disk, "bdr.log")] == [shout]
    assert [line["message_id"] for line in _written(small_disk, "rec_cdr.log")] == [shout]
