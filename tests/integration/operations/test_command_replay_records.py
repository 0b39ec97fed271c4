"""`manage.py replay_records`: a lost log comes back as it was, and nothing stands in it twice."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.events import StatusReport
from blast_api.domain.states import CallStatus
from blast_api.models import Attempt, Call, LogKind
from blast_api.operations import replay
from blast_api.records import writer
from blast_api.services import delivery, history
from tests.kits.callbacks import delivered
from tests.kits.commands import run, spawn
from tests.kits.records import taken, unwritten, waiting
from tests.kits.world import World, recipient

pytestmark = pytest.mark.django_db

SINCE = ("--since", "2000-01-01")
CDR = LogKind.CDR


def _written(count: int, kind: LogKind = CDR) -> list[str]:
    """So many rows whose lines are written to their log; answers the lines."""
    lines = waiting(count, kind)
    writer.write_due()
    return lines


def _log(kind: LogKind = CDR) -> list[str]:
    return writer.path_of(kind).read_text().splitlines()


@pytest.mark.parametrize("kind", list(LogKind))
def test_a_lost_log_is_written_again_word_for_word(kind: LogKind) -> None:
    lines = _written(5, kind)
    writer.path_of(kind).unlink()
    ran = run("replay_records", "--json", *SINCE)
    assert ran.code == 0
    assert ran.json[kind.value] == {"stored": 5, "written": 5, "present": 0}
    assert _log(kind) == lines


def test_what_the_log_still_has_is_not_written_twice() -> None:
    lines = _written(6)
    path = writer.path_of(CDR)
    path.write_text("".join(f"{line}\n" for line in lines[:2] + lines[4:5]))
    assert run("replay_records", "--json", *SINCE).json["cdr"]["written"] == 3
    assert sorted(_log()) == sorted(lines)
    assert run("replay_records", "--json", *SINCE).json["cdr"] == {"stored": 6, "written": 0, "present": 6}
    assert sorted(_log()) == sorted(lines)


def test_a_line_is_known_by_its_record_however_it_was_written_since() -> None:
    (line,) = _written(1)
    writer.path_of(CDR).write_text(f"{json.dumps(json.loads(line), indent=None, separators=(' , ', ' : '))}\n")
    assert run("replay_records", "--json", *SINCE).json["cdr"]["written"] == 0


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    "-of-any-name": lzma.compress,
}


@pytest.mark.parametrize("suffix", PACKED)
def test_what_a_rotated_log_has_is_not_written_twice(suffix: str) -> None:
    _written(3)
    path = writer.path_of(CDR)
    path.with_name(f"cdr.log-20300131{suffix}").write_bytes(PACKED[suffix](path.read_bytes()))
    path.unlink()
    later = _written(2)
    assert run("replay_records", "--json", *SINCE).json["cdr"] == {"stored": 5, "written": 0, "present": 5}
    assert _log() == later


@pytest.mark.parametrize("name", ["cdr.log-20300131.zst", "cdr.log-20300131"])
def test_beside_a_rotated_log_that_cannot_be_read_nothing_is_written(name: str) -> None:
    _written(3)
    path = writer.path_of(CDR)
    path.unlink()
    packed = path.with_name(name)
    packed.write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")
    for words in ((), ("--dry-run",)):
        ran = run("replay_records", *SINCE, *words)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == f"{packed}: is packed by zstd, which is not read here: unpack it first"
    assert not path.exists()


def test_with_force_all_is_written() -> None:
    lines = _written(2)
    assert run("replay_records", "--json", "--force", *SINCE).json["cdr"]["written"] == 2
    assert _log() == lines * 2


def test_only_what_was_stored_since_is_written() -> None:
    lines = _written(4)
    first = Attempt.objects.order_by("pk").values_list("pk", flat=True)[:2]
    Attempt.objects.filter(pk__in=list(first)).update(ended=timezone.now() - timedelta(days=3))
    writer.path_of(CDR).unlink()
    since = (timezone.now() - timedelta(days=1)).isoformat()
    assert run("replay_records", "--json", "--since", since).json["cdr"]["written"] == 2
    assert _log() == lines[2:]


def test_what_waits_to_be_written_is_left_to_the_writers() -> None:
    lines = waiting(1)
    assert run("replay_records", "--json", *SINCE).json["cdr"]["stored"] == 0
    assert writer.write_due() == 1
    assert _log() == lines


def test_what_a_dead_writer_had_in_hand_is_left_to_the_writers() -> None:
    waiting(1)
    assert list(taken())
    assert run("replay_records", "--json", *SINCE).json["cdr"]["stored"] == 0


def test_nothing_is_written_while_another_has_the_writers_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_PATIENCE_S", 0.2)
    _written(2)
    writer.path_of(CDR).unlink()
    with writer.only_writer() as alone:
        assert alone
        ran = run("replay_records", *SINCE)
    assert ran.code == 1
    assert "another process writes records" in ran.err
    assert not writer.path_of(CDR).exists()


def test_what_another_host_wrote_is_not_missed_here() -> None:
    lines = _written(2)
    Attempt.objects.update(writer="another host")
    writer.path_of(CDR).unlink()
    assert run("replay_records", "--json", *SINCE).json["cdr"]["stored"] == 0
    assert run("replay_records", "--json", "--every-host", *SINCE).json["cdr"]["written"] == 2
    assert _log() == lines


def test_a_dry_run_only_counts() -> None:
    _written(2)
    writer.path_of(CDR).unlink()
    assert run("replay_records", "--json", "--dry-run", *SINCE).json["cdr"]["written"] == 2
    assert not writer.path_of(CDR).exists()


def test_lines_go_to_another_file_or_to_standard_output(tmp_path: Path) -> None:
    lines = _written(2)
    copy = tmp_path / "copy"
    for written in (2, 0):
        ran = run("replay_records", "--json", "--kind", "cdr", "--to", str(copy), *SINCE)
        assert ran.json["cdr"]["written"] == written
    assert copy.read_text().splitlines() == lines
    assert run("replay_records", "--kind", "cdr", "--to", "-", *SINCE).out.splitlines() == lines
    assert _log() == lines


def test_more_lines_than_are_looked_for_at_a_time_are_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_WINDOW", 7)
    monkeypatch.setattr(replay, "_BATCH", 3)
    lines = _written(20)
    kept = lines[::3]
    writer.path_of(CDR).write_text("".join(f"{line}\n" for line in kept))
    assert run("replay_records", "--json", *SINCE).json["cdr"] == {"stored": 20, "written": 13, "present": 7}
    assert sorted(_log()) == sorted(lines)


def test_half_a_line_at_the_end_is_replaced_by_the_whole() -> None:
    lines = _written(3)
    path = writer.path_of(CDR)
    path.write_text(path.read_text()[:-10])
    assert run("replay_records", "--json", *SINCE).json["cdr"]["written"] == 1
    assert _log() == lines


def test_of_a_line_that_was_corrected_the_correction_comes_back() -> None:
    call = delivered(shout={"status": "timed-out", "finished": timezone.now()})
    Call.objects.update(status="timed-out", finished=timezone.now())
    call.refresh_from_db()
    history.end_all(call.message, [call], now=timezone.now())
    writer.write_due()
    ended = StatusReport(CallStatus.BUSY, "busy", "sid", 0, {})
    delivery.settled(delivery.CallAttempt(call.pk, 1), ended, now=timezone.now())
    writer.write_due()
    first, correction = _log()
    assert (json.loads(first)["status"], json.loads(correction)["late"]) == ("timed-out", True)
    assert run("replay_records", "--json", *SINCE).json["cdr"] == {"stored": 1, "written": 0, "present": 1}
    writer.path_of(CDR).unlink()
    assert run("replay_records", "--json", *SINCE).json["cdr"]["written"] == 1
    assert _log() == [correction]


@pytest.mark.django_db(transaction=True)
def test_it_works_while_others_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH", 5)
    lost = _written(50)
    writer.path_of(CDR).unlink()
    new = waiting(300)

    def write() -> None:
        try:
            while unwritten():
                writer.write_due()
        finally:
            connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    ran = run("replay_records", "--json", *SINCE)
    thread.join()
    assert ran.code == 0
    assert sorted(_log()) == sorted(lost + new)


@pytest.mark.parametrize(
    "words", [["--since", "soon"], [*SINCE, "--to", "x"], [*SINCE, "--kind", "cdr", "--to", "-", "--json"]]
)
def test_what_cannot_be_done_is_refused(words: list[str]) -> None:
    assert run("replay_records", *words).code == 2


def test_a_missing_folder_is_told_in_one_line(settings: Settings, tmp_path: Path) -> None:
    settings.CDR_LOGGER_PATH = str(tmp_path / "none" / "cdr.log")
    ran = run("replay_records", *SINCE)
    assert (ran.code, ran.err) == (1, f"there is no folder {tmp_path / 'none'}")


@pytest.mark.django_db(transaction=True)
def test_the_command_by_itself_has_its_exit_codes() -> None:
    lines = _written(2)
    writer.path_of(CDR).unlink()
    ran = spawn("replay_records", *SINCE)
    assert (ran.code, ran.rows[0]) == (0, ["cdr", "2", "0", "2"])
    assert _log() == lines
    assert spawn("replay_records").code == 2
    away = spawn("replay_records", *SINCE, DATABASE_URL="postgres://nobody@127.0.0.1:9/none")
    assert (away.code, len(away.err.strip().splitlines())) == (1, 1)


def test_the_logs_of_a_whole_shout_come_back(world: World, tmp_path: Path) -> None:
    world.recorded(*(recipient(ending) for ending in (0, 3, 6, 8)))
    world.play()
    before = {kind: sorted(_log(kind)) for kind in LogKind}
    for kind in LogKind:
        shutil.move(writer.path_of(kind), tmp_path / f"lost {kind}")
    assert run("replay_records", *SINCE).code == 0
    assert {kind: sorted(_log(kind)) for kind in LogKind} == before
