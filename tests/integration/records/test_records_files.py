"""Every record becomes exactly one whole line, whatever happens to the files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from blast_api.db import state_dir
from blast_api.models import LogKind
from blast_api.records import writer
from tests.kits.disks import full_at, large
from tests.kits.records import KINDS, in_hand, rotate, rotate_and_compress, unwritten, waiting, written

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_written_in_their_order_and_once(kind: str) -> None:
    lines = waiting(3, kind)
    assert writer.write_due() == 3
    assert writer.write_due() == 0
    assert writer.path_of(LogKind(kind)).read_text() == "".join(f"{line}\n" for line in lines)
    assert unwritten() == 0


def test_more_records_than_one_batch_are_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH", 7)
    lines = waiting(20)
    assert writer.write_due() == 20
    assert written() == sorted(lines)


# --- Moved away in mid-write -----------------------------------------------------------------------------------------


def _copy_and_truncate(path: Path) -> None:
    shutil.copy(path, path.with_name("cdr.log-20260101"))
    os.truncate(path, 0)


def _rotate_and_create(path: Path) -> None:
    rotate(path)
    path.touch()


def _remove_and_make_the_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


@pytest.mark.parametrize(
    "fault",
    [rotate, _rotate_and_create, rotate_and_compress, _copy_and_truncate, Path.unlink, _remove_and_make_the_folder],
)
def test_a_log_that_goes_away_in_mid_write_loses_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Path], None]
) -> None:
    settings.CDR_LOGGER_PATH = str(tmp_path / "log" / "cdr.log")
    (tmp_path / "log").mkdir()
    fsync, faults = os.fsync, [fault]

    def go_away(file: int) -> None:
        """When the lines are written and not yet on the disk, once."""
        if faults:
            faults.pop()(writer.path_of(LogKind.CDR))
        fsync(file)

    lines = waiting(3)
    state_dir.host()  # which is made once, and not what goes away here
    monkeypatch.setattr(os, "fsync", go_away)
    assert writer.write_due() == 0
    lines += waiting(1)
    writer.write_due()
    assert written() == sorted(lines)
    assert unwritten() == 0


# --- Files that cannot be written ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_cannot_be_written_keeps_its_records_and_holds_up_no_other(kind: str) -> None:
    path = writer.path_of(LogKind(kind))
    path.mkdir()
    lines = {each: waiting(2, each) for each in KINDS}
    assert writer.write_due() == 4
    path.rmdir()
    assert writer.write_due() == 2
    assert {each: written(each) for each in KINDS} == {each: sorted(written) for each, written in lines.items()}


def test_a_missing_folder_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    settings.CDR_LOGGER_PATH = str(tmp_path / "not yet" / "cdr.log")
    lines = waiting(2)
    assert writer.write_due() == 0
    (tmp_path / "not yet").mkdir()
    assert writer.write_due() == 2
    assert written() == lines


def _a_file_instead(folder: Path) -> Callable[[], None]:
    folder.touch()
    return folder.unlink


def _nothing(folder: Path) -> Callable[[], None]:
    return lambda: None


@pytest.mark.parametrize("fault", [_nothing, _a_file_instead])
def test_without_a_lock_everything_waits(
    settings: Settings, tmp_path: Path, fault: Callable[[Path], Callable[[], None]]
) -> None:
    state = tmp_path / "not yet"
    settings.STATE_DIR = str(state)
    mend = fault(state)
    lines = waiting(2)
    assert writer.write_due() == 0
    assert in_hand() == 0
    mend()
    state.mkdir()
    assert writer.write_due() == 2
    assert written() == lines


def test_a_full_disk_leaves_no_half_line() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    path = writer.path_of(LogKind.CDR)
    path.symlink_to(full)
    lines = waiting(2)
    assert writer.write_due() == 0
    path.unlink()
    assert writer.write_due() == 2
    assert written() == lines


@pytest.mark.parametrize("room", [1, 17, 30])
@pytest.mark.parametrize("torn", ["", '{"record": "of a killed wri'])
def test_a_disk_that_takes_a_part_keeps_nothing_of_it_and_all_of_it_later(room: int, torn: str) -> None:
    path = writer.path_of(LogKind.CDR)
    length = large(path)
    lines = waiting(3)
    with path.open("a") as log:
        log.write(torn)
    with full_at(length + room):
        assert writer.write_due() == 0
        assert path.stat().st_size == length
    assert in_hand() == 0
    assert writer.write_due() == 3
    with path.open("rb") as log:
        log.seek(length)
        assert log.read().decode().splitlines() == lines
