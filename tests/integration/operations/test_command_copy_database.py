"""`manage.py copy_database`: every row, word for word, or none; and life goes on in the new database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.utils import timezone

from blast_api.domain.states import CallStatus
from blast_api.management.commands.copy_database import connected
from blast_api.models import Call, CronHost, DoNotCallNumber, Message
from blast_api.operations import transfer
from tests.kits import factories
from tests.kits.commands import run, spawn
from tests.kits.processes import environment
from tests.kits.released import hold, released
from tests.kits.world import World, recipient

pytestmark = pytest.mark.django_db(transaction=True)

ALIAS = "copied"


@pytest.fixture
def elsewhere(tmp_path: Path) -> str:
    """The URL of another database, migrated and empty."""
    path = tmp_path / "elsewhere.sqlite3"
    path.touch()
    url = f"sqlite:///{path}"
    with connected(url):
        call_command("migrate", database=ALIAS, verbosity=0)
        with connections[ALIAS].cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")  # as the service has it: who reads keeps nobody from writing
    return url


def _rows(alias: str = DEFAULT_DB_ALIAS) -> dict[str, list[tuple[Any, ...]]]:
    return {
        model._meta.db_table: list(model._base_manager.using(alias).order_by("pk").values_list())
        for model in transfer.tables()
    }


@contextmanager
def _moved_to(url: str) -> Iterator[None]:
    """Everything of the test's database is in the other one in the block, and the test's own is empty."""
    CronHost.objects.update(last_run=timezone.now() - timedelta(minutes=1))
    with connected(url):
        list(transfer.copy(DEFAULT_DB_ALIAS, ALIAS))
    call_command("flush", interactive=False, verbosity=0)
    yield


def test_a_whole_life_goes_there_and_back_and_goes_on(world: World, elsewhere: str) -> None:
    world.recorded(*(recipient(ending) for ending in (0, 1, 3, 4, 5, 6, 8, 9)))
    world.play()
    factories.listed(factories.number(1))
    shout = released(20)
    Message.objects.filter(pk=shout.pk).update(deadline=timezone.now().replace(microsecond=123457))
    gone = released(1)
    last_call = Call.objects.latest("pk").pk
    gone_pk, _ = gone.pk, gone.delete()
    with _moved_to(elsewhere):
        before = _before(elsewhere)
        assert not any(_rows().values())
        ran = run("copy_database", "--json", "--from", elsewhere)
        assert ran.code == 0, ran.err
        assert {table["name"]: table["rows"] for table in ran.json} == {
            name: len(rows) for name, rows in before.items()
        }
        assert _rows() == before
    assert all(
        before[table] for table in ("blast_api_message", "blast_api_call", "blast_api_attempt", "blast_api_gate")
    )
    # Neither the ids of rows that are there nor of those that are gone are given away again.
    fresh = released(1)
    assert fresh.pk > gone_pk
    assert Call.objects.get(message=fresh).pk > last_call
    assert world.recorded(recipient(0)) > fresh.pk
    world.play()
    assert world.status(fresh.pk + 1) == "finished"


def _before(url: str) -> dict[str, list[tuple[Any, ...]]]:
    with connected(url):
        return _rows(ALIAS)


def test_more_rows_than_fit_into_one_statement_are_all_copied(monkeypatch: pytest.MonkeyPatch, elsewhere: str) -> None:
    monkeypatch.setattr(transfer, "_AT_ONCE", 7)
    released(100)
    with _moved_to(elsewhere):
        assert run("copy_database", "--from", elsewhere).code == 0
    assert Call.objects.count() == 100


def test_a_database_with_rows_is_not_copied_into(elsewhere: str) -> None:
    released(2)
    with _moved_to(elsewhere):
        factories.listed("15555551010")
        rows = _rows()
        ran = run("copy_database", "--from", elsewhere)
    assert (ran.code, _rows()) == (1, rows)
    assert "not empty" in ran.err


@contextmanager
def _meddled_with() -> Iterator[None]:
    """In the block the database writes other titles than it is told to."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN NEW.title := 'another'; RETURN NEW; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER meddle BEFORE INSERT ON blast_api_message FOR EACH ROW EXECUTE FUNCTION meddle()"
            )
        else:
            cursor.execute(
                "CREATE TRIGGER meddle AFTER INSERT ON blast_api_message "
                "BEGIN UPDATE blast_api_message SET title = 'another' WHERE id = NEW.id; END"
            )
        try:
            yield
        finally:
            if connection.vendor == "postgresql":
                cursor.execute("DROP FUNCTION meddle() CASCADE")
            else:
                cursor.execute("DROP TRIGGER meddle")


