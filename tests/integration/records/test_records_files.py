"""Every record becomes exactly one whole line, whatever happens to the files or to whoever writes them."""

from __future__ import annotations

import bz2
import fcntl
import gzip
import json
import lzma
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from blast_api.db import state_dir
from blast_api.models import Record
from blast_api.records import writer
from tests.kits.bounded import bounded_anew
from tests.kits.disks import full_at, large

pytestmark = pytest.mark.django_db

KINDS = list(Record.Kind)
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}


def _waiting(count: int, kind: str = "cdr") -> list[str]:
    """So many stored records; answers their lines."""
    first = Record.objects.count()
    lines = [json.dumps({"record": f"r{first + index}"}) for index in range(count)]
    Record.objects.bulk_create(Record(kind=kind, line=line) for line in lines)
    return lines


def _written(kind: str = "cdr") -> list[str]:
    """The lines of a log and all its rotated forms, in no order."""
    path = writer.path_of(Record.Kind(kind))
    found: list[str] = []
    for file in path.parent.glob(f"{path.name}*"):
        text = _UNPACK.get(file.suffix, bytes)(file.read_bytes())
        assert text == b"" or text.endswith(b"\n")
        found += text.decode().splitlines()
    return sorted(found)


def _crash_before_marking(line_count: int) -> None:
    """A writer of this host took the records and wrote so many of the lines."""
    taken = writer._take(Record.Kind.CDR, state_dir.host())
    data = "".join(f"{record.line}\n" for record in taken[:line_count])
    with writer.path_of(Record.Kind.CDR).open("a") as log:
        log.write(data)


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_written_in_their_order_and_once(kind: str) -> None:
    lines = _waiting(3, kind)
    assert writer.write_due() == 3
    assert writer.write_due() == 0
    assert writer.path_of(Record.Kind(kind)).read_text() == "".join(f"{line}\n" for line in lines)
    assert not Record.objects.filter(written=None).exists()


def test_more_records_than_one_batch_are_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH", 7)
    lines = _waiting(20)
    assert writer.write_due() == 20
    assert _written() == sorted(lines)


@pytest.mark.parametrize("got_there", [0, 1, 2, 3])
def test_a_writer_that_died_leaves_nothing_out_and_nothing_twice(got_there: int) -> None:
    lines = _waiting(3)
    _crash_before_marking(got_there)
    lines += _waiting(2)
    writer.write_due()
    assert _written() == sorted(lines)


def _rotate(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}-20260101"))


def _rotate_and_compress(path: Path) -> None:
    with gzip.open(path.with_name(f"{path.name}-20260101.gz"), "wb") as packed:
        packed.write(path.read_bytes())
    path.unlink()


