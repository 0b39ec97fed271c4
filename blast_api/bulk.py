"""Many rows in few statements: thousands travel as one JSON parameter, so the parameters' limit is none for them, no model
instance is made, and memory does not grow with their number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, models

_CHUNK = 5000  # rows of one statement: about a megabyte of records


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


def written(moment: datetime) -> str:
    """A time as a cell of a row."""
    return str(connection.ops.adapt_datetimefield_value(moment))


def _prepared(fields: Mapping[str, models.Field[object, object]], values: Mapping[str, object]) -> list[Any]:
    return [fields[name].get_db_prep_save(value, connection) for name, value in values.items()]
