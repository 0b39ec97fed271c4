"""Where callbacks wait on disk: which file takes them, what a disk that does not leaves, and in which order they come back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from blast_api.callcontrol import documents
from blast_api.cron import run_once
from blast_api.db import spool
from blast_api.domain.callbacks import Party, Step
from blast_api.domain.menus import Wish
from blast_api.domain.states import CallStatus
from blast_api.models import Call, DoNotCallNumber
from blast_api.services import postponed
from tests.kits import factories
from tests.kits.callbacks import delivered
from tests.kits.disks import full_at
from tests.kits.processes import wait_until
from tests.kits.spool import LINE, away, beside_the_logs, left, spooled, tell
from tests.kits.spool import all_is_taken_up_at_once as all_is_taken_up_at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("logs", ["/nowhere/at/all/cdr.log", "/nowhere/else/cdr.log"])
def test_a_disk_that_is_full_too_is_told_to_the_carrier(
    client: Client, monkeypatch: pytest.MonkeyPatch, logs: str
) -> None:
    call = delivered()
    monkeypatch.setattr(settings, "STATE_DIR", "/nowhere/at/all")
    monkeypatch.setattr(settings, "CDR_LOGGER_PATH", logs)
    client.raise_request_exception = False
    with away():
        assert tell(client, call, "status", CallStatus="completed").status_code == 500
        assert tell(client, call, "key", Digits="5").content == documents.apology()
        assert tell(client, call, "detected", AMDStatus="HUMAN").content == documents.apology()


@pytest.mark.parametrize("torn", ["", '{"kind": "ca'])
def test_a_disk_that_takes_half_a_line_keeps_none_of_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, torn: str
) -> None:
    first, second = delivered(), delivered(answerer="HUMAN")
    monkeypatch.setattr(settings, "CDR_LOGGER_PATH", "/nowhere/at/all/cdr.log")
    client.raise_request_exception = False
    with away():
        tell(client, first, "status", CallStatus="busy")
        (file,) = spooled()
        whole = file.read_text()
        file.write_text(whole + torn)
        with full_at(len(whole) + 40):
            assert tell(client, second, "status", CallStatus="completed").status_code == 500
        assert file.read_text() == whole
        assert tell(client, second, "status", CallStatus="completed").status_code == 200
        assert len(file.read_text().splitlines()) == 2
    assert postponed.take_up() == 2
    assert set(Call.objects.values_list("status", flat=True)) == {CallStatus.BUSY, CallStatus.COMPLETED}


def _a_folder_among_them(file: Path) -> Callable[[], None]:
    aside = file.with_name("callbacks.spool.0")
    aside.mkdir()
    return aside.rmdir


def _a_folder_instead(file: Path) -> Callable[[], None]:
    aside = file.with_name("kept")
    file.rename(aside)
    file.mkdir()

    def mend() -> None:
        for folder in file.parent.glob("callbacks.spool*"):
            folder.rmdir()
        aside.rename(file)

    return mend


def _no_folder(file: Path) -> Callable[[], None]:
    aside = file.parent.with_name("moved")
    file.parent.rename(aside)

    def mend() -> None:
        aside.rename(file.parent)

    return mend


def _a_file_instead_of_the_folder(file: Path) -> Callable[[], None]:
    mend, folder = _no_folder(file), file.parent
    folder.touch()

    def both() -> None:
        folder.unlink()
        mend()

    return both


@pytest.mark.parametrize("place", ["state", "log"])
@pytest.mark.parametrize("fault", [_a_folder_among_them, _a_folder_instead, _no_folder, _a_file_instead_of_the_folder])
def test_a_spool_out_of_reach_holds_up_nothing_and_is_taken_up_afterwards(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: Callable[[Path], Callable[[], None]],
    place: str,
) -> None:
    for folder in ("state", "log"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(settings, "STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(settings, "CDR_LOGGER_PATH", str(tmp_path / "log" / "cdr.log"))
    call = delivered()
    with away():
        tell(client, call, "status", CallStatus="busy")
    (file,) = spooled()
    mend = fault(file.rename(tmp_path / place / file.name))
    run_once()
    mend()
    run_once()
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY
    assert list(tmp_path.rglob("callbacks.spool*")) == []


# --- Beside the logs -------------------------------------------------------------------------------------------------


def test_what_an_earlier_release_left_beside_the_logs_is_taken_up(tmp_path: Path) -> None:
    opted_out = delivered(answered=timezone.now(), answerer="HUMAN")
    busy = delivered(number=factories.number(1))  # another phone: the order in which they are taken up is by chance
    (tmp_path / "callbacks.spool").write_text(left(opted_out, "key", '{"Digits": "5"}'))
    (tmp_path / "callbacks.spool.0b37a9").write_text(left(busy, "status", '{"CallStatus": "busy"}'))
    assert spool.size() > 200
    run_once()
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [opted_out.number]
    busy.refresh_from_db()
    assert busy.status == CallStatus.BUSY
    assert list(tmp_path.glob("callbacks*")) == []
    assert spool.size() == 0


def test_what_a_process_of_an_earlier_release_still_leaves_there_is_taken_up_each_time(tmp_path: Path) -> None:
    for _ in range(3):
        call = delivered()
        with (tmp_path / "callbacks.spool").open("a") as file:
            file.write(left(call, "status", '{"CallStatus": "busy"}'))
        assert postponed.take_up() == 1
        call.refresh_from_db()
        assert call.status == CallStatus.BUSY


def test_what_an_earlier_release_put_aside_is_found_where_ours_is(tmp_path: Path) -> None:
    here, there = Path(settings.STATE_DIR, "callbacks.unusable"), tmp_path / "callbacks.unusable"
    here.write_text("one\n")
    there.write_text("two\nthree\n")
    postponed.take_up()
    assert here.read_text() == "one\ntwo\nthree\n"
    assert not there.exists()


@pytest.mark.parametrize("state", ["missing", "a file"])
def test_what_state_dir_does_not_take_is_kept_beside_the_logs(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: str
) -> None:
    monkeypatch.setattr(settings, "STATE_DIR", str(tmp_path / "state"))
    if state == "a file":
        (tmp_path / "state").touch()
    call = delivered(answered=timezone.now(), answerer="HUMAN")
    with away():
        assert tell(client, call, "key", Digits="5").content == documents.after_key(Wish.OPT_OUT, None, str)
    assert list(beside_the_logs().glob("callbacks.spool*"))
    run_once()  # while it is as it is
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [call.number]
    assert list(tmp_path.glob("callbacks*")) == []


# --- Many at once ----------------------------------------------------------------------------------------------------


def test_nothing_is_lost_between_those_who_write_and_those_who_take_up() -> None:
    """No database here: many threads write, some of them where earlier releases do, while two take up."""
    count, writers = 60, 4
    taken: list[int] = []
    done = threading.Event()

    def write(first: int) -> None:
        for row in range(first, first + count):
            at = timezone.now() - timedelta(seconds=row)
            if first % (2 * count):
                line = LINE.format(row=row, serial=1, step="status", told="{}", at=at.isoformat())
                spool._add(beside_the_logs() / "callbacks.spool", line.encode())
            else:
                spool.keep(spool.Postponed(Party.RECIPIENT, row, 1, Step.STATUS, {}, at))

    def take_up() -> None:
        while not done.is_set():
            spool.take_up(lambda told: taken.append(told.row))

    takers = [threading.Thread(target=take_up) for _ in range(2)]
    threads = [threading.Thread(target=write, args=(index * count,)) for index in range(writers)]
    for thread in (*takers, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    for thread in takers:
        thread.join()
    spool.take_up(lambda told: taken.append(told.row))
    assert set(taken) == set(range(count * writers))
    assert spooled() == []


def _kept(step: Step, row: int, *, first: bool = False) -> None:
    spool.keep(spool.Postponed(Party.RECIPIENT, row, 1, step, {"Digits": "5"}, timezone.now()), first=first)


def test_opt_outs_are_taken_up_first_and_the_rest_in_the_order_in_which_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No database here. A file of the spool is short."""
    monkeypatch.setattr(spool, "_FULL", 400)
    for row in range(20):
        _kept(Step.STATUS, row)
    for row in range(100, 103):
        _kept(Step.KEY, row, first=True)
    assert len(spooled()) > 5
    taken: list[int] = []
    assert spool.take_up(lambda told: taken.append(told.row)) == 23
    assert taken == [*range(100, 103), *range(20)]