def _compress_half(path: Path) -> None:
    """As logrotate's gzip leaves it for a moment: half of the archive, with the whole file still beside it."""
    rotated = path.with_name(f"{path.name}-20260101")
    path.rename(rotated)
    whole = gzip.compress(rotated.read_bytes() * 2000)
    rotated.with_name(f"{rotated.name}.gz").write_bytes(whole[: len(whole) // 2])


def _rotate_and_xz(path: Path) -> None:
    path.with_name(f"{path.name}-20260101.xz").write_bytes(lzma.compress(path.read_bytes()))
    path.unlink()


def _rotate_and_bzip2(path: Path) -> None:
    path.with_name(f"{path.name}-20260101.bz2").write_bytes(bz2.compress(path.read_bytes()))
    path.unlink()


@pytest.mark.parametrize("rotate", [_rotate, _rotate_and_compress, _rotate_and_xz, _rotate_and_bzip2, _compress_half])
def test_what_a_dead_writer_wrote_is_found_after_rotation_too(rotate: Callable[[Path], None]) -> None:
    lines = _waiting(3)
    _crash_before_marking(2)
    path = writer.path_of(Record.Kind.CDR)
    rotate(path)
    writer.write_due()
    for half in path.parent.glob("*.gz") if rotate is _compress_half else ():
        half.unlink()
    assert _written() == sorted(lines)


@pytest.mark.parametrize("torn", ["{", '{"record": "r', "x" * 200_000])
@pytest.mark.parametrize("before", ["", '{"record": "earlier"}\n'])
def test_half_a_line_of_a_killed_writer_is_cut_off(torn: str, before: str) -> None:
    writer.path_of(Record.Kind.CDR).write_text(before + torn)
    (line,) = _waiting(1)
    writer.write_due()
    assert writer.path_of(Record.Kind.CDR).read_text() == f"{before}{line}\n"


def test_a_rotated_log_that_is_no_log_disturbs_nothing() -> None:
    path = writer.path_of(Record.Kind.CDR)
    path.with_name("cdr.log-1.gz").write_bytes(b"not gzip at all")
    path.with_name("cdr.log-2").write_bytes(b"no record\n\xff\xfe\x00 nor text\n")
    lines = _waiting(2)
    _crash_before_marking(1)
    writer.write_due()
    assert sorted(path.read_text().splitlines()) == lines


def _zstd(path: Path) -> None:
    """The head is enough: nobody here reads further."""
    path.rename(path.with_name(f"{path.name}-20260101"))
    path.with_name(f"{path.name}-20260101.zst").write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")


def _half(path: Path) -> None:
    _rotate_and_compress(path)
    packed = path.with_name(f"{path.name}-20260101.gz")
    packed.write_bytes(packed.read_bytes()[:-9])


def _unknown(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.with_name(f"{path.name}-20260101").write_bytes(b"\x8b\x03\x80 by whatever program")


@pytest.mark.parametrize("pack", [_zstd, _half, _unknown])
def test_a_rotated_log_that_nobody_here_can_read_is_not_taken_for_one_without_the_lines(
    pack: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    lines = _waiting(3)
    _crash_before_marking(2)
    path = writer.path_of(Record.Kind.CDR)
    text = path.read_text()
    pack(path)
    stands = path.with_name(f"{path.name}-20260101")
    if pack is _zstd:
        stands.rename(path.with_name("elsewhere"))
    later = _waiting(1)
    with bounded_anew():
        assert writer.write_due() == 1
    (told,) = caplog.records
    assert told.__dict__["action"] == "log_unreadable"
    assert told.__dict__["error"].startswith(f"{next(path.parent.glob('cdr.log-*'))}: ")
    assert path.read_text().splitlines() == later
    assert Record.objects.filter(written=None).count() == 3
    for packed in path.parent.glob("cdr.log-*"):
        packed.unlink()
    stands.write_text(text)
    writer.write_due()
    assert _written() == sorted(lines + later)


def test_what_is_packed_just_now_is_read_where_it_still_stands() -> None:
    lines = _waiting(3)
    _crash_before_marking(2)
    _zstd(writer.path_of(Record.Kind.CDR))
    writer.write_due()
    assert writer.path_of(Record.Kind.CDR).read_text().splitlines() == lines[2:]


@pytest.mark.parametrize("name", ["cdr.log.zst", "cdr.log.1.2"])
def test_a_log_of_another_day_does_not_stand_for_a_packed_one(name: str) -> None:
    _waiting(3)
    _crash_before_marking(2)
    path = writer.path_of(Record.Kind.CDR)
    path.rename(path.with_name("elsewhere"))
    path.with_name("cdr.log.1").write_text("")
    path.with_name(name).write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")
    assert writer.write_due() == 0


def test_a_folder_with_a_name_like_a_rotated_log_disturbs_nothing() -> None:
    lines = _waiting(2)
    _crash_before_marking(1)
    path = writer.path_of(Record.Kind.CDR)
    path.with_name("cdr.log.old").mkdir()
    writer.write_due()
    assert path.read_text().splitlines() == lines


def test_who_finds_something_else_under_the_logs_name_knows_nothing_of_its_lines() -> None:
    lines = _waiting(2)
    _crash_before_marking(1)
    path = writer.path_of(Record.Kind.CDR)
    path.rename(path.with_name("elsewhere"))
    path.mkdir()
    assert writer.write_due() == 0
    path.rmdir()
    path.with_name("elsewhere").rename(path)
    writer.write_due()
    assert path.read_text().splitlines() == lines


# --- Moved away in mid-write -----------------------------------------------------------------------------------------


def _copy_and_truncate(path: Path) -> None:
    shutil.copy(path, path.with_name("cdr.log-20260101"))
    os.truncate(path, 0)


def _rotate_and_create(path: Path) -> None:
    _rotate(path)
    path.touch()


def _remove_and_make_the_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


@pytest.mark.parametrize(
    "fault",
    [_rotate, _rotate_and_create, _rotate_and_compress, _copy_and_truncate, Path.unlink, _remove_and_make_the_folder],
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
            faults.pop()(writer.path_of(Record.Kind.CDR))
        fsync(file)

    lines = _waiting(3)
    state_dir.host()  # which is made once, and not what goes away here
    monkeypatch.setattr(os, "fsync", go_away)
    assert writer.write_due() == 0
    lines += _waiting(1)
    writer.write_due()
    assert _written() == sorted(lines)
    assert not Record.objects.filter(written=None).exists()


# --- Files that cannot be written ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_cannot_be_written_keeps_its_records_and_holds_up_no_other(kind: str) -> None:
    path = writer.path_of(Record.Kind(kind))
    path.mkdir()
    lines = {each: _waiting(2, each) for each in KINDS}
    assert writer.write_due() == 4
    path.rmdir()
    assert writer.write_due() == 2
    assert {each: _written(each) for each in KINDS} == {each: sorted(written) for each, written in lines.items()}


def test_a_missing_folder_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    settings.CDR_LOGGER_PATH = str(tmp_path / "not yet" / "cdr.log")
    lines = _waiting(2)
    assert writer.write_due() == 0
    (tmp_path / "not yet").mkdir()
    assert writer.write_due() == 2
    assert _written() == lines


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
    lines = _waiting(2)
    assert writer.write_due() == 0
    assert not Record.objects.exclude(taken=None).exists()
    mend()
    state.mkdir()
    assert writer.write_due() == 2
    assert _written() == lines


def test_a_full_disk_leaves_no_half_line() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    path = writer.path_of(Record.Kind.CDR)
    path.symlink_to(full)
    lines = _waiting(2)
    assert writer.write_due() == 0
    path.unlink()
    assert writer.write_due() == 2
    assert _written() == lines


@pytest.mark.parametrize("room", [1, 17, 30])
@pytest.mark.parametrize("torn", ["", '{"record": "of a killed wri'])
def test_a_disk_that_takes_a_part_keeps_nothing_of_it_and_all_of_it_later(room: int, torn: str) -> None:
    path = writer.path_of(Record.Kind.CDR)
    length = large(path)
    lines = _waiting(3)
    with path.open("a") as log:
        log.write(torn)
    with full_at(length + room):
        assert writer.write_due() == 0
        assert path.stat().st_size == length
    assert not Record.objects.exclude(taken=None).exists()
    assert writer.write_due() == 3
    with path.open("rb") as log:
        log.seek(length)
        assert log.read().decode().splitlines() == lines


# --- Several writers -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_write_each_record_once() -> None:
    lines = _waiting(300)

    def write() -> None:
        try:
            for _ in range(10):
                writer.write_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _written() == sorted(lines)


@contextmanager
def _writer_of_an_earlier_release() -> Iterator[bool]:
    """Whether it has the lock that it knows, which it makes beside cdr.log."""
    file = os.open(writer.path_of(Record.Kind.CDR).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(file)


def test_a_writer_of_an_earlier_release_is_not_joined_and_does_not_join() -> None:
    _waiting(1)
    with _writer_of_an_earlier_release() as is_alone:
        assert is_alone
        assert writer.write_due() == 0
    with writer.only_writer() as is_alone, _writer_of_an_earlier_release() as is_alone_too:
        assert (is_alone, is_alone_too) == (True, False)
    assert writer.write_due() == 1


def test_the_lock_is_no_file_among_the_logs(tmp_path: Path) -> None:
    _waiting(1)
    assert writer.write_due() == 1
    assert [file.name for file in tmp_path.iterdir()] == ["cdr.log"]


@pytest.mark.parametrize(("hours", "written"), [(0.5, 0), (1.5, 1)])
def test_what_a_lost_host_had_in_hand_is_written_here_after_an_hour(hours: float, written: int) -> None:
    _waiting(1)
    Record.objects.update(writer="another host", taken=timezone.now() - timedelta(hours=hours))
    assert writer.write_due() == written


@pytest.mark.django_db(transaction=True)
def test_rotation_at_any_moment_loses_nothing_and_doubles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH", 5)
    lines, path = _waiting(400), writer.path_of(Record.Kind.CDR)

    def write() -> None:
        try:
            while Record.objects.filter(written=None).exists():
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
    assert _written() == sorted(lines)
