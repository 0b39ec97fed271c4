"""A writer that died had records in hand: the files, rotated and packed or not, tell which of them it wrote."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from blast_api.models import LogKind
from blast_api.records import writer
from tests.kits.bounded import bounded_anew
from tests.kits.records import crash_before_marking, rotate, rotate_and_compress, unwritten, waiting, written

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("got_there", [0, 1, 2, 3])
def test_a_writer_that_died_leaves_nothing_out_and_nothing_twice(got_there: int) -> None:
    lines = waiting(3)
    crash_before_marking(got_there)
    lines += waiting(2)
    writer.write_due()
    assert written() == sorted(lines)


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


@pytest.mark.parametrize("rotate", [rotate, rotate_and_compress, _rotate_and_xz, _rotate_and_bzip2, _compress_half])
def test_what_a_dead_writer_wrote_is_found_after_rotation_too(rotate: Callable[[Path], None]) -> None:
    lines = waiting(3)
    crash_before_marking(2)
    path = writer.path_of(LogKind.CDR)
    rotate(path)
    writer.write_due()
    for half in path.parent.glob("*.gz") if rotate is _compress_half else ():
        half.unlink()
    assert written() == sorted(lines)


@pytest.mark.parametrize("torn", ["{", '{"record": "r', "x" * 200_000])
@pytest.mark.parametrize("before", ["", '{"record": "earlier"}\n'])
def test_half_a_line_of_a_killed_writer_is_cut_off(torn: str, before: str) -> None:
    writer.path_of(LogKind.CDR).write_text(before + torn)
    (line,) = waiting(1)
    writer.write_due()
    assert writer.path_of(LogKind.CDR).read_text() == f"{before}{line}\n"


def test_a_rotated_log_that_is_no_log_disturbs_nothing() -> None:
    path = writer.path_of(LogKind.CDR)
    path.with_name("cdr.log-1.gz").write_bytes(b"not gzip at all")
    path.with_name("cdr.log-2").write_bytes(b"no record\n\xff\xfe\x00 nor text\n")
    lines = waiting(2)
    crash_before_marking(1)
    writer.write_due()
    assert sorted(path.read_text().splitlines()) == lines


def _zstd(path: Path) -> None:
    """The head is enough: nobody here reads further."""
    path.rename(path.with_name(f"{path.name}-20260101"))
    path.with_name(f"{path.name}-20260101.zst").write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")


def _half(path: Path) -> None:
    rotate_and_compress(path)
    packed = path.with_name(f"{path.name}-20260101.gz")
    packed.write_bytes(packed.read_bytes()[:-9])


def _unknown(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.with_name(f"{path.name}-20260101").write_bytes(b"\x8b\x03\x80 by whatever program")


@pytest.mark.parametrize("pack", [_zstd, _half, _unknown])
def test_a_rotated_log_that_nobody_here_can_read_is_not_taken_for_one_without_the_lines(
    pack: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    lines = waiting(3)
    crash_before_marking(2)
    path = writer.path_of(LogKind.CDR)
    text = path.read_text()
    pack(path)
    stands = path.with_name(f"{path.name}-20260101")
    if pack is _zstd:
        stands.rename(path.with_name("elsewhere"))
    later = waiting(1)
    with bounded_anew():
        assert writer.write_due() == 1
    (told,) = caplog.records
    assert told.__dict__["action"] == "log_unreadable"
    assert told.__dict__["error"].startswith(f"{next(path.parent.glob('cdr.log-*'))}: ")
    assert path.read_text().splitlines() == later
    assert unwritten() == 3
    for packed in path.parent.glob("cdr.log-*"):
        packed.unlink()
    stands.write_text(text)
    writer.write_due()
    assert written() == sorted(lines + later)


def test_what_is_packed_just_now_is_read_where_it_still_stands() -> None:
    lines = waiting(3)
    crash_before_marking(2)
    _zstd(writer.path_of(LogKind.CDR))
    writer.write_due()
    assert writer.path_of(LogKind.CDR).read_text().splitlines() == lines[2:]


@pytest.mark.parametrize("name", ["cdr.log.zst", "cdr.log.1.2"])
def test_a_log_of_another_day_does_not_stand_for_a_packed_one(name: str) -> None:
    waiting(3)
    crash_before_marking(2)
    path = writer.path_of(LogKind.CDR)
    path.rename(path.with_name("elsewhere"))
    path.with_name("cdr.log.1").write_text("")
    path.with_name(name).write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")
    assert writer.write_due() == 0


def test_a_folder_with_a_name_like_a_rotated_log_disturbs_nothing() -> None:
    lines = waiting(2)
    crash_before_marking(1)
    path = writer.path_of(LogKind.CDR)
    path.with_name("cdr.log.old").mkdir()
    writer.write_due()
    assert path.read_text().splitlines() == lines


def test_who_finds_something_else_under_the_logs_name_knows_nothing_of_its_lines() -> None:
    lines = waiting(2)
    crash_before_marking(1)
    path = writer.path_of(LogKind.CDR)
    path.rename(path.with_name("elsewhere"))
    path.mkdir()
    assert writer.write_due() == 0
    path.rmdir()
    path.with_name("elsewhere").rename(path)
    writer.write_due()
    assert path.read_text().splitlines() == lines
