"""The database's clock set, as an operator or a time server would, while everything goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import time_machine
from django.db import connection


@contextmanager
def it_is(moment: datetime) -> Iterator[None]:
    """In the block it is then, for everything in this process and for this thread's database; and time goes on."""
    ahead_s = moment.timestamp() - time.time()
    with time_machine.travel(moment, tick=True):
        if connection.vendor == "postgresql":
            with database_clock_set(ahead_s):
                yield
        else:
            yield


@contextmanager
def database_clock_set(ahead_s: float) -> Iterator[None]:
    """In the block, this thread's database has a clock so many seconds ahead; behind, if that is negative.

    SQLite's is the host's. On PostgreSQL only the server's is set, for this session: functions that stand before its own.
    """
    if connection.vendor != "postgresql":
        with time_machine.travel(time.time() + ahead_s, tick=True):
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA set_clock")
        for name in ("clock_timestamp", "statement_timestamp"):
            cursor.execute(
                f"CREATE FUNCTION set_clock.{name}() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
                f"$$ SELECT pg_catalog.{name}() + interval '{ahead_s} seconds' $$"
            )
        cursor.execute("SET search_path TO set_clock, pg_catalog, public")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")
            cursor.execute("DROP SCHEMA set_clock CASCADE")
