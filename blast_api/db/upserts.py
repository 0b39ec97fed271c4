"""Rows that are inserted or, where one of the same key stands already, written over: one statement for either, on every database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Model


@dataclass(frozen=True, slots=True)
class Upsert:
    """What is inserted of a row, and what of it is written over one that is there: columns, as the database names them."""

    model: type[Model]
    key: tuple[str, ...]  # they are unique
    kept: tuple[str, ...]  # inserted, and left alone where they stand
    over: tuple[str, ...]  # inserted, or written over
    afresh: Mapping[str, str] = field(default_factory=dict)  # set to this SQL where the row stands

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are inserted, in the order of their values."""
        return (*self.key, *self.kept, *self.over)

    @property
    def into(self) -> str:
        """The beginning of the statement; the values, or a query for them, follow."""
        return f'INSERT INTO "{self.model._meta.db_table}" ({", ".join(self.columns)})'

    @property
    def parameters(self) -> str:
        """Stand-ins for the values of one row. PostgreSQL cannot tell the type of each from where it stands, and is told."""
        if connection.vendor != "postgresql":
            return ", ".join(["%s"] * len(self.columns))
        fields = {each.column: each for each in self.model._meta.concrete_fields}
        return ", ".join(f"%s::{fields[name].db_type(connection)}" for name in self.columns)

    @property
    def otherwise(self) -> str:
        """The end of the statement: what is done to a row that is there."""
        written = [f"{name} = excluded.{name}" for name in self.over]
        afresh = [f"{name} = {value}" for name, value in self.afresh.items()]
        return f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {', '.join(written + afresh)}"
