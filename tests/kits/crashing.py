"""A named point of placing a call, and what happens there: an exception, or the end of the process.

python -m tests.kits.crashing POINT TABLE [stands still]

is a cron run that dies at the point, as if its host had lost power; or stays for a while, and stands still there, once.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from threading import Event
from typing import Any
from unittest.mock import patch

import django
from django.db import transaction

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


class Accident(Exception):
    """Something that nobody has thought of."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stand_still() -> None:
    """Until somebody else lets the process go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


@contextmanager
def accident_at(point: str, table: str, happen: Callable[[], None]) -> Iterator[None]:
    """In the block, `happen` is called when this thread's database or anybody's request passes the point; `table`: of the calls."""
    from django.db import connection

    send, begin = socket.socket.sendall, HTTPResponse.begin

    def sendall(self: socket.socket, data: bytes) -> None:
        if point == "before the request is sent" and data.startswith(b"POST /flexml/"):
            happen()
        send(self, data)

    def begin_reading(self: Any) -> None:
        if point == "after it is sent, before the answer" and self._method == "POST":
            happen()
        begin(self)
        if point == "after the answer, before it is kept" and self._method == "POST":
            assert self.status == 200
            happen()

    with (
        patch.object(socket.socket, "sendall", sendall),
        patch.object(HTTPResponse, "begin", begin_reading),
        connection.execute_wrapper(AtStatement(point, table, happen)),
    ):
        yield


class AtStatement:
    """The points that lie between two statements of the database."""

    def __init__(self, point: str, table: str, happen: Callable[[], None]) -> None:
        self._point, self._table, self._happen = point, table, happen
        self._last = ""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        stamps = sql.startswith(f'UPDATE "{self._table}"') and '"attempts" = ("' in sql
        takes_slots = sql.startswith('UPDATE "blast_api_gate" SET "next_slot"')
        keeps = sql.startswith(f'UPDATE "{self._table}"') and '"sid" = ' in sql and not stamps
        if stamps and self._point == "before the claim is stamped":
            self._happen()
        if takes_slots and self._point == "before the claim's commit":
            self._happen()
        if takes_slots and self._point == "after the claim's commit":
            transaction.on_commit(self._happen)  # at once: a busy machine leaves no time until the first slot
        if sql.startswith("SELECT") and self._last == "kept" and self._point == "after it is kept":
            self._happen()
        result = execute(sql, params, many, context)
        if keeps and self._point == "inside the transaction that keeps it":
            self._happen()
        self._last = "kept" if keeps else self._last
        return result


def main() -> None:
    point, table, *stands_still = sys.argv[1:]
    assert point in POINTS
    django.setup()
    from blast_api import cron

    if not stands_still:
        with accident_at(point, table, die):
            cron.run_once()
        return
    accidents = [stand_still]
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with accident_at(point, table, lambda: accidents.pop()() if accidents else None):
        cron.place_for(120, stop)


if __name__ == "__main__":
    main()
