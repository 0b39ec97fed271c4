"""The hot path under uWSGI: the first document and the status callback beside an empty view, same settings for all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, repeat
from statistics import median

from . import load
from .report import Row, Verdict
from .service import Databases, cpu_s, scene

_CONNECTIONS = 12
_GOALS = {"answered": (0.6, 2), "status": (0.3, 4)}
_CALL_STATUS = {"answered": "ready", "status": "ongoing"}
_BODIES = {
    "answered": b'{"CallSid": "s", "CallStatus": "in-progress"}',
    "status": b'{"CallSid": "s", "CallStatus": "completed", "CallDuration": 9}',
}
_FASTEST = 2500  # callbacks a second that there are calls for


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """Rounds of empty view, first document, status callback; medians of the rounds' ratios."""
    rounds, seconds = (1, 2.0) if quick else (5, 3.0)
    for kind in databases.kinds:
        with scene(databases, kind) as service:
            of_each = int(rounds * seconds * _FASTEST)
            posts: dict[str, Iterator[bytes]] = {"empty": repeat(load.request("POST", "/empty", b"{}"))}
            for step in _GOALS:
                shout = service.inside("fill", calls=of_each, status=_CALL_STATUS[step], attempts=1)
                paths = service.inside("addresses", shout=shout, step=step)
                posts[step] = iter([load.request("POST", path, _BODIES[step]) for path in paths])
            queries: dict[str, list[str]] = service.inside("queries")
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
    for step, (goal, most) in _GOALS.items():
        of_step = runs[step]
        ratio = median(run.per_second / empty.per_second for run, empty in zip(of_step, floor, strict=True))
        of_cpu = median(empty.web_ms / run.web_ms for run, empty in zip(of_step, floor, strict=True))
        count = len(queries[step])
        good = ratio >= goal and count <= most and not any(run.bad for run in of_step)
        yield Row(
            "callbacks",
            f"{'first document' if step == 'answered' else 'status callback'}, {kind}",
            f"{goal:g} of empty, {most} queries",
            f"{_speed(of_step)}, {count} queries",
            Verdict.of(good),
            ratio=ratio,
            figures=_figures(of_step)
            | {"ratio_of_web_cpu": round(of_cpu, 3), "queries": count, "statements": "; ".join(queries[step])},
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
