"""A database that does not come back in time: what must not be lost waits on disk, and counts when it is taken up."""

from __future__ import annotations

import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, ProgrammingError, connection
from django.test import Client
from django.utils import timezone

from blast_api.callcontrol import documents, views
from blast_api.cron import run_once
from blast_api.db import spool
from blast_api.domain.breaker import Breaker
from blast_api.domain.callbacks import Callback, Party, Step
from blast_api.domain.menus import Wish
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import Call, DoNotCallNumber, Record
from blast_api.services import postponed
from tests.kits import factories
from tests.kits.callbacks import ask, delivered, path
from tests.kits.disks import full_at
from tests.kits.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _all_is_taken_up_at_once(impatient_callbacks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postponed, "_TAKEN_UP_FOR_S", 60.0)


@contextmanager
def away() -> Iterator[list[str]]:
    """The database answers nothing; what it was asked."""
    asked: list[str] = []

    def fail(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append(sql)
        raise OperationalError("as the test wishes")

    with connection.execute_wrapper(fail):
        yield asked


def spooled() -> list[Path]:
    return sorted(Path(settings.STATE_DIR).glob("callbacks.spool*"))


def beside_the_logs() -> Path:
    """Where earlier releases keep what waits."""
    return Path(settings.CDR_LOGGER_PATH).parent


def tell(client: Client, call: Call, step: str, **told: Any) -> Any:
    return ask(client, path(Party.RECIPIENT, call.pk, call.serial, step), **told)


def test_an_opt_out_is_promised_and_kept(client: Client) -> None:
    call = delivered(answered=timezone.now(), answerer="HUMAN")
    with away():
        answer = tell(client, call, "key", Digits="5")
    assert (answer.status_code, answer.content) == (200, documents.after_key(Wish.OPT_OUT, "", str))
    assert not DoNotCallNumber.objects.exists()
    run_once()
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [call.number]
    assert spooled() == []


def test_an_ending_is_kept_with_the_time_at_which_it_was_told(client: Client) -> None:
    call = delivered(started=timezone.now(), due_at=timezone.now(), answerer="HUMAN")
    with away():
        before = timezone.now()
        assert tell(client, call, "status", CallStatus="completed", CallDuration=7).status_code == 200
        after = timezone.now()
    run_once()
    call.refresh_from_db()
    assert (call.status, call.duration) == (CallStatus.COMPLETED, 7)
    assert call.finished is not None
    assert before <= call.finished <= after
    assert Record.objects.filter(kind=Record.Kind.CDR).count() == 1


def test_the_end_of_a_call_to_an_author_is_kept(client: Client) -> None:
    message = factories.message()
    recording = factories.recording(message, state=RecordingState.USER_ANSWERED, serial=1, attempts=1, sid="sid")
    with away():
        ask(client, path(Party.AUTHOR, recording.pk, 1, "status"), CallStatus="completed")
    postponed.take_up()
    recording.refresh_from_db()
    assert recording.ended is not None


@pytest.mark.parametrize(
    ("step", "told", "apologised"),
    [("answered", {}, True), ("detected", {"AMDStatus": "HUMAN"}, True), ("key", {"Digits": "0"}, False)],
)
def test_what_only_asks_for_words_gets_the_last_resort_and_one_in_place_of_the_message_is_kept(
    client: Client, step: str, told: dict[str, Any], *, apologised: bool
) -> None:
    call = delivered()
    with away():
        assert tell(client, call, step, **told).content == documents.apology()
    assert len(spooled()) == apologised
    postponed.take_up()
    call.refresh_from_db()
    assert (call.apologised, spooled()) == (apologised, [])


def test_a_forged_address_writes_nothing(client: Client) -> None:
    call = delivered()
    with away():
        forged = path(Party.RECIPIENT, call.pk, call.serial, "status", token="A" * 27)
        assert ask(client, forged, CallStatus="completed").status_code == 403
    assert spooled() == []


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

# A line as releases before STATE_DIR wrote it, there.
_LINE = '{{"kind": "calls", "row": {row}, "serial": {serial}, "step": "{step}", "told": {told}, "at": "{at}"}}\n'


def _left(call: Call, step: str, told: str) -> str:
    return _LINE.format(row=call.pk, serial=call.serial, step=step, told=told, at=timezone.now().isoformat())


def test_what_an_earlier_release_left_beside_the_logs_is_taken_up(tmp_path: Path) -> None:
    opted_out = delivered(answered=timezone.now(), answerer="HUMAN")
    busy = delivered(number=factories.number(1))  # another phone: the order in which they are taken up is by chance
    (tmp_path / "callbacks.spool").write_text(_left(opted_out, "key", '{"Digits": "5"}'))
    (tmp_path / "callbacks.spool.0b37a9").write_text(_left(busy, "status", '{"CallStatus": "busy"}'))
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
            file.write(_left(call, "status", '{"CallStatus": "busy"}'))
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
        assert tell(client, call, "key", Digits="5").content == documents.after_key(Wish.OPT_OUT, "", str)
    assert list(beside_the_logs().glob("callbacks.spool*"))
    run_once()  # while it is as it is
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [call.number]
    assert list(tmp_path.glob("callbacks*")) == []


def test_while_the_database_is_away_everything_stays_on_disk(client: Client) -> None:
    call = delivered()
    with away():
        tell(client, call, "status", CallStatus="busy")
        with pytest.raises(OperationalError):
            postponed.take_up()
    assert len(spooled()) == 1
    assert postponed.take_up() == 1
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY


def test_taken_up_twice_counts_once(client: Client) -> None:
    call = delivered(shout={"status": ShoutStatus.ONGOING})
    with away():
        tell(client, call, "status", CallStatus="busy")
        tell(client, call, "status", CallStatus="completed")
    (file,) = spooled()
    left_by_the_dead = file.with_name("callbacks.spool.left")
    left_by_the_dead.write_bytes(file.read_bytes())
    assert postponed.take_up() == 4
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY
    assert Record.objects.filter(kind=Record.Kind.CDR).count() == 1


def test_lines_that_nobody_understands_stand_in_nobodys_way(client: Client) -> None:
    call = delivered()
    with away():
        tell(client, call, "status", CallStatus="busy")
    (file,) = spooled()
    whole = file.read_text()
    other = json.loads(whole) | {"step": "welcome"}
    strange = [
        "",
        "{",
        "[]",
        "null",
        '{"kind": "calls"}',
        json.dumps(other),
        "\udcff".encode("utf-8", "replace").decode(),
    ]
    file.write_text("\n".join(strange) + "\n" + whole + whole[: len(whole) // 2])
    postponed.take_up()
    call.refresh_from_db()
    assert call.status == CallStatus.BUSY
    assert spooled() == []


def test_one_that_fails_is_put_aside_and_holds_up_no_other(client: Client) -> None:
    first, second = delivered(), delivered(answerer="HUMAN")
    with away():
        tell(client, first, "status", CallStatus="busy")
        tell(client, second, "status", CallStatus="busy")
    faults = [ProgrammingError("a fault of ours")]

    def fail_once(execute: Callable[..., Any], *statement: Any) -> Any:
        if faults:
            raise faults.pop()
        return execute(*statement)

    with connection.execute_wrapper(fail_once):
        postponed.take_up()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (CallStatus.ONGOING, CallStatus.BUSY)
    assert spooled() == []
    unusable = Path(settings.STATE_DIR, "callbacks.unusable")
    assert json.loads(unusable.read_text())["row"] == first.pk
    unusable.unlink()


def test_nothing_is_lost_between_those_who_write_and_those_who_take_up() -> None:
    """No database here: many threads write, some of them where earlier releases do, while two take up."""
    count, writers = 60, 4
    taken: list[int] = []
    done = threading.Event()

    def write(first: int) -> None:
        for row in range(first, first + count):
            at = timezone.now() - timedelta(seconds=row)
            if first % (2 * count):
                line = _LINE.format(row=row, serial=1, step="status", told="{}", at=at.isoformat())
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


# --- An outage -------------------------------------------------------------------------------------------------------


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


def test_who_knows_that_the_database_is_away_asks_it_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(views, "breakers", defaultdict(lambda: Breaker(again_s=3600.0)))
    call = delivered()
    with away() as asked:
        for _ in range(20):
            assert tell(client, call, "status", CallStatus="busy").status_code == 200
            assert tell(client, call, "detected", AMDStatus="HUMAN").content == documents.apology()
    assert len(asked) == 2  # each kind of callback for itself
    assert postponed.take_up() == 40  # the endings, and that apologies were heard


def test_one_row_that_others_hold_stops_only_those_who_need_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one callback waits in vain, another is answered."""
    monkeypatch.setattr(views, "breakers", defaultdict(lambda: Breaker(again_s=3600.0)))
    held, free = delivered(), delivered(number=factories.number(1))

    def answer(view: views.CallEnded, told: Any) -> Any:
        if view.row == held.pk:
            views.breakers[Callback.CALL_ENDED].answered()  # of another thread
            raise OperationalError("as the test wishes")
        return original(view, told)

    original = views.CallEnded.answer
    monkeypatch.setattr(views.CallEnded, "answer", answer)
    tell(client, held, "status", CallStatus="busy")
    tell(client, free, "status", CallStatus="busy")
    free.refresh_from_db()
    assert free.status == CallStatus.BUSY
    assert len(spooled()) == 1


def test_who_places_takes_up_nothing_but_opt_outs(client: Client) -> None:
    ended, opted_out = delivered(), delivered(answered=timezone.now(), answerer="HUMAN", number=factories.number(1))
    with away():
        tell(client, ended, "status", CallStatus="busy")
        tell(client, opted_out, "key", Digits="5")
    assert postponed.take_up(only_opt_outs=True) == 1
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [opted_out.number]
    assert postponed.take_up(only_opt_outs=True) == 0
    assert postponed.take_up() == 1
