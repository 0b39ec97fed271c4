"""The database's time, and what it says when it cannot answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection

# What the database says when it cannot just now: it is gone, or locked, or full; it may only be read, as after a failover;
# or it is not migrated yet. Whatever was to be done can be done when it can.
AWAY = (OperationalError, InterfaceError, InternalError, ProgrammingError)


def database_now() -> datetime:
    """The one clock that hosts compare times by: the database's; SQLite has one host, and its clock."""
    if connection.vendor != "postgresql":
        return datetime.fromtimestamp(time.time(), UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    assert isinstance(now, datetime)
    return now
