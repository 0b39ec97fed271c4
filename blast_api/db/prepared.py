"""Statements that the ORM compiles once and that run many times, for callbacks, which come in the carrier's time.

Building a query costs the ORM many times what the database needs to run it. A statement of the hot path is written as a
queryset like any other, from stand-ins for its parameters; the SQL that the ORM makes of it is kept, and from then on only
the values change. So does PostgreSQL's own preparation, because planning costs it three times what running does.

The callbacks of one call (answered, detected, key, status) cost the services so many milliseconds of CPU, with Django 5.2,
Python 3.11 and PostgreSQL 15 on a virtual machine with two cores (AMD EPYC):

|                              | prepared | by the ORM |
|------------------------------|----------|------------|
| our process, SQLite          | 0.75     | 5.0        |
| our process, PostgreSQL      | 1.06     | 7.1        |
| PostgreSQL's server process  | 0.92     | 2.6        |

Of these the key, which goes by the ORM in either column, is 0.2 and 0.3 ms of our process.

This needs private parts of Django and psycopg. `tests/integration/db/test_private_parts.py` names each of them, and tells
who upgrades what to look at when one has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Protocol

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery

from .upserts import Upsert

ParameterType = type[int] | type[str] | type[datetime]

_numbers = count(1)


def _stand_in(kind: ParameterType) -> object:
    """A value that stands in no row, by which the parameter is found again in the compiled statement."""
    number = next(_numbers)
    if kind is int:
        return 2_000_000_000 + number
    return datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=number) if kind is datetime else f"\x01{number}\x01"


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    constants: tuple[Any, ...]
    places: tuple[tuple[int, str], ...]  # where in them which parameter stands
    read: Callable[[Sequence[Any]], list[tuple[Any, ...]]] | None = None

    def arguments(self, values: Mapping[str, object]) -> list[Any]:
        arguments = list(self.constants)
        for place, name in self.places:
            arguments[place] = _adapted(values[name])
        return arguments


def _adapted(value: object) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _cursor() -> CursorWrapper:
    """A cursor that this thread keeps as long as its connection: making one costs as much as a short statement.

    On PostgreSQL it prepares what it executes, unless the operator says that nothing is: PgBouncer may hand each transaction
    to another session, which knows nothing of what was prepared.
    """
    here = connections[DEFAULT_DB_ALIAS]
    if here.queries_logged:
        return here.cursor()
    made_for, cursor = getattr(here, "_kept_cursor", (None, None))
    if cursor is None or made_for is not here.connection:
        cursor = here.cursor()
        if here.vendor == "postgresql" and here.connection.prepare_threshold is not None:
            cursor.cursor.execute = partial(cursor.cursor.execute, prepare=True)
        here._kept_cursor = here.connection, cursor  # type: ignore[attr-defined]  # ours, beside Django's
    return cursor


class _Statement:
    def __init__(self, **parameters: ParameterType) -> None:
        self._stand_ins = {name: _stand_in(kind) for name, kind in parameters.items()}
        self._compiled: dict[str, _Compiled] = {}

    def _here(self) -> _Compiled:
        """The statement for the database of this connection."""
        vendor = connection.vendor
        if vendor not in self._compiled:
            self._compiled[vendor] = self._compile()
        return self._compiled[vendor]

    def _compile(self) -> _Compiled:
        raise NotImplementedError

    def _places(self, params: Sequence[object]) -> tuple[tuple[int, str], ...]:
        names = {_adapted(stand_in): name for name, stand_in in self._stand_ins.items()}
        places = tuple((place, names[value]) for place, value in enumerate(params) if value in names)
        missing = set(self._stand_ins) - {name for _, name in places}
        assert not missing, f"the statement does not use {missing}"
        return places


class Update(_Statement):
    """`Update(lambda pk, now: (rows, changes), pk=int, now=datetime)`; call it with values for the parameters."""

    def __init__(
        self, build: Callable[..., tuple[QuerySet[Any, Any], Mapping[str, Any]]], **parameters: ParameterType
    ) -> None:
        super().__init__(**parameters)
        self._build = build

    def __call__(self, **values: object) -> int:
        """Run it; answers how many rows were changed."""
        compiled = self._here()
        cursor = _cursor()
        cursor.execute(compiled.sql, compiled.arguments(values))
        return int(cursor.rowcount)

    def many(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Run it for each of many sets of values, in one call of the driver; answers how many rows were changed."""
        compiled = self._here()
        arguments = [compiled.arguments(values) for values in rows]
        if not arguments:
            return 0
        with connection.cursor() as cursor:
            cursor.executemany(compiled.sql, arguments)
            return int(cursor.rowcount)

    def _compile(self) -> _Compiled:
        rows, changes = self._build(**self._stand_ins)
        query: UpdateQuery = rows.query.chain(UpdateQuery)  # type: ignore[assignment]  # it makes what it is told to
        query.add_update_values(dict(changes))
        sql, params = query.get_compiler(connection=connection).as_sql()
        return _Compiled(sql, tuple(params), self._places(params))


