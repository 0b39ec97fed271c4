"""Events to applications cost no call its slot: the rate of placing while calls end at 400 a second, and each is told.

The same calls end in either scene; in one their application has a webhook.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from .arrivals import worst_second
from .report import Row, Verdict
from .service import Databases, free_port, scene

_CAP = 25
_PER_S = 400
_SECONDS = 15.0
_LONG = 250.0  # 100,000 events
_WITHIN_S = 60.0
_AS_MUCH = 0.97  # of the rate without webhooks
_TOLD = "told"


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """On each database, without a webhook and with one; 100,000 events only in full."""
    for kind in databases.kinds[-1:] if quick else databases.kinds:
        seconds = _LONG if full else _SECONDS
        alone, _, _ = _rate(databases, kind, seconds, is_told=False)
        rate, worst, told = _rate(databases, kind, seconds, is_told=True)
        figures: dict[str, float | int | str] = {"rate_without": alone, "rate": rate, "worst_second": worst, **told}
        missing = told["ended"] - told["differ"]
        good = rate >= _AS_MUCH * alone and worst <= _CAP and not missing
        said = (
            f"{rate:.1f} calls a second, {alone:.1f} without; {told['ended']} ended at {told['per_s']:.0f} a second, "
            f"{told['differ']} told, {told['differ'] / told['took_s']:.0f} a second"
        )
        goal = f"{_AS_MUCH:.0%} of the rate without, each told"
        yield Row("webhooks", f"calls end at {_PER_S} a second, {kind}", goal, said, Verdict.of(good), figures=figures)


def _rate(databases: Databases, kind: str, seconds: float, *, is_told: bool) -> tuple[float, int, dict[str, float]]:
    with scene(databases, kind, MAX_CALLS_PER_SECOND=_CAP, WEBHOOK_NETWORKS='["127.0.0.0/8"]') as service:
        service.carrier(0.08)
        port = free_port()
        service.start(sys.executable, "-m", "tests.bench.receiver", str(port))
        ongoing = service.inside(
            "fill", calls=int(_PER_S * seconds) + 100, group=1, status="ongoing", attempts=1, application=_TOLD
        )
        shout = service.inside("fill", calls=int(_CAP * (seconds + 30)))
        if is_told:
            service.inside("listen", url=f"http://127.0.0.1:{port}/", application=_TOLD)
        service.dispatchers(1)
        service.inside("release", shout=shout)
        time.sleep(2)
        with ThreadPoolExecutor() as pool:
            begun = time.monotonic()
            ends = pool.submit(service.inside, "end_calls", shout=ongoing, per_second=_PER_S, seconds=seconds)
            time.sleep(seconds)
            until = time.monotonic()
            per_s = float(ends.result())
        told = {"ended": int(_PER_S * seconds), "per_s": per_s, "differ": 0.0, "took_s": 1.0}
        if is_told:
            told |= _wait_until_told(port, int(_PER_S * seconds), begun)
        placed = sorted(at for at, _, _ in service.arrivals())
    return sum(begun <= at <= until for at in placed) / (until - begun), worst_second(placed), told


def _wait_until_told(port: int, count: int, begun: float) -> dict[str, float]:
    deadline = time.monotonic() + _WITHIN_S
    while True:
        _, differ = json.loads(requests.get(f"http://127.0.0.1:{port}/", timeout=30).content)
        if differ >= count or time.monotonic() > deadline:
            return {"differ": differ, "took_s": time.monotonic() - begun}
        time.sleep(0.1)
