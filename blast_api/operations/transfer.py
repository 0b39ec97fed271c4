"""Every row of one database into another, empty one: the same keys, the same moments, the same next ids.

The other one is written in one transaction, and compared before it is committed: all of it is there, or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from blast_api.db import bulk
from blast_api.domain.errors import BlastError
from blast_api.models import AuthorCall, Call, CronHost

from .sequences import counted, last_id, set_last_id

_AT_ONCE = 1000
# Whoever ran or claimed a call so recently is running.
_JUST_NOW = timedelta(seconds=30)


class NotCopied(BlastError):
    """The databases are not such that one can be copied into the other, and nothing was."""

    code = "transfer"


@dataclass(frozen=True, slots=True)
class Table:
    """One table that was copied; the checksum is of all its values, in both databases."""

    name: str
    rows: int
    checksum: str


def copy(source: str, target: str = DEFAULT_DB_ALIAS) -> Iterator[Table]:
    """Copy all tables from one alias to another; tells of each. Exhaust it: what is not exhausted is undone.

    Nobody can write to the source meanwhile if it is SQLite; from PostgreSQL one moment of it is copied. Raises NotCopied.
    """
    with _one_moment(source), transaction.atomic(using=target):
        _compare_migrations(source, target)
        _see_nobody_works(source)
        for model in tables():
            if model._base_manager.using(target).exists():
                raise NotCopied(f"The database to copy into is not empty: {model._meta.db_table} has rows.")
        for model in tables():
            yield _copy_table(model, source, target)


def tables() -> list[type[Model]]:
    """All that the service stores, in an order in which rows follow what they refer to."""
    ordered: list[type[Model]] = []

    def add(model: type[Model]) -> None:
        for field in model._meta.concrete_fields:
            if isinstance(field.related_model, type) and field.related_model is not model:
                add(field.related_model)
        if model not in ordered:
            ordered.append(model)

    for model in apps.get_app_config("blast_api").get_models(include_auto_created=True):
        add(model)
    return ordered


@contextmanager
def _one_moment(alias: str) -> Iterator[None]:
    with transaction.atomic(using=alias):
        if connections[alias].vendor == "postgresql":
            with connections[alias].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _compare_migrations(source: str, target: str) -> None:
    applied = [
        {name for app, name in MigrationRecorder(connections[alias]).applied_migrations() if app == "blast_api"}
        for alias in (source, target)
    ]
    if not applied[0]:
        raise NotCopied("The database to copy from has no tables of this service.")
    if applied[0] != applied[1]:
        raise NotCopied("The two databases are not migrated alike: run `manage.py migrate` on both.")


def _see_nobody_works(source: str) -> None:
    since = datetime.now(UTC) - _JUST_NOW
    busy = (
        (CronHost, {"last_run__gt": since}),
        (Call, {"held_since__gt": since}),
        (AuthorCall, {"held_since__gt": since}),
    )
    if any(model._base_manager.using(source).filter(**recent).exists() for model, recent in busy):
        raise NotCopied("The service is at work: stop runcrons and the web server, and try again in half a minute.")


def _copy_table(model: type[Model], source: str, target: str) -> Table:
    names = [field.attname for field in model._meta.concrete_fields]
    rows = _rows(model, source)
    count, sum_ = 0, 0
    while batch := list(islice(rows, _AT_ONCE)):
        model._base_manager.using(target).bulk_create(model(**dict(zip(names, row, strict=True))) for row in batch)
        count += len(batch)
        sum_ += sum(map(_digest, batch))
    if counted(model):
        set_last_id(model, connections[target], last_id(model, connections[source]))
    there = [0, 0]
    for row in _rows(model, target):
        there[0] += 1
        there[1] += _digest(row)
    if there != [count, sum_]:
        raise NotCopied(f"{model._meta.db_table} is not the same in both: nothing was copied.")
    return Table(model._meta.db_table, count, f"{sum_ % 2**128:032x}")


def _rows(model: type[Model], alias: str) -> Iterator[tuple[object, ...]]:
    names = [field.attname for field in model._meta.concrete_fields]
    key = names.index(model._meta.pk.attname)
    return bulk.read(model._base_manager.using(alias).values_list(*names), "pk", lambda row: row[key])


def _digest(row: tuple[object, ...]) -> int:
    """Of one row; their sum says nothing of the order, in which two databases may differ."""
    values = tuple(value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in row)
    return int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=16).digest(), "big")
