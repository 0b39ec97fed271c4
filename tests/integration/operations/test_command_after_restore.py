"""`manage.py after_restore`: what came after the backup rings nobody twice, and nobody who pressed 5 again."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.addresses import address
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, DoNotCallNumber, LogKind, Message
from blast_api.records import content, writer
from blast_api.services import delivery, dnc
from tests.kits import factories
from tests.kits.commands import run, spawn
from tests.kits.records import in_hand, waiting, waiting_of_a_former_release
from tests.kits.released import dispatch, hold, released

pytestmark = pytest.mark.django_db

BACKUP = timezone.now() - timedelta(hours=1)
SINCE = ("--since", BACKUP.isoformat())


def _opted_out(path: Path, *calls: Call, ago: timedelta = timedelta(minutes=1)) -> str:
    """A log that tells of these calls that they were opted out of."""
    told = [
        {
            "pk": call.pk,
            "application": call.message.application_id,
            "user_data": call.message.userdata,
            "to_number": call.number,
            "status": CallStatus.OPTED_OUT,
            "duration": 0,
            "finished": content.written_time(timezone.now() - ago),
        }
        for call in calls
    ]
    lines = "".join(f"{json.dumps(each)}\n" for each in told)
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return str(path)


def test_whatever_had_not_ended_is_canceled_and_rings_nobody() -> None:
    shouts = [
        released(3),
        released(3, due=timedelta(days=1), status=ShoutStatus.SCHEDULED),
        factories.message(status=ShoutStatus.PENDING),
    ]
    factories.author_call(shouts[2], due_at=timezone.now())
    hold(shouts[0].calls.all()[0], since=BACKUP)
    over = released(0, status=ShoutStatus.FINISHED, finished=BACKUP, closed=BACKUP)
    ran = run("after_restore", "--json", *SINCE, "--yes")
    assert (ran.code, ran.json["canceled"]) == (0, 3)
    assert {Message.objects.get(pk=shout.pk).status for shout in shouts} == {ShoutStatus.CANCELED}
    assert Message.objects.get(pk=over.pk).status == ShoutStatus.FINISHED
    delivery.lapse(timezone.now() + timedelta(hours=1))
    dispatch()
    assert not Call.objects.filter(attempts__gt=1).exists()


def test_who_pressed_5_since_the_backup_is_listed_again(tmp_path: Path) -> None:
    first, second, third = released(3).calls.select_related("message")
    files = [_opted_out(tmp_path / "cdr.log", first), _opted_out(tmp_path / "cdr.log-1.gz", second)]
    files.append(_opted_out(tmp_path / "cdr.log-2", third, ago=timedelta(days=1)))
    factories.listed(second.number)
    assert run("after_restore", "--json", *SINCE, *files).json["listed"] == 1
    assert run("after_restore", "--json", *SINCE, *files, "--yes").json["listed"] == 1
    assert set(DoNotCallNumber.objects.values_list("number", flat=True)) == {first.number, second.number}


def test_who_opted_out_of_an_application_is_listed_for_all_its_users(tmp_path: Path, settings: Settings) -> None:
    settings.OPT_OUT_SCOPE = "application"
    calls = [factories.call(released(0, userdata=user), number=factories.number(1)) for user in ("a", "b")]
    log = _opted_out(tmp_path / "cdr.log", *calls)
    assert run("after_restore", "--json", *SINCE, log).json["listed"] == 1
    assert run("after_restore", "--json", *SINCE, log, "--yes").json["listed"] == 1
    entry = DoNotCallNumber.objects.get()
    assert (entry.userdata, entry.number, entry.call_id) == (dnc.ALL_USERS, factories.number(1), calls[0].pk)


def test_an_application_that_is_not_there_lists_nobody(tmp_path: Path) -> None:
    (call,) = released(1).calls.select_related("message")
    call.message.application_id = 12345
    assert run("after_restore", "--json", *SINCE, _opted_out(tmp_path / "cdr.log", call), "--yes").json["listed"] == 0


def test_new_rows_have_ids_that_nothing_since_the_backup_had() -> None:
    before, last_call = released(1).pk, Call.objects.latest("pk").pk
    lost = address(Party.RECIPIENT, last_call + 1, 1, "status")  # of a call that was placed after the backup
    assert run("after_restore", *SINCE, "--yes").code == 0
    after = released(1)
    assert after.pk > before + 999_999
    assert Call.objects.get(message=after).pk > last_call + 999_999
    answer = Client().post(lost[lost.index("/api/") :], {"CallStatus": "completed"})
    assert answer.status_code == 403


def test_a_record_that_a_log_has_already_is_not_written_again() -> None:
    former, ours = waiting_of_a_former_release(3, created=BACKUP), waiting(3)
    writer.path_of(LogKind.CDR).write_text(f"{former[1]}\n{ours[1]}\n")
    assert run("after_restore", "--json", *SINCE, "--yes").json["doubtful"] == 6
    writer.write_due()
    assert sorted(writer.path_of(LogKind.CDR).read_text().splitlines()) == sorted(former + ours)


def test_without_yes_nothing_is_done() -> None:
    shout = released(1)
    waiting_of_a_former_release(1)
    ran = run("after_restore", "--json", *SINCE)
    assert (ran.code, ran.json["canceled"], ran.json["doubtful"], ran.json["done"]) == (0, 1, 1, False)
    assert Message.objects.get().status == ShoutStatus.ONGOING
    assert in_hand() == 0
    assert released(1).pk == shout.pk + 1


@pytest.mark.parametrize("name", ["missing.log", "broken.gz", "packed.zst"])
def test_with_a_file_that_cannot_be_read_nothing_is_done(tmp_path: Path, name: str) -> None:
    shout = released(1)
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"x" * 10_000)[:30])
    (tmp_path / "packed.zst").write_bytes(b"\x28\xb5\x2f\xfd\x24\x11")
    ran = run("after_restore", *SINCE, "--yes", str(tmp_path / name))
    assert (ran.code, ran.err.count("\n"), name in ran.err) == (1, 0, True)
    assert Message.objects.get().status == ShoutStatus.ONGOING
    assert released(1).pk == shout.pk + 1


def test_a_line_that_is_no_record_is_skipped_and_told(tmp_path: Path) -> None:
    (call,) = released(1).calls.select_related("message")
    log = Path(_opted_out(tmp_path / "cdr.log", call))
    log.write_text(f"nonsense\n{log.read_text()}")
    ran = run("after_restore", "--json", *SINCE, "--yes", str(log))
    assert (ran.code, ran.json["listed"], ran.json["unreadable_lines"]) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_the_command_by_itself_has_its_exit_codes() -> None:
    released(2)
    assert spawn("after_restore").code == 2
    assert spawn("after_restore", "--since", "soon").code == 2
    ran = spawn("after_restore", *SINCE, "--yes")
    assert (ran.code, ran.rows[0]) == (0, ["shouts canceled", "1"])
    assert set(Call.objects.values_list("status", flat=True)) == {CallStatus.CANCELLED}
    away = spawn("after_restore", *SINCE, DATABASE_URL="postgres://nobody@127.0.0.1:9/none")
    assert (away.code, len(away.err.strip().splitlines())) == (1, 1)
