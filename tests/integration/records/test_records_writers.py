"""Several writers, on one host and on others, now and of earlier releases: each record is written once."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from blast_api.models import Attempt, LogKind
from blast_api.records import writer
from tests.kits.records import unwritten, waiting, written
from tests.kits.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_write_each_record_once() -> None:
    lines = waiting(300)

    def write() -> None:
        for _ in range(10):
            writer.write_due()

    at_once(write, times=3)
    assert written() == sorted(lines)


@contextmanager
def _writer_of_an_earlier_release() -> Iterator[bool]:
    """Whether it has the lock that it knows, which it makes beside cdr.log."""
    file = os.open(writer.path_of(LogKind.CDR).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def test_a_writer_of_an_earlier_release_is_not_joined_and_does_not_join() -> None:
    waiting(1)
    with _writer_of_an_earlier_release() as is_alone:
        assert is_alone
        assert writer.write_due() == 0
    with writer.only_writer() as is_alone, _writer_of_an_earlier_release() as is_alone_too:
        assert (is_alone, is_alone_too) == (True, False)
    assert writer.write_due() == 1


def test_the_lock_is_no_file_among_the_logs(tmp_path: Path) -> None:
    waiting(1)
    assert writer.write_due() == 1
    assert [file.name for file in tmp_path.iterdir()] == ["cdr.log"]


@pytest.mark.parametrize(("hours", "written"), [(0.5, 0), (1.5, 1)])
def test_what_a_lost_host_had_in_hand_is_written_here_after_an_hour(hours: float, written: int) -> None:
    waiting(1)
    Attempt.objects.update(writer="another host", taken=timezone.now() - timedelta(hours=hours))
    assert writer.write_due() == written


@pytest.mark.django_db(transaction=True)
def test_rotation_at_any_moment_loses_nothing_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH", 5)
    lines, path = waiting(400), writer.path_of(LogKind.CDR)

    def write() -> None:
        try:
            while unwritten():
                writer.write_due()
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for thread in writers:
        thread.start()
    rotated = 0
    while any(thread.is_alive() for thread in writers):
        if path.exists() and path.stat().st_size > 500:
            path.rename(path.with_name(f"cdr.log-{rotated:04d}"))
            rotated += 1
    for thread in writers:
        thread.join()
    assert rotated > 1
    assert written() == sorted(lines)
