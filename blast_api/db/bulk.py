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

_CHUNK = 5000  # rows of one statement: about a megabyte of records
_READ_AT_ONCE = 1000
Row = TypeVar("Row")


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[object]], **shared: object
) -> None:
    """Insert rows of values (text, whole numbers, None) for `columns`; `shared` holds for every row.

    Columns that are not named take their database default. All or nothing only inside a transaction.
    """
    fields = {field.attname: field for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    if connection.vendor == "postgresql":
        cells = [f"(row.value->>{i})::{fields[name].db_type(connection)}" for i, name in enumerate(columns)]
        source = "json_array_elements(%s::json) WITH ORDINALITY AS row(value, place) ORDER BY row.place"
    else:
        cells = [f"json_extract(row.value, '$[{i}]')" for i in range(len(columns))]
        source = "json_each(%s) AS row ORDER BY row.key"
    names = ", ".join(quote(str(fields[name].column)) for name in (*columns, *shared))
    values = ", ".join((*cells, *("%s" for _ in shared)))
    parameters = _prepared(fields, shared)
    left = iter(rows)
    with connection.cursor() as cursor:
        while chunk := list(islice(left, _CHUNK)):
            cursor.execute(
                f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {values} FROM {source}",  # noqa: S608
                [*parameters, json.dumps(chunk)],
            )


def update(rows: models.QuerySet[Any, Any], columns: Sequence[str], values: Iterable[Sequence[object]]) -> int:
    """Set columns of those of the rows that the values name: each is a primary key and what it gets; answers how many.

    Values are as for `insert`. Whoever may wait for several of the rows locks them first, in the order of their keys.
    """
    model = rows.model
    fields = {field.attname: field for field in model._meta.concrete_fields}
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    if connection.vendor == "postgresql":
        source = "json_array_elements(%s::json) AS named(value)"
        cells = [f"(named.value->>{i})::{fields[name].db_type(connection)}" for i, name in enumerate(columns, 1)]
        key = "(named.value->>0)::bigint"
    else:
        source = "json_each(%s) AS named"
        cells = [f"json_extract(named.value, '$[{i}]')" for i in range(1, len(columns) + 1)]
        key = "json_extract(named.value, '$[0]')"
    changes = ", ".join(f"{quote(str(fields[name].column))} = {cell}" for name, cell in zip(columns, cells, strict=True))
    where, conditions = rows.order_by().values("pk").query.sql_with_params()
    pk = f"{table}.{quote(str(model._meta.pk.column))}"  # type: ignore[union-attr]  # every model has one
    sql = f"UPDATE {table} SET {changes} FROM {source} WHERE {pk} = {key} AND {pk} IN ({where})"  # noqa: S608  # names are ours
    changed, left = 0, iter(values)
    with connection.cursor() as cursor:
        while chunk := list(islice(left, _CHUNK)):
            cursor.execute(sql, [json.dumps(chunk), *conditions])
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


def written(moment: datetime) -> str:
    """A time as a cell of a row."""
    return str(connection.ops.adapt_datetimefield_value(moment))


def _prepared(fields: Mapping[str, models.Field[object, object]], values: Mapping[str, object]) -> list[Any]:
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]
