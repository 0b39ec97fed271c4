"""Callbacks beside an application that takes what it can get: uWSGI as shipped, PostgreSQL, a carrier that is slow."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from statistics import quantiles
from threading import Event
from typing import Any

import requests

from .report import Row, Verdict
from .service import Databases, Scene, scene

_GOAL_S = 0.1
_PATIENCE_S = 30
_CARRIER_S = 1.4  # what it takes to answer
_POSTS_PER_S, _LISTS = 28, 24
_CALLBACKS_PER_S = 40
_BODY = {"CallSid": "s", "CallStatus": "completed", "CallDuration": 9}
# As the one proxy in front would say it.
_FROM = {"X-Forwarded-Proto": "https"}

_Load = Callable[[Scene, int, Event, ThreadPoolExecutor], None]


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """How long callbacks take alone, while one application creates, and while it reads its lists slowly."""
    each = (8 if quick else 20) * _CALLBACKS_PER_S
    loads: dict[str, _Load] = {
        "alone": lambda service, port, over, pool: None,
        f"beside {_POSTS_PER_S} POST /shouts a second": _creating,
        f"beside {_LISTS} lists that are read slowly": _listing,
    }
    with scene(databases, databases.kinds[-1]) as service:
        service.carrier(_CARRIER_S)
        shout = service.inside("fill", calls=(1 + len(loads)) * each, status="ongoing", attempts=1)
        paths = iter(service.inside("addresses", shout=shout, step="status"))
        service.dispatchers(1)
        port = service.shipped("blast-api.service")
        for_callbacks = service.shipped("blast-api-callbacks.service", WORKERS="2")
        with ThreadPoolExecutor(400) as pool:
            _knock(for_callbacks, islice(paths, each), pool)  # every thread has a connection now
        for what, load in loads.items():
            over = Event()
            with ThreadPoolExecutor(400) as pool:
                load(service, port, over, pool)
                time.sleep(2)
                try:
                    taken = _knock(for_callbacks, islice(paths, each), pool)
                finally:
                    over.set()
            yield _row(what, taken)


def _knock(port: int, paths: Iterable[str], pool: ThreadPoolExecutor) -> list[float]:
    """Seconds that each callback took, of so many a second, however long the others take."""

    def tell(path: str) -> float:
        begun = time.monotonic()
        with suppress(requests.Timeout):  # that long, and in vain
            url = f"http://127.0.0.1:{port}{path}"
            requests.post(url, json=_BODY, headers=_FROM, timeout=_PATIENCE_S).raise_for_status()
        return time.monotonic() - begun

    told = list(_paced(tell, paths, _CALLBACKS_PER_S, pool))
    return [taken.result() for taken in told]


def _creating(service: Scene, port: int, over: Event, pool: ThreadPoolExecutor) -> None:
    def create(index: int) -> None:
        body = {"caller": f"1555562{index:04d}", "userdata": "bench", "recipients": [f"1555563{index:04d}"]}
        with suppress(requests.RequestException):
            requests.post(f"http://127.0.0.1:{port}/api/v1/shouts", json=body, headers=_FROM, timeout=60)

    def create_all() -> None:
        for _ in _paced(create, range(10000), _POSTS_PER_S, pool):
            if over.is_set():
                break

    pool.submit(create_all)


def _listing(service: Scene, port: int, over: Event, pool: ThreadPoolExecutor) -> None:
    shout = service.inside("fill", calls=200000, group=1, status="completed", attempts=1)

    def read() -> None:
        while not over.is_set():
            with socket.create_connection(("127.0.0.1", port)) as connection, suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                connection.sendall(f"GET /api/v1/calls?shout-id={shout} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                while connection.recv(4096) and not over.is_set():
                    time.sleep(0.02)
            over.wait(0.2)

    for _ in range(_LISTS):
        pool.submit(read)


def _paced(
    act: Callable[[Any], Any], each: Iterable[object], rate: int, pool: ThreadPoolExecutor
) -> Iterator[Future[Any]]:
    """Do it with each, so many a second."""
    begun = time.monotonic()
    for index, one in enumerate(each):
        time.sleep(max(0.0, begun + index / rate - time.monotonic()))
        yield pool.submit(act, one)


def _row(what: str, taken: list[float]) -> Row:
    cuts = quantiles(taken, n=100)
    told = f"p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, worst {max(taken) * 1000:.0f} ms"
    figures: dict[str, float | int | str] = {"p50_s": cuts[49], "p99_s": cuts[98], "worst_s": max(taken)}
    return Row("isolation", f"callbacks {what}", "p99 100 ms", told, Verdict.of(cuts[98] < _GOAL_S), figures=figures)
