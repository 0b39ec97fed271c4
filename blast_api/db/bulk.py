"""Many rows in bounded memory.

In: thousands travel as one JSON parameter, so the parameters' limit is none for them, and no model instance is made. Out:
chunk after chunk, each those after the row read last, so that no cursor is open in between (which an error would leave
behind, and which PgBouncer could not keep).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.expressions import RawSQL

from .upserts import Upsert

_CHUNK = 5000  # rows of one statement: about a megabyte of records
_READ_AT_ONCE = 1000
Row = TypeVar("Row")


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]], **shared: object
) -> None:
    """Insert rows of values (text, whole numbers, None) for `columns`; `shared` holds for every row.

    Columns that are not named take their database default. All or nothing only inside a transaction.
    """
    _insert(model, columns, rows, shared)


def insert_new(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]], **shared: object
) -> list[int]:
    """Insert rows like `insert`, but for those that a unique constraint finds there. Answers the ids of the new ones."""
    return _insert(model, columns, rows, shared, otherwise="ON CONFLICT DO NOTHING RETURNING id", returning=True)


def upsert(into: Upsert, rows: Iterable[Sequence[object]]) -> None:
    """Insert rows of values like `insert`, for the columns that `into` names; those that are there are written over."""
    _insert(into.model, into.columns, rows, {}, otherwise=into.otherwise)


def _insert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    shared: Mapping[str, object],
    *,
    otherwise: str = "",
    returning: bool = False,
) -> list[int]:
    fields = {field.attname: field for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    if connection.vendor == "postgresql":
        source = "json_array_elements(%s::json) WITH ORDINALITY AS row(value, place) ORDER BY row.place"
    else:
        source = "json_each(%s) AS row ORDER BY row.key"
    names = ", ".join(quote(str(fields[name].column)) for name in (*columns, *shared))
    values = ", ".join((*_cells([fields[name] for name in columns]), *("%s" for _ in shared)))
    parameters = _prepared(fields, shared)
    sql = f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {values} FROM {source} {otherwise}"  # noqa: S608
    ids: list[int] = []
    left = iter(rows)
    with connection.cursor() as cursor:
        while chunk := list(islice(left, _CHUNK)):
            cursor.execute(sql, [*parameters, json.dumps(chunk)])
            if returning:
                ids += (pk for (pk,) in cursor.fetchall())
    return ids


def update(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Set columns of rows: each is a primary key and the values, as for `insert`. Answers how many were there.

    Call it inside a transaction that has them locked as they are to be.
    """
    fields = {field.attname: field for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    source = (
        "json_array_elements(%s::json) AS row(value)" if connection.vendor == "postgresql" else "json_each(%s) AS row"
    )
    key, *cells = _cells([model._meta.pk, *(fields[name] for name in columns)])
    changes = ", ".join(
        f"{quote(str(fields[name].column))} = {cell}" for name, cell in zip(columns, cells, strict=True)
    )
    table = quote(model._meta.db_table)
    changed, left = 0, iter(rows)
    with connection.cursor() as cursor:
        while chunk := list(islice(left, _CHUNK)):
            cursor.execute(f"UPDATE {table} SET {changes} FROM {source} WHERE {table}.id = {key}", [json.dumps(chunk)])  # noqa: S608
            changed += cursor.rowcount
    return changed


def read(rows: models.QuerySet[Any, Row], by: str, value: Callable[[Row], object]) -> Iterator[Row]:
    """Every row in the order of the unique column `by`, of which `value` tells what a row has; a thousand are held at once."""
    rows = rows.order_by(by)
    left = rows
    while chunk := list(left[:_READ_AT_ONCE]):
        yield from chunk
        if len(chunk) < _READ_AT_ONCE:
            break
        left = rows.filter(**{f"{by}__gt": value(chunk[-1])})


def among(texts: Sequence[str]) -> RawSQL:
    """What a column is compared with by `in`: any number of texts, as one parameter."""
    elements = "json_array_elements_text(%s::json)" if connection.vendor == "postgresql" else "json_each(%s)"
    return RawSQL(f"SELECT value FROM {elements}", [json.dumps(texts)])  # noqa: S608, S611  # the texts are a parameter


def written(moment: datetime) -> str:
    """A time as a cell of a row."""
    return str(connection.ops.adapt_datetimefield_value(moment))


def _cells(fields: Iterable[models.Field[object, object]]) -> list[str]:
    """The cells of a row that travels as JSON, in their order, each of its field's type."""
    if connection.vendor == "postgresql":
        return [f"(row.value->>{place})::{field.db_type(connection)}" for place, field in enumerate(fields)]
    return [f"json_extract(row.value, '$[{place}]')" for place, _ in enumerate(fields)]


def _prepared(fields: Mapping[str, models.Field[object, object]], values: Mapping[str, object]) -> list[Any]:
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]
