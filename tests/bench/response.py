"""How soon things happen: the first call of a shout, the author's phone, and a small shout beside a large one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from statistics import median

import requests

from .report import Row, Verdict
from .service import Databases, Scene, scene

_GOAL_S = {"start": 1.0, "fairness": 2.0}


def measure_start(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """From a release, and from a POST, to the carrier's door."""
    times = 3 if quick else 9
    for kind in databases.kinds:
        with scene(databases, kind) as service:
            service.carrier(0.08)
            service.dispatchers(1)
            released: dict[str, float] = service.inside("releases", count=times, apart_s=0.83)
            first = _until_placed(service, released)
            port, _ = service.web()
            asked: dict[str, float] = {}
            for index in range(times):
                author = f"1555562{index:04d}"
                asked[author] = time.monotonic()
                body = {"caller": author, "userdata": "bench", "recipients": [f"1555563{index:04d}"]}
                requests.post(f"http://127.0.0.1:{port}/api/v1/shouts", json=body, timeout=10).raise_for_status()
                time.sleep(0.3)
            rung = _until_placed(service, asked)
        yield _row("start", f"a release to its first call, {times} times, {kind}", first)
        yield _row("start", f"POST /shouts to the author's call, {times} times, {kind}", rung)


def measure_fairness(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """What becomes ready while a shout to 10,000 is being placed at 50 calls a second."""
    for kind in databases.kinds[:1] if quick else databases.kinds:
        with scene(databases, kind, MAX_CALLS_PER_SECOND=50, RETRY_DELAY=0) as service:
            service.carrier(0.08)
            large = service.inside("fill", calls=10000, group=1)
            small = service.inside("fill", calls=10, group=2)
            service.dispatchers(1)
            service.inside("release", shout=large)
            time.sleep(3.0)
            released = service.inside("release", shout=small)
            last = _until_placed(service, dict.fromkeys(service.inside("numbers", shout=small), released))
            yield _row("fairness", f"the last call of a shout to 10, {kind}", [max(last)])
            failed: dict[str, float] = service.inside("fail", shout=small, calls=3)
            yield _row("fairness", f"retries of a shout to 10, {kind}", _until_placed(service, failed, times=2))
            authors: dict[str, float] = service.inside("authors", count=3)
            yield _row("fairness", f"recording calls, {kind}", _until_placed(service, authors))
            failed = service.inside("fail", shout=large, calls=3)
            again = _until_placed(service, failed, times=2, within_s=5.0)
            yield _row("fairness", f"retries of the shout to 10,000 itself, {kind}", again)


def _until_placed(service: Scene, since: Mapping[str, float], *, times: int = 1, within_s: float = 10.0) -> list[float]:
    """Seconds until each of these numbers was at the carrier's door so many times; infinite if it never was."""
    deadline = time.monotonic() + within_s
    while True:
        at: dict[str, list[float]] = {}
        for arrived, _, number in service.arrivals():
            at.setdefault(number, []).append(arrived)
        if all(len(at.get(number, ())) >= times for number in since) or time.monotonic() > deadline:
            break
        time.sleep(0.25)
    never = [float("inf")] * times
    return [(at.get(number, []) + never)[times - 1] - begun for number, begun in since.items()]


def _row(subject: str, what: str, taken: list[float]) -> Row:
    goal = _GOAL_S[subject]
    worst = max(taken)
    told = f"median {median(taken):.2f} s, worst {worst:.2f} s" if len(taken) > 1 else f"{worst:.2f} s"
    figures: dict[str, float | int | str] = {"median_s": str(round(median(taken), 3)), "worst_s": str(round(worst, 3))}
    return Row(subject, what, f"within {goal:g} s", told, Verdict.of(worst <= goal), figures=figures)
