"""The hot path under uWSGI: the first document and the status callback beside an empty view, same settings for all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from statistics import median
from typing import NamedTuple

from . import load
from .report import Row, Verdict
from .service import Databases, cpu_s, scene

_CONNECTIONS = 12


class _Case(NamedTuple):
    """A callback, the status of the calls it comes for, and its goals: share of an empty view, and queries."""

    step: str
    status: str
    goal: float
    queries: int


_CASES = {
    "first document, no delay": _Case("answered", "ongoing", 0.6, 2),
    "first document after a delay": _Case("answered", "pending", 0.6, 2),
    "status callback": _Case("status", "ongoing", 0.3, 4),
}
_BODIES = {
    "answered": b'{"CallSid": "s", "CallStatus": "in-progress"}',
    "status": b'{"CallSid": "s", "CallStatus": "completed", "CallDuration": 9}',
}
_FASTEST = 6000  # callbacks a second that there are calls for


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """Rounds of empty view, first document, status callback; medians of the rounds' ratios."""
    rounds, seconds = (1, 2.0) if quick else (5, 3.0)
    for kind in databases.kinds:
        with scene(databases, kind) as service:
            of_each = int(rounds * seconds * _FASTEST)
            posts: dict[str, Iterator[bytes]] = {"empty": repeat(load.request("POST", "/empty", b"{}"))}
            queries: dict[str, list[str]] = {}
            for name, case in _CASES.items():
                shout = service.inside("fill", calls=of_each, status=case.status, attempts=1)
                paths = service.inside("addresses", shout=shout, step=case.step)
                posts[name] = iter([load.request("POST", path, _BODIES[case.step]) for path in paths])
                queries[name] = service.inside("queries", step=case.step, status=case.status)
            port, workers = service.web()
            backends = databases.backends(service.url)
            runs: dict[str, list[_Run]] = {name: [] for name in posts}
            for requests in posts.values():
                _run(port, islice(requests, 200), workers, backends, seconds)  # every thread has a connection now
                backends = databases.backends(service.url)
            for _ in range(rounds):
                for name, requests in posts.items():
                    runs[name].append(_run(port, requests, workers, backends, seconds))
            yield from _rows(kind, runs, queries)


class _Run:
    """One round of one view."""

    def __init__(self, load: load.Load, web_cpu: float, database_cpu: float) -> None:
        count = sum(load.statuses.values())
        self.per_second, self.client_cores = load.per_second, load.client_cpu
        self.bad = count - load.statuses[200]
        self.web_ms, self.database_ms = web_cpu / count * 1000, database_cpu / count * 1000


def _run(port: int, requests: Iterator[bytes], workers: list[int], backends: list[int], seconds: float) -> _Run:
    web, database = cpu_s(*workers), cpu_s(*backends)
    told = load.knock(port, requests, connections=_CONNECTIONS, seconds=seconds, keep_alive=False)
    return _Run(told, cpu_s(*workers) - web, cpu_s(*backends) - database)


def _rows(kind: str, runs: dict[str, list[_Run]], queries: dict[str, list[str]]) -> Iterator[Row]:
    floor = runs["empty"]
    yield Row(
        "callbacks", f"an empty view, {kind}", "", _speed(floor), Verdict.STATED, ratio=1.0, figures=_figures(floor)
    )
    for name, case in _CASES.items():
        of_case = runs[name]
        ratio = median(run.per_second / empty.per_second for run, empty in zip(of_case, floor, strict=True))
        of_cpu = median(empty.web_ms / run.web_ms for run, empty in zip(of_case, floor, strict=True))
        count = len(queries[name])
        good = ratio >= case.goal and count <= case.queries and not any(run.bad for run in of_case)
        yield Row(
            "callbacks",
            f"{name}, {kind}",
            f"{case.goal:g} of empty, {case.queries} queries",
            f"{_speed(of_case)}, {count} queries",
            Verdict.of(good),
            ratio=ratio,
            figures=_figures(of_case)
            | {"ratio_of_web_cpu": round(of_cpu, 3), "queries": count, "statements": "; ".join(queries[name])},
        )


def _speed(runs: list[_Run]) -> str:
    return f"{median(run.per_second for run in runs):.0f}/s"


def _figures(runs: list[_Run]) -> dict[str, float | int | str]:
    return {
        "per_second_median": round(median(run.per_second for run in runs), 1),
        "per_second_best": round(max(run.per_second for run in runs), 1),
        "web_cpu_ms_median": round(median(run.web_ms for run in runs), 3),
        "web_cpu_ms_least": round(min(run.web_ms for run in runs), 3),
        "database_cpu_ms_median": round(median(run.database_ms for run in runs), 3),
        "client_cores": round(median(run.client_cores for run in runs), 2),
        "not_200": sum(run.bad for run in runs),
    }
