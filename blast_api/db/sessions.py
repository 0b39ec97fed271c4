"""How long our sessions wait, and how long they may keep others waiting.

Whoever waits keeps the first bound: the server may hang as a whole, and nothing of it goes over the wire. The server keeps
the second: a process that has stopped keeps nothing, and its locks would be held as long as it stands still.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

# Of every session. What the server's own configuration, the role or the database say instead stays.
_OF_SESSIONS = {
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "2s",  # who waits no more for its lock leaves the queue
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "10s",
}
# Of a transaction that holds what everybody needs. Who waits is patient for a little longer than who holds may stand still.
_OF_SHORT_TRANSACTIONS = {"idle_in_transaction_session_timeout": "1500", "lock_timeout": "2000"}
_SET_SESSION = """
    SELECT set_config(name, value, false) FROM json_each_text(%s) AS bounds (name, value) JOIN pg_settings USING (name)
    WHERE source = 'default'
"""
_SET_TRANSACTION = "SELECT set_config(name, value, true) FROM json_each_text(%s) AS bounds (name, value)"

_this_thread = threading.local()


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """In this block, this thread waits so long for the database's answers; then it has what AWAY names.

    On SQLite, where others only hold locks, so long for each. The session that has not answered is given up.
    """
    is_sqlite = connection.vendor == "sqlite"
    if is_sqlite:
        _wait_for_locks(seconds)
    _this_thread.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _this_thread.until = None
        if is_sqlite:
            _wait_for_locks(connection.settings_dict["OPTIONS"].get("timeout", 5.0))
        elif connection.connection is not None and connection.connection.closed:
            connection.close()  # the next one who asks makes another


def _wait_for_locks(seconds: float) -> None:
    connection.ensure_connection()
    connection.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def hold_briefly() -> None:
    """Others wait for what this transaction locks: it waits for nobody for long, and is undone if this process stands still."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_SET_TRANSACTION, [json.dumps(_OF_SHORT_TRANSACTIONS)])


class _Impatient(psycopg.Connection[Any]):
    """A connection that gives itself up when the patience of its thread is at its end."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        until: float | None = getattr(_this_thread, "until", None)
        if until is not None:
            timeout = max(0.0, until - time.monotonic())
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError:
            if self.info.transaction_status is psycopg.pq.TransactionStatus.ACTIVE:
                self.close()  # the answer may still come, and would be taken for that to the next question
            raise


def bound(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Give a new connection its bounds: a receiver of Django's `connection_created`."""
    if connection.vendor != "postgresql":
        return
    connection.connection.__class__ = _Impatient  # Django lets nobody name the class
    with connection.cursor() as cursor:
        cursor.execute(_SET_SESSION, [json.dumps(_OF_SESSIONS)])
