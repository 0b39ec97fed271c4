"""`manage.py report`: the same figures from the database and from the logs, each call counted once."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Record
from blast_api.records import content
from tests.kits import factories
from tests.kits.commands import Ran, run, spawn
from tests.kits.world import World, recipient

pytestmark = pytest.mark.django_db

DAY = datetime(2030, 1, 31, 12, tzinfo=UTC)


def _line(
    pk: int, status: str | None = "completed", *, duration: int = 30, at: datetime = DAY, **fields: object
) -> str:
    answerer = "HUMAN" if status in ("completed", "added to do not call") else ""
    about: dict[str, object] = {
        "pk": pk,
        "application": 1,
        "user_data": "school-7",
        "to_number": factories.number(pk),
        "status": status,
        "duration": duration,
        "answerer": answerer,
        "finished": content.written_time(at),
        "late": False,
        "record": f"r{pk}",
    }
    return json.dumps(about | fields)


def _log(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def _stored(*lines: str) -> None:
    Record.objects.bulk_create(Record(kind="cdr", line=line) for line in lines)


def _told(ran: Ran) -> Any:
    assert ran.code == 0, ran.err
    return ran.json


LIFE = [
    _line(1, "failed", duration=0),
    _line(1, "completed", duration=61),
    _line(2, "completed", duration=120, transfer_outcome="completed", transfer_seconds=20),
    _line(3, "completed", duration=5, answerer="HANGUP"),
    _line(4, "added to do not call", duration=59, user_data="church"),
    _line(5, "timed-out", duration=0),
    _line(6, "timed-out", duration=0),
    _line(5, "completed", duration=30, at=DAY + timedelta(days=1), late=True),
    _line(7, "do not call", duration=0),
]


def test_attempts_minutes_and_outcomes_add_up(tmp_path: Path) -> None:
    told = _told(run("report", "--json", _log(tmp_path / "cdr.log", *LIFE)))
    assert told["total"] == {
        "attempts": 8,
        "seconds": 275,
        "minutes": 4.583,
        "billed_minutes": 2 + 2 + 1 + 1 + 1,
        "transfer_seconds": 20,
        "reached": 4,
        "opted_out": 1,
        "outcomes": {
            "added to do not call": 1,
            "completed": 4,
            "do not call": 1,
            "failed": 1,
            "timed-out": 1,
        },
    }
    assert [(row["day"], row["attempts"]) for row in told["rows"]] == [("2030-01-31", 7), ("2030-02-01", 1)]


@pytest.mark.parametrize(
    ("increments", "minutes"), [("60/60", 7), ("6/6", 4.7), ("1/1", 4.583), ("30/6", 5.1), ("60/1", 6.017)]
)
def test_minutes_are_billed_by_the_increments_that_the_operator_says(
    tmp_path: Path, settings: Settings, increments: str, minutes: float
) -> None:
    settings.BILLING_INCREMENTS = increments
    total = _told(run("report", "--json", _log(tmp_path / "cdr.log", *LIFE)))["total"]
    assert (total["billed_minutes"], total["seconds"]) == (minutes, 275)
    assert isinstance(total["billed_minutes"], int) == (increments == "60/60")


@pytest.mark.parametrize("by", ["day", "userdata", "status", "day,userdata,status,application", "none"])
@pytest.mark.parametrize("words", [[], ["--since", "2030-02-01"], ["--until", "2030-02-01"], ["--userdata", "church"]])
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_the_database_and_the_logs_say_the_same(
    tmp_path: Path, by: str, words: list[str], pack: Callable[[bytes], bytes]
) -> None:
    _stored(*LIFE)
    Record.objects.update(created=DAY + timedelta(days=1))
    half = _log(tmp_path / "cdr.log", *LIFE[4:])
    packed = tmp_path / "cdr.log-20300131"
    packed.write_bytes(pack("".join(f"{line}\n" for line in LIFE[:4]).encode()))
    told = _told(run("report", "--json", "--by", by, *words))
    assert told == _told(run("report", "--json", "--by", by, *words, str(packed), half))
    assert told["total"]["attempts"]


@pytest.mark.parametrize("order", [1, -1])
def test_late_news_takes_the_place_of_the_time_out_in_any_order(tmp_path: Path, order: int) -> None:
    lines = [_line(1, "timed-out", duration=0), _line(1, "busy", duration=0, at=DAY + timedelta(days=1), late=True)]
    told = _told(run("report", "--json", "--by", "status", _log(tmp_path / "cdr.log", *lines[::order])))
    assert [(row["status"], row["attempts"]) for row in told["rows"]] == [("busy", 1)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_became_of_a_transfer_after_the_call_takes_the_place_of_what_was_not_known(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    lines = [
        _line(1, "timed-out", duration=0, answerer="HUMAN", transfer_outcome="unknown"),
        _line(1, late=True, transfer_outcome="unknown", transfer_seconds=0),
        _line(1, late=True, transfer_outcome="completed", transfer_seconds=90),
    ]
    told = _told(run("report", "--json", _log(tmp_path / "cdr.log", *(lines[index] for index in order))))["total"]
    assert (told["attempts"], told["reached"], told["transfer_seconds"]) == (1, 1, 90)
    assert told["outcomes"] == {"completed": 1}


def test_late_news_after_the_range_takes_the_time_out_from_it(tmp_path: Path) -> None:
    lines = [_line(1, "timed-out", duration=0), _line(1, "busy", at=DAY + timedelta(days=1), late=True)]
    told = _told(run("report", "--json", "--until", "2030-02-01", _log(tmp_path / "cdr.log", *lines)))
    assert told["total"]["attempts"] == 0


def test_people_are_reached_once_whatever_the_carrier_says_of_the_end(tmp_path: Path) -> None:
    lines = [
        _line(1, "failed", answerer="HUMAN", duration=41),
        _line(1, "failed", answerer="MACHINE", duration=41),
        _line(1, "completed", duration=41),
        _line(2, "failed", answerer="NOTSURE"),
        _line(3, "failed", answerer="HANGUP"),
        _line(4, "failed"),
        _line(5, "timed-out", answerer="HUMAN"),
        _line(6, "timed-out", answerer="HUMAN"),
        _line(6, "completed", late=True),
        _line(7, "no-answer"),
        _line(7, "added to do not call"),
    ]
    told = _told(run("report", "--json", _log(tmp_path / "cdr.log", *lines)))["total"]
    assert (told["attempts"], told["reached"]) == (len(lines) - 1, len({1, 2, 5, 6, 7}))


def test_days_are_those_of_the_time_zone(tmp_path: Path) -> None:
    log = _log(tmp_path / "cdr.log", _line(1, at=datetime(2030, 1, 31, 23, 30, tzinfo=UTC)))
    days = {
        zone: _told(run("report", "--json", "--timezone", zone, log))["rows"][0]["day"]
        for zone in ("UTC", "Europe/Berlin", "America/Chicago")
    }
    assert days == {"UTC": "2030-01-31", "Europe/Berlin": "2030-02-01", "America/Chicago": "2030-01-31"}
    words = ("--timezone", "Europe/Berlin", "--since", "2030-02-01", log)
    assert _told(run("report", "--json", *words))["total"]["attempts"] == 1


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        "null",
        "",
        '{"pk": 1}',
        _line(9, duration=-1),
        _line(9, finished="yesterday"),
        _line(9, finished="2030-01-31T12:00:00"),
        _line(9, status=None),
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_record_is_counted_and_told_by_its_place(tmp_path: Path, bad: str) -> None:
    log = _log(tmp_path / "cdr.log", _line(1), bad, _line(2))
    ran = run("report", "--json", log)
    assert (ran.code, ran.json["total"]["attempts"], ran.json["unreadable_lines"]) == (1, 2, 1)
    assert f"{log}: lines that are no records of calls: 1, the first is line 2" in ran.err


def test_a_line_without_end_fills_no_memory(tmp_path: Path) -> None:
    log = tmp_path / "cdr.log"
    with log.open("wb") as file:
        file.write(_line(1).encode() + b"\n")
        file.seek(50 * 2**20)
        file.write(b"\n" + _line(2).encode() + b"\n")
    ran = run("report", "--json", str(log))
    assert (ran.code, ran.json["total"]["attempts"], ran.json["unreadable_lines"]) == (1, 2, 1)


def test_files_that_cannot_be_read_are_told_after_the_report_on_the_others(tmp_path: Path) -> None:
    log = _log(tmp_path / "cdr.log", _line(1))
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(_line(2).encode() * 1000)[:100])
    packed = tmp_path / "cdr.log-20300131.zst"
    packed.write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")
    ran = run("report", "--json", str(tmp_path / "missing.log"), str(broken), str(packed), log)
    assert (ran.code, ran.json["total"]["attempts"]) == (1, 1)
    assert "missing.log: No such file" in ran.err
    assert f"{packed}: is packed by zstd, which is not read here: unpack it first;" in f"{ran.err};"
    assert "broken.gz: the archive is broken or ends too soon" in ran.err


@pytest.mark.parametrize("since", ["soon", "2030", "2030-01", "9999-12-31T24:00"])
def test_a_moment_that_is_none_is_refused(since: str) -> None:
    ran = run("report", "--since", since)
    assert (ran.code, "--since takes a day or a moment" in ran.err) == (2, True)


@pytest.mark.parametrize("words", [["--by", "month"], ["--until", "soon"], ["--timezone", "Mars/Olympus"]])
def test_what_cannot_be_asked_is_refused(words: list[str]) -> None:
    assert run("report", *words).code == 2


def test_a_person_sees_a_table_and_a_program_lines(tmp_path: Path) -> None:
    log = _log(tmp_path / "cdr.log", *LIFE)
    assert "───" in run("report", log, terminal=True).out
    rows = run("report", "--by", "userdata,status", log).rows
    assert rows[-1][:3] == ["total", "", "8"]
    assert run("report", "--by", "none", log).rows[0][0] == "8"


@pytest.mark.django_db(transaction=True)
def test_the_command_by_itself_reads_standard_input_and_has_its_exit_codes() -> None:
    for pack in (gzip.compress, lzma.compress):
        ran = spawn("report", "--json", "-", stdin=pack(f"{_line(1)}\n".encode()))
        assert (ran.code, ran.json["total"]["attempts"]) == (0, 1)
    ran = spawn("report", "--json", "-", stdin=f"{_line(1)}\nnonsense\n".encode())
    assert (ran.code, ran.json["total"]["attempts"]) == (1, 1)
    assert "nonsense" not in ran.err
    assert spawn("report", "--by", "month").code == 2
    away = spawn("report", DATABASE_URL="postgres://nobody@127.0.0.1:9/none")
    assert (away.code, len(away.err.strip().splitlines())) == (1, 1)


def test_a_whole_shout_is_reported_alike_from_both_sides(world: World, settings: Settings) -> None:
    shout = world.recorded(*(recipient(ending) for ending in (0, 1, 3, 4, 5, 6, 8, 9)))
    world.play()
    assert world.status(shout) == ShoutStatus.FINISHED
    told = _told(run("report", "--json", "--by", "day,status"))
    assert told == _told(run("report", "--json", "--by", "day,status", settings.CDR_LOGGER_PATH))
    assert told["total"]["attempts"] == 8 + 3 + 1  # one fails four times, one fails once
    assert told["total"]["opted_out"] == 1
    assert told["total"]["outcomes"][CallStatus.FAILED] == 5