class Beside(Protocol):
    """A statement that inserts what else is to be stored; its parameters are `columns`, in the order of their stand-ins."""

    columns: tuple[str, ...]

    def sql(self, source: str = "") -> str:
        """It reads from `source` too, if one is named: the name of rows and a comma; none of them, and nothing is inserted."""


class RecordedUpdate(Update):
    """An update of one row, and the insertion of what it leads to, or its change: both or, if the row is not as expected, neither.

    One round trip where the database can. Parameters are those of the update, `row.<column>` for each column of the row, and
    those of the statement `beside` them, if there is one.
    """

    def __init__(
        self,
        build: Callable[..., tuple[QuerySet[Any, Any], Mapping[str, Any]]],
        record: Upsert,
        beside: Beside | None = None,
        **parameters: ParameterType,
    ) -> None:
        super().__init__(build, **parameters)
        self._record, self._beside = record, beside
        self._columns = tuple(f"row.{name}" for name in record.columns)

    def __call__(self, **values: object) -> int:
        """Run it; answers whether the row was changed and recorded, as a number."""
        if connection.vendor == "postgresql":
            return super().__call__(**values)
        record = self._record
        with transaction.atomic():
            changed = super().__call__(**values)
            if changed:
                sql = f"{record.into} VALUES ({record.parameters}) {record.otherwise}"
                _cursor().execute(sql, [_adapted(values[name]) for name in self._columns])
                if self._beside:
                    _cursor().execute(self._beside.sql(), [_adapted(values[name]) for name in self._beside.columns])
        return changed

    def _compile(self) -> _Compiled:
        update, record = super()._compile(), self._record
        if connection.vendor != "postgresql":
            return update
        others = self._beside.columns if self._beside else ()
        beside = f", beside AS ({self._beside.sql('changed,')}) " if self._beside else " "
        sql = (
            f"WITH changed AS ({update.sql} RETURNING 1){beside}"  # noqa: S608  # names are ours
            f"{record.into} SELECT {record.parameters} FROM changed {record.otherwise}"
        )
        count, named = len(update.constants), (*others, *self._columns)
        places = ((count + place, name) for place, name in enumerate(named))
        return _Compiled(sql, (*update.constants, *named), (*update.places, *places))


class Select(_Statement):
    """`Select(lambda pk: rows.values_list("pk", "status"), pk=int)`; call it with values for the parameters."""

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **parameters: ParameterType) -> None:
        super().__init__(**parameters)
        self._build = build

    def __call__(self, **values: object) -> list[tuple[Any, ...]]:
        """Run it; answers the rows as tuples of Python values."""
        compiled = self._here()
        cursor = _cursor()
        cursor.execute(compiled.sql, compiled.arguments(values))
        rows = cursor.fetchall()
        return compiled.read(rows) if compiled.read else rows

    def _compile(self) -> _Compiled:
        compiler = self._build(**self._stand_ins).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        converters = compiler.get_converters([expression for expression, *_ in compiler.select])
        read = None
        if converters:
            read = lambda rows: [tuple(row) for row in compiler.apply_converters(rows, converters)]  # noqa: E731
        return _Compiled(sql, tuple(params), self._places(params), read)
