"""The last id that a table has given away. No id is given twice, also after its row is gone: old addresses name ids."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Max, Model


def counted(model: type[Model]) -> bool:
    """Whether the database numbers the rows of this table."""
    return isinstance(model._meta.pk, AutoField)


def last_id(model: type[Model], connection: BaseDatabaseWrapper) -> int:
    """The last id that was given away, or 0."""
    name = _sequence(model, connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SELECT last_value, is_called FROM {name}")  # noqa: S608  # the database's own name
            value, is_called = cursor.fetchone()
            given = value if is_called else value - 1
        else:
            cursor.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = %s", [name])
            given = cursor.fetchone()[0] or 0
    there = model._base_manager.using(connection.alias).aggregate(last=Max("pk"))["last"] or 0
    return max(int(given), int(there))


def set_last_id(model: type[Model], connection: BaseDatabaseWrapper, value: int) -> None:
    """The next row gets the id after this one. Call it while nobody else inserts."""
    name = _sequence(model, connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(%s::regclass, %s, %s)", [name, max(value, 1), value > 0])
            return
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [name])
        cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [name, value])


def _sequence(model: type[Model], connection: BaseDatabaseWrapper) -> str:
    table, column = model._meta.db_table, model._meta.pk.column
    if connection.vendor != "postgresql":
        return table
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [connection.ops.quote_name(table), column])
        return str(cursor.fetchone()[0])
