"""Callbacks while PostgreSQL refuses everybody: kept on disk, then taken up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from . import load
from .report import Row, Verdict
from .service import POSTGRESQL, BenchError, Databases, Scene, scene

_CONNECTIONS = 48
_BODY = b'{"CallSid": "s", "CallStatus": "completed", "CallDuration": 9}'
_GOAL_PER_S = 1000
_RATED_PER_S = 75  # three callbacks of each of 25 calls
_WORKERS = "3"
_PATIENCE_S = 600.0


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """As many endings as come in some seconds, then, with `full`, ten minutes at the rated load; none may be lost."""
    if POSTGRESQL not in databases.kinds:
        return
    yield from _outage(databases, seconds=4.0 if quick else 15.0, per_second=None)
    if full:
        yield from _outage(databases, seconds=600.0, per_second=_RATED_PER_S)


def _outage(databases: Databases, *, seconds: float, per_second: int | None) -> Iterator[Row]:
    with scene(databases, POSTGRESQL) as service:
        service.carrier(0.1)
        count = int(seconds * (per_second or 2 * _GOAL_PER_S))
        shout = service.inside("fill", calls=count + 200, status="ongoing", attempts=1)
        paths = service.inside("addresses", shout=shout, step="status")
        requests = (load.request("POST", path, _BODY) for path in paths)
        port = service.shipped("blast-api-callbacks.service", WORKERS=_WORKERS)
        databases.refuse(service.url)
        try:
            _knock(
                port, islice(requests, 200), seconds=30.0
            )  # each process has waited in vain, and knows it from now on
            before = service.spooled()
            told = _knock(port, _paced(requests, per_second), seconds=seconds)
            kept, answered = service.spooled() - before, told.statuses[200]
        finally:
            databases.admit(service.url)
        lost = sum(told.statuses.values()) - answered
        yield Row(
            "outage",
            f"endings kept on disk, {'as they come' if per_second is None else f'{seconds / 60:g} minutes'}",
            f"{per_second or _GOAL_PER_S}/s, none lost",
            f"{told.per_second:.0f}/s, {kept} of {answered} on disk, {lost} refused",
            Verdict.of(told.per_second > 0.95 * (per_second or _GOAL_PER_S) and kept == answered and not lost),
        )
        waiting = service.spooled()
        service.dispatchers(1)
        taken_s = _until_taken_up(service, waiting)
        settled = service.inside("count", shout=shout, status="completed")
        yield Row(
            "outage",
            "taken up afterwards",
            f"{_RATED_PER_S}/s, each settles its call",
            f"{waiting / taken_s:.0f}/s, {settled} settled of {waiting}",
            Verdict.of(waiting / taken_s > _RATED_PER_S and settled == waiting),
        )


def _knock(port: int, requests: Iterator[bytes], *, seconds: float) -> load.Load:
    return load.knock(port, requests, connections=_CONNECTIONS, seconds=seconds, keep_alive=False)


def _paced(requests: Iterator[bytes], per_second: int | None) -> Iterator[bytes]:
    begun = time.monotonic()
    for index, request in enumerate(requests):
        if per_second is not None:
            time.sleep(max(0.0, begun + index / per_second - time.monotonic()))
        yield request


def _until_taken_up(service: Scene, waiting: int) -> float:
    """Seconds from the first that is taken up to the last; that many wait."""
    begun: float | None = None
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        left = service.spooled()
        if begun is None and left < waiting:
            begun = time.monotonic()
        if begun is not None and not left:
            return time.monotonic() - begun
        time.sleep(0.05)
    raise BenchError(f"{service.spooled()} of {waiting} callbacks are still on disk")
