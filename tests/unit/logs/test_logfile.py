"""The file of a service log: whole lines in the file that has the name now, and never an error for who logs."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blast_api.logs.file import LogFile
from blast_api.logs.redaction import LineFormatter
from tests.kits.disks import full_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "blast-api.log"


@pytest.fixture
def log(path: Path) -> Iterator[logging.Logger]:
    path.parent.mkdir()
    yield from _logger(path)


def _logger(path: Path) -> Iterator[logging.Logger]:
    handler = LogFile(path)
    handler.setFormatter(LineFormatter("%(message)s"))
    logger = logging.getLogger(f"of {path}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    handler.close()


def written(path: Path) -> list[object]:
    """The messages of all whole lines; that there are no others."""
    text = path.read_text()
    assert text == "" or text.endswith("\n")
    return [json.loads(line)["message"] for line in text.splitlines()]


def test_a_line_is_in_the_file_at_once(log: logging.Logger, path: Path) -> None:
    log.info("one")
    # Not by the logger: the runner keeps what it is told, and cannot pass a lone surrogate on.
    log.handlers[0].handle(logging.makeLogRecord({"msg": "tw\u00f6 \ud800"}))
    assert written(path) == ["one", "tw\u00f6 \ud800"]


# --- Moved, removed, cut ---------------------------------------------------------------------------------------------


def _rename(path: Path) -> None:
    path.rename(path.with_name("blast-api.log-1"))


def _rename_and_create(path: Path) -> None:
    _rename(path)
    path.touch()


def _copy_and_truncate(path: Path) -> None:
    shutil.copy(path, path.with_name("blast-api.log-1"))
    os.truncate(path, 0)


def _remove_and_make_the_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


@pytest.mark.parametrize(
    "fault", [_rename, _rename_and_create, _copy_and_truncate, Path.unlink, _remove_and_make_the_folder]
)
def test_the_next_line_is_in_the_file_of_that_name(
    log: logging.Logger, path: Path, fault: Callable[[Path], None]
) -> None:
    log.info("before")
    fault(path)
    log.info("after")
    assert written(path) == ["after"]


# --- Out of reach ----------------------------------------------------------------------------------------------------


def _no_folder(path: Path) -> Callable[[], None]:
    shutil.rmtree(path.parent)
    return path.parent.mkdir


def _a_folder_instead(path: Path) -> Callable[[], None]:
    path.unlink()
    path.mkdir()
    return path.rmdir


def _a_file_instead_of_the_folder(path: Path) -> Callable[[], None]:
    shutil.rmtree(path.parent)
    path.parent.touch()

    def mend() -> None:
        path.parent.unlink()
        path.parent.mkdir()

    return mend


def _a_full_disk(path: Path) -> Callable[[], None]:
    path.unlink()
    path.symlink_to("/dev/full")
    return path.unlink


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("fault", [_no_folder, _a_folder_instead, _a_file_instead_of_the_folder, _a_full_disk])
def test_a_log_out_of_reach_stops_nobody_and_says_afterwards_what_is_lost(
    log: logging.Logger, path: Path, capsys: pytest.CaptureFixture[str], fault: Callable[[Path], Callable[[], None]]
) -> None:
    log.info("before")
    mend = fault(path)
    for _ in range(50):
        log.error("lost")
    mend()
    log.info("after")
    lost, after = (json.loads(line) for line in path.read_text().splitlines())
    assert (lost["action"], lost["lost"], after["message"]) == ("log_lines_lost", 50, "after")
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert str(path) in told


def test_nobody_is_told_who_does_not_listen(log: logging.Logger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(path.parent)
    monkeypatch.setattr("sys.stderr", None)
    log.error("lost")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody who may not")
def test_who_may_not_make_the_new_file_goes_on_in_the_one_that_was_moved_away(log: logging.Logger, path: Path) -> None:
    log.info("before")
    _rename(path)
    path.parent.chmod(0o555)
    path.parent.parent.chmod(0o755)
    os.seteuid(65534)
    try:
        log.info("moved")
    finally:
        os.seteuid(0)
    path.parent.chmod(0o755)
    log.info("after")
    assert written(path.with_name("blast-api.log-1")) == ["before", "moved"]
    assert written(path) == ["after"]


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(log: logging.Logger, path: Path) -> None:
    log.info("before")
    with full_at(path.stat().st_size + 20):
        log.info("does not fit" * 10)
        assert written(path) == ["before"]
    log.info("after")
    assert written(path) == ["before", "lines of this log are lost", "after"]


# --- Many at once ----------------------------------------------------------------------------------------------------

_LONG = "x" * 20_000  # a traceback may be as long, and the library's own handler writes it in pieces


def _write(path: Path, name: int, count: int) -> None:
    for logger in _logger(path):
        for index in range(count):
            logger.info("%s %s %s", name, index, _LONG)


def test_lines_of_many_processes_are_whole_and_none_is_lost_in_rotation(path: Path) -> None:
    path.parent.mkdir()
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, name, 200)) for name in range(3)]
    for writer in writers:
        writer.start()
    rotated = 0
    while any(writer.is_alive() for writer in writers):
        if path.exists() and path.stat().st_size > 1_000_000:
            path.rename(path.with_name(f"blast-api.log-{rotated}"))
            rotated += 1
    for writer in writers:
        writer.join()
    found = [message for file in path.parent.iterdir() for message in written(file)]
    assert sorted(map(str, found)) == sorted(f"{name} {index} {_LONG}" for name in range(3) for index in range(200))
    assert rotated > 1