def test_what_is_taken_up_at_once_is_bounded_and_the_opt_outs_are_among_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_FULL", 400)
    for row in range(10):
        _kept(Step.STATUS, row)
        _kept(Step.KEY, 100 + row, first=True)
    turns: list[list[int]] = [[]]
    while spool.take_up(lambda told: turns[-1].append(told.row), within_s=0.0):
        turns.append([])
    assert turns[0] == [*range(100, 110)]
    assert len(turns) == 12  # one after the other, and the last finds nothing
    assert [row for turn in turns for row in turn] == [*range(100, 110), *range(10)]
    assert spooled() == []


def test_threads_that_keep_at_the_same_moment_share_a_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is slow: the first flush lasts until all others wait."""
    threads_count = 8
    begun, flushes = threading.Event(), []
    flush = os.fsync

    def slow(file: int) -> None:
        flushes.append(file)
        begun.set()
        if len(flushes) == 1:
            wait_until(lambda: len(spool._groups["callbacks.spool"]._waiting) == threads_count - 1)
        flush(file)

    monkeypatch.setattr(os, "fsync", slow)
    threads = [threading.Thread(target=_kept, args=(Step.STATUS, row)) for row in range(threads_count)]
    threads[0].start()
    begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(flushes) == 2
    assert len(spooled()[0].read_text().splitlines()) == threads_count


def test_a_line_is_written_as_every_release_reads_it() -> None:
    at = datetime(2026, 1, 31, 12, 0, 0, 1000, UTC)
    spool.keep(spool.Postponed(Party.RECIPIENT, 7, 2, Step.STATUS, {"CallStatus": "busy"}, at))
    (file,) = spooled()
    told = '{"CallStatus": "busy"}'
    assert file.read_text() == LINE.format(
        row=7, serial=2, step="status", told=told, at="2026-01-31T12:00:00.001000+00:00"
    )
