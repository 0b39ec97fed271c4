"""Lists of 100,000 and shouts that end together, beside a shout that is being placed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from .report import Row, Verdict
from .service import Databases, Scene, children_of, peak_mib, scene

_CAP = 25
_LISTED = 100_000
_LATENCY_S = 0.08
_GOAL = 0.7  # of the cap: sweeps, web server, carrier and database share two cores with the dispatcher
_MOST_MIB = (
    400  # resident, of one process of the web server: 75, and 55 for each list that one of its eight threads holds
)
# What time-outs wait for: as little as can be.
_SHORT = {"MESSAGE_TIMEOUT": 0, "RING_TIMEOUT": 5}
_FROM = {"X-Forwarded-Proto": "https"}


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """The rate beside each, its longest gap, and the memory that the web server took."""
    kind = databases.kinds[-1]
    yield from _lists(databases, kind, count=3, seconds=20.0)
    if quick:
        return
    yield from _lists(databases, kind, count=12, seconds=60.0)
    calls = 20_000 if full else 5_000
    yield _beside(databases, kind, f"20 shouts to {calls} are canceled together", _canceled, calls=calls)
    yield _beside(databases, kind, f"20 shouts to {calls} time out together", _timed_out, calls=calls)


def _lists(databases: Databases, kind: str, *, count: int, seconds: float) -> Iterator[Row]:
    with scene(databases, kind, MAX_CALLS_PER_SECOND=_CAP) as service:
        port = _beginning(service, seconds)
        with ThreadPoolExecutor(count) as pool:
            begun = time.monotonic()
            posts = [pool.submit(_post, port, index) for index in range(count)]
            time.sleep(seconds)
            yield _row(service, f"{count} lists of {_LISTED} foreign numbers, {kind}", begun, begun + seconds)
            statuses = [post.result() for post in posts]
        peak = max(peak_mib(pid) for pid in children_of(service.children[-1].pid))
        yield Row(
            "masses",
            f"memory of a process of the web server beside {count}, {kind}",
            f"{_MOST_MIB} MiB",
            f"{peak:.0f} MiB, answers {sorted(set(statuses))}",
            Verdict.of(peak < _MOST_MIB and set(statuses) == {201}),
        )


def _beginning(service: Scene, seconds: float) -> int:
    """A shout that is being placed, and the port of the web server."""
    service.carrier(_LATENCY_S)
    shout = service.inside("fill", calls=int(_CAP * (seconds + 60)))
    service.dispatchers(1)
    port = service.shipped("blast-api.service")
    service.inside("release", shout=shout)
    time.sleep(1.5)
    return port


def _post(port: int, index: int) -> int:
    first = 44_7700_000_000 + index * _LISTED
    body = {
        "caller": "15555562000",
        "userdata": "bench",
        "recipients": [str(first + each) for each in range(_LISTED)],
    }
    url = f"http://127.0.0.1:{port}/api/v1/shouts"
    return requests.post(url, json=body, headers=_FROM, timeout=300).status_code


def _beside(databases: Databases, kind: str, what: str, end: Callable[[Scene, int], None], *, calls: int) -> Row:
    seconds = 30.0
    with scene(databases, kind, MAX_CALLS_PER_SECOND=_CAP, **_SHORT) as service:
        status = "ready" if end is _canceled else "ongoing"
        service.inside("fill_many", shouts=20, calls=calls, group=2, status=status, attempts=int(status == "ongoing"))
        _beginning(service, seconds)
        begun = time.monotonic()
        end(service, calls)
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        return _row(service, f"{what}, {kind}", begun, begun + seconds)


def _canceled(service: Scene, calls: int) -> None:
    service.inside("cancel_many", calls=calls)


def _timed_out(service: Scene, calls: int) -> None:
    """Their time runs out by itself."""


def _row(service: Scene, what: str, begun: float, until: float) -> Row:
    at = [begun, *(at for at, _, _ in service.arrivals() if begun <= at <= until), until]
    rate, gap = (len(at) - 2) / (until - begun), max(later - at for at, later in itertools.pairwise(at))
    told = f"{rate:.1f} calls a second, longest gap {gap:.1f} s"
    figures: dict[str, float | int | str] = {"rate": round(rate, 2), "gap_s": round(gap, 2)}
    return Row("masses", what, f"{_GOAL:.0%} of {_CAP}", told, Verdict.of(rate >= _GOAL * _CAP), figures=figures)
