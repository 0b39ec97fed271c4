"""Who a host is: a record is written once whatever a host is called, whoever shares its name, and however many there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from blast_api.db import state_dir
from blast_api.models import Attempt, LogKind
from blast_api.records import writer
from tests.kits.records import in_hand, unwritten, waiting

pytestmark = pytest.mark.django_db

CDR = LogKind.CDR


def _log() -> Path:
    return writer.path_of(CDR)


def _die_over(lines: list[str], *, writer: str | None = None, since_s: float = 0.0) -> None:
    """A writer has all lines in hand, and dies when these of them are in the log."""
    taken = timezone.now() - timedelta(seconds=since_s)
    Attempt.objects.update(taken=taken, writer=state_dir.host() if writer is None else writer)
    _log().write_text("".join(f"{line}\n" for line in lines))


def test_a_container_that_is_made_anew_on_the_same_state_is_the_same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = waiting(3)
    _die_over(lines[:2])
    monkeypatch.setattr(writer, "HOST", "another name")
    assert writer.write_due() == 3
    assert _log().read_text().splitlines() == lines


def test_two_hosts_of_one_name_leave_each_other_alone(settings: Settings, tmp_path: Path) -> None:
    waiting(3)
    here = state_dir.host()
    _die_over([])
    settings.STATE_DIR = str(tmp_path)
    assert state_dir.host() != here
    assert writer.write_due() == 0
    assert set(Attempt.objects.values_list("writer", "written")) == {(here, None)}


def test_what_a_writer_of_an_earlier_release_died_over_is_found_under_the_name_of_the_host() -> None:
    lines = waiting(3)
    _die_over(lines[:2], writer=writer.HOST, since_s=59)  # it may be another host's of that name, which lives
    assert writer.write_due() == 0
    Attempt.objects.update(taken=timezone.now() - timedelta(seconds=61))
    assert writer.write_due() == 3
    assert _log().read_text().splitlines() == lines


def test_a_lease_that_has_run_out_is_looked_for_here_before_it_is_written() -> None:
    """As of a host that has lost its state, and kept its logs."""
    lines = waiting(3)
    _die_over(lines[:2], writer="lost", since_s=3601)
    assert writer.write_due() == 3
    assert _log().read_text().splitlines() == lines
    assert set(Attempt.objects.values_list("writer", flat=True)) == {state_dir.host()}


def test_a_line_is_found_by_its_record_however_it_is_written_now() -> None:
    lines = waiting(2)
    _die_over([json.dumps(json.loads(lines[0]) | {"more": {"record": "of theirs"}}, sort_keys=True)])
    assert writer.write_due() == 2
    assert _log().read_text().splitlines()[1:] == lines[1:]


@pytest.mark.parametrize("spoil", [lambda file: file.write_text(""), lambda file: file.write_bytes(b"\xff" * 40)])
def test_a_name_that_is_none_is_made_anew(spoil: Callable[[Path], object]) -> None:
    former, file = state_dir.host(), state_dir.folder() / "host"
    spoil(file)
    made = state_dir.host()
    assert len(made) == 32
    assert made != former
    assert file.read_text() == f"{made}\n"


def test_without_a_name_records_wait() -> None:
    (state_dir.folder() / "host").mkdir()
    waiting(1)
    assert writer.write_due() == 0
    assert in_hand() == 0
    (state_dir.folder() / "host").rmdir()
    assert writer.write_due() == 1


def test_no_statement_grows_with_the_records_that_a_dead_writer_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_SETTLED_AT_ONCE", 2500)
    lines = waiting(6000)
    _die_over(lines[:3000])
    longest: list[int] = []

    def measure(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        longest.append(len(params or ()))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(measure):
        while writer.write_due():
            pass
    assert max(longest) < 1.1 * writer._BATCH
    assert sorted(_log().read_text().splitlines()) == sorted(lines)
    assert unwritten() == 0


def test_a_turn_is_bounded() -> None:
    waiting(2 * writer._BATCH + 1)
    turns = [writer.write_due(batches=1) for _ in range(4)]
    assert turns == [writer._BATCH, writer._BATCH, 1, 0]