def test_a_copy_that_differs_is_none(elsewhere: str) -> None:
    released(3)
    with _moved_to(elsewhere), _meddled_with():
        ran = run("copy_database", "--from", elsewhere)
    assert ran.code == 1
    assert "blast_api_message is not the same in both" in ran.err
    assert not any(_rows().values())


def test_values_that_the_new_database_does_not_take_undo_everything(elsewhere: str) -> None:
    released(3)
    with _moved_to(elsewhere):
        with connected(elsewhere), connections[ALIAS].cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            cursor.execute("UPDATE blast_api_call SET status = 'unheard of' WHERE position = 2")
        ran = run("copy_database", "--from", elsewhere)
    assert (ran.code, ran.err.count("\n")) == (1, 0)
    assert not any(_rows().values())


def test_databases_of_different_versions_are_not_copied(elsewhere: str) -> None:
    released(1)
    with _moved_to(elsewhere):
        with connected(elsewhere), connections[ALIAS].cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'blast_api' AND name LIKE '0003%%'")
        ran = run("copy_database", "--from", elsewhere)
    assert ran.code == 1
    assert "migrate" in ran.err
    assert not Message.objects.exists()


@pytest.mark.parametrize("by", ["cron", "claim"])
def test_a_service_at_work_is_not_copied(elsewhere: str, by: str) -> None:
    shout = released(1)
    with _moved_to(elsewhere):
        pass
    with connected(elsewhere):
        if by == "cron":
            CronHost.objects.using(ALIAS).create(name="here", last_run=timezone.now())
        else:
            Call.objects.using(ALIAS).filter(message=shout.pk).update(held_since=timezone.now())
    ran = run("copy_database", "--from", elsewhere)
    assert ran.code == 1
    assert "stop runcrons" in ran.err


def test_what_is_in_hand_since_long_is_copied_as_it_is(elsewhere: str) -> None:
    released(1)
    hold(Call.objects.get(), since=timezone.now() - timedelta(minutes=5))
    with _moved_to(elsewhere):
        assert run("copy_database", "--from", elsewhere).code == 0
    call = Call.objects.get()
    assert (call.status, call.serial, call.held_since is None) == (CallStatus.READY, 1, False)


def test_a_lock_keeps_others_from_writing_to_what_is_copied(elsewhere: str) -> None:
    """Of SQLite: a row that is written meanwhile would be lost."""
    released(3)
    with _moved_to(elsewhere), connected(elsewhere):
        copying = transfer.copy(ALIAS)
        next(copying)
        locked = spawn("applications", "make", "late", DATABASE_URL=f"{elsewhere}?timeout=1")
        assert "database is locked" in locked.err
        list(copying)
    assert Call.objects.count() == 3


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("sqlite:////nowhere/db.sqlite3", 1, "There is no file /nowhere/db.sqlite3"),
        ("mysql://here/db", 2, "--from takes"),
        ("nonsense", 2, "--from takes"),
        ("postgres://nobody:secret#1@127.0.0.1:9/none", 2, "--from cannot be read: write "),
        ("postgres://nobody:secret@127.0.0.1:secret/none", 2, "--from cannot be read: write "),
        ("postgres://nobody@127.0.0.1:9/none", 1, "The database is away"),
    ],
)
def test_what_cannot_be_copied_is_told_in_one_line(url: str, code: int, says: str) -> None:
    ran = run("copy_database", "--from", url)
    assert ran.code == code
    assert says in ran.err
    assert "\n" not in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize("login", ["nobody:secret@127.0.0.1:9/none", "nobody@127.0.0.1:9/none?password=secret"])
def test_a_password_is_not_taken_as_an_argument(login: str) -> None:
    ran = run("copy_database", "--from", f"postgres://{login}")
    assert ran.code == 2
    assert "put it into ~/.pgpass" in ran.err
    assert "secret" not in ran.err


def test_a_file_that_is_no_database_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "db.sqlite3"
    file.write_text("no database at all" * 100)
    ran = run("copy_database", "--from", f"sqlite:///{file}")
    assert (ran.code, ran.err.count("\n")) == (1, 0)


def test_the_services_own_database_cannot_be_the_source() -> None:
    ran = run("copy_database", "--from", re.sub(r":[^:/]*@", "@", environment()["DATABASE_URL"]))
    assert ran.code == 2
    assert "configured for" in ran.err


def test_the_command_by_itself_has_its_exit_codes(elsewhere: str) -> None:
    factories.listed("15555551010")
    with _moved_to(elsewhere):
        assert spawn("copy_database").code == 2
        ran = spawn("copy_database", "--from", elsewhere)
        assert ran.code == 0, ran.err
        assert ["blast_api_donotcallnumber", "1"] in [row[:2] for row in ran.rows]
    assert DoNotCallNumber.objects.count() == 1
