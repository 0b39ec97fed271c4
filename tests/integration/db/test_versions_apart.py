"""Code and database apart by one version: old code goes on, new code says at once what is missing and loses nothing."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, migrations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED, Field, Model
from django.test import Client
from pytest_django import Settings

from blast_api.cron import run_once
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus
from blast_api.models import Call, DoNotCallNumber
from blast_api.monitoring import health
from blast_api.simulator import Carrier
from tests.kits import factories
from tests.kits.callbacks import ask, delivered, path
from tests.kits.processes import environment
from tests.kits.released import released

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("impatient_callbacks", "migrations_asked_anew"),
]

_APP = "blast_api"

_HISTORY = sorted(name for app, name in MigrationLoader(None).disk_migrations if app == _APP)
_ADDING = (migrations.AddField, migrations.AddIndex, migrations.CreateModel, migrations.RunPython)


def _migrate(name: str) -> None:
    MigrationExecutor(connection).migrate([(_APP, name)])


@contextmanager
def _database_of(name: str) -> Iterator[None]:
    """The database as this migration left it."""
    _migrate(name)
    try:
        yield
    finally:
        _migrate(_HISTORY[-1])


# --- Old code, new database ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", _HISTORY[1:])
def test_a_migration_only_adds_what_old_code_need_not_know(name: str) -> None:
    operations = MigrationLoader(None).disk_migrations[_APP, name].operations
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            assert not operation.database_operations  # a new name for what stays as it is
            continue
        if isinstance(operation, migrations.RemoveConstraint | migrations.AddConstraint):
            assert _is_widened(name, operation, operations), f"{operation.describe()}: old code's rows may break it"
            continue
        if isinstance(operation, migrations.AlterField):  # the database does not know the choices
            assert _apart_from_choices(name, operation) == _apart_from_choices(_before(name), operation)
            continue
        assert isinstance(operation, _ADDING), f"{operation.describe()}: old code may still need it as it was"
        if isinstance(operation, migrations.AddField):
            field = operation.field
            assert field.null or field.db_default is not NOT_PROVIDED, f"{name}: old code cannot fill {operation.name}"


def _is_widened(name: str, operation: Any, operations: Sequence[Any]) -> bool:
    """Whether it is half of a check that allows more words than before, or a constraint of a table that is new here."""
    new = {each.name for each in operations if isinstance(each, migrations.CreateModel)}
    if operation.model_name.capitalize() in new:
        return True
    called = operation.name if isinstance(operation, migrations.RemoveConstraint) else operation.constraint.name
    before, after = (_words(called, operation.model_name, apart) for apart in (_before(name), name))
    return bool(before) and before <= after


def _before(name: str) -> str:
    return _HISTORY[_HISTORY.index(name) - 1]


def _apart_from_choices(migration: str, operation: migrations.AlterField) -> dict[str, Any]:
    model = MigrationLoader(None).project_state((_APP, migration)).models[_APP, operation.model_name.lower()]
    _, _, _, options = model.fields[operation.name].deconstruct()
    return {name: value for name, value in options.items() if name != "choices"}


def _words(constraint: str, model: str, migration: str) -> set[str]:
    """The words that a check of one column allows."""
    state = MigrationLoader(None).project_state((_APP, migration)).models[_APP, model.lower()]
    (condition,) = (each.condition for each in state.options["constraints"] if each.name == constraint)
    ((_, words),) = condition.children
    return set(words)


def _value(field: Field[Any, Any], rows: dict[str, Model]) -> object:
    if field.is_relation:
        assert field.related_model is not None
        return rows[str(field.related_model._meta.model_name)]
    if field.choices:
        return next(iter(field.flatchoices))[0]
    kinds: dict[str, object] = {"DateTimeField": datetime(2030, 1, 1, tzinfo=UTC), "PositiveIntegerField": 1}
    return kinds.get(field.get_internal_type(), "15555550100")


@pytest.mark.parametrize("name", _HISTORY[:-1])
def test_old_code_goes_on_with_the_database_of_new_code(name: str) -> None:
    """Its models, as they were, fill, change and read every table: its statements name the columns that it knows."""
    old = MigrationLoader(connection).project_state((_APP, name)).apps
    rows: dict[str, Model] = {}
    for model in ("application", "message", "call", "recording", "record", "donotcallnumber", "gate"):
        kind = old.get_model(_APP, model)
        needed = [
            field
            for field in kind._meta.local_fields
            if not field.null and field.db_default is NOT_PROVIDED and field.name != "id"
        ]
        rows[model] = kind._default_manager.create(**{field.name: _value(field, rows) for field in needed})
        rows[model].save()
        rows[model].refresh_from_db()
        assert kind._default_manager.filter(pk=rows[model].pk).update(**{needed[-1].name: _value(needed[-1], rows)})


def test_who_lacks_only_the_newest_migration_of_others_is_ready(client: Client) -> None:
    MigrationExecutor(connection).recorder.record_applied(_APP, "0999_of_later_code")
    try:
        assert health.missing_migrations() == []
        assert client.get("/readyz").status_code == 200
    finally:
        MigrationExecutor(connection).recorder.record_unapplied(_APP, "0999_of_later_code")


# --- New code, old database ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", _HISTORY[:-1])
def test_new_code_says_what_the_database_lacks(client: Client, name: str) -> None:
    with _database_of(name):
        assert health.missing_migrations() == [f"{_APP}.{later}" for later in _HISTORY[_HISTORY.index(name) + 1 :]]
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["migrations"]) == (503, "unapplied")
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("linger", [[], ["--linger=30"]])
def test_runcrons_places_nothing_and_says_why_in_one_line(
    carrier: Carrier, settings: Settings, linger: list[str]
) -> None:
    released(2)
    command = [sys.executable, "manage.py", "runcrons", *linger]
    with _database_of(_HISTORY[-2]):
        done = subprocess.run(
            command, cwd=settings.BASE_DIR, env=environment(), capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"{_APP}.{_HISTORY[-1]}" in line
    assert "migrate" in line
    assert carrier.arrivals == []


@contextmanager
def _without_a_column() -> Iterator[None]:
    """As if the newest migration had added one that every callback needs, and it were not applied."""
    change = "ALTER TABLE blast_api_call RENAME COLUMN {} TO {}"
    with connection.cursor() as cursor:
        cursor.execute(change.format("opted_out", "unknown"))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(change.format("unknown", "opted_out"))


def test_callbacks_to_new_code_on_an_old_database_are_kept_without_a_traceback(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ended, opted_out, asks = (delivered(number=factories.number(index)) for index in range(3))
    logging.getLogger(_APP).addHandler(caplog.handler)
    try:
        with _without_a_column():
            assert ask(client, path(Party.RECIPIENT, ended.pk, 1, "status"), CallStatus="busy").status_code == 200
            assert ask(client, path(Party.RECIPIENT, opted_out.pk, 1, "key"), Digits="5").status_code == 200
            detected = ask(client, path(Party.RECIPIENT, asks.pk, 1, "detected"), AMDStatus="HUMAN")
    finally:
        logging.getLogger(_APP).removeHandler(caplog.handler)
    assert (detected.status_code, b"<Response>" in detected.content) == (200, True)
    assert [record for record in caplog.records if record.exc_info] == []
    assert len(list(Path(settings.STATE_DIR).glob("callbacks.spool"))) == 1
    run_once()
    ended.refresh_from_db()
    assert ended.status == CallStatus.BUSY
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [opted_out.number]
    assert Call.objects.get(pk=asks.pk).status == CallStatus.ONGOING
