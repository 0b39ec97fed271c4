"""A cron run that dies at a named point of placing a call, as if its host had lost power. The tests start it:

python -m tests.acceptance.crashing POINT TABLE
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import django
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

# In the order in which they are passed.
POINTS = (
    "before the claim is stamped",
    "before the claim's commit",
    "after the claim's commit",
    "before the request is sent",
    "after it is sent, before the answer",
    "after the answer, before it is kept",
    "inside the transaction that keeps it",
    "after it is kept",
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_the_wire(point: str) -> None:
    """The points that lie in the hands of the HTTP libraries."""
    send, getresponse = HTTPAdapter.send, HTTPConnection.getresponse

    def dying_send(self: HTTPAdapter, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        if point == "before the request is sent" and request.method == "POST":
            die()
        response = send(self, request, *args, **options)
        if point == "after the answer, before it is kept" and request.method == "POST":
            assert response.raw.status == 200
            die()
        return response

    def dying_getresponse(self: HTTPConnection) -> Any:
        if point == "after it is sent, before the answer":
            die()
        return getresponse(self)

    HTTPAdapter.send = dying_send  # type: ignore[method-assign]
    HTTPConnection.getresponse = dying_getresponse  # type: ignore[method-assign]


class DieAtStatement:
    """The points that lie between two statements of the database; `table` is the one of the calls."""

    def __init__(self, point: str, table: str) -> None:
        self._point, self._table = point, table
        self._last = ""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        stamps = sql.startswith(f'UPDATE "{self._table}"') and '"attempts" = ("' in sql
        takes_slots = sql.startswith('UPDATE "blast_api_gate" SET "next_slot"')
        keeps = sql.startswith(f'UPDATE "{self._table}"') and '"sid" = ' in sql and not stamps
        claims = sql.startswith("SELECT") and "blast_api_gate" in sql
        if stamps and self._point == "before the claim is stamped":
            die()
        if takes_slots and self._point == "before the claim's commit":
            die()
        if claims and self._last == "claimed" and self._point == "after the claim's commit":
            die()
        if sql.startswith("SELECT") and self._last == "kept" and self._point == "after it is kept":
            die()
        result = execute(sql, params, many, context)
        if keeps and self._point == "inside the transaction that keeps it":
            die()
        self._last = "claimed" if takes_slots else "kept" if keeps else self._last
        return result


def main() -> None:
    point, table = sys.argv[1:]
    assert point in POINTS
    django.setup()
    from django.db import connection

    from blast_api import cron

    die_at_the_wire(point)
    with connection.execute_wrapper(DieAtStatement(point, table)):
        cron.run_once()


if __name__ == "__main__":
    main()
