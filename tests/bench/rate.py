"""The rate at the carrier's door, over caps, latencies, dispatchers and databases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from . import load
from .arrivals import Pacing, pacing, percentile
from .noise import Noise, listen
from .report import Row, Verdict
from .service import POSTGRESQL, SQLITE, Databases, cpu_s, scene

_CAPS, _LATENCIES, _DISPATCHERS = (1, 5, 25, 100, 400), (0.0, 0.08, 0.5), (1, 2, 4)
_TRIES = 3
_TOO_NOISY = 0.02
# Every cap, latency, number of dispatchers and database at least twice, the hard corners all.
_COVERING = (
    (1, 0.08, 2, SQLITE),
    (1, 0.5, 4, POSTGRESQL),
    (5, 0.5, 4, SQLITE),
    (5, 0.0, 1, POSTGRESQL),
    (25, 0.08, 1, SQLITE),
    (25, 0.5, 4, SQLITE),
    (25, 0.08, 2, POSTGRESQL),
    (100, 0.5, 1, SQLITE),
    (100, 0.08, 4, SQLITE),
    (100, 0.0, 2, POSTGRESQL),
    (100, 0.5, 4, POSTGRESQL),
    (400, 0.08, 1, SQLITE),
    (400, 0.5, 2, SQLITE),
    (400, 0.0, 1, POSTGRESQL),
    (400, 0.08, 1, POSTGRESQL),
    (400, 0.5, 2, POSTGRESQL),
    (400, 0.08, 4, POSTGRESQL),
)
_QUICK = ((25, 0.08, 2, SQLITE), (100, 0.08, 1, POSTGRESQL), (400, 0.08, 1, SQLITE), (400, 0.08, 1, POSTGRESQL))


@dataclass(frozen=True, slots=True)
class Case:
    """One point of the matrix."""

    cap: int
    latency_s: float
    dispatchers: int
    kind: str

    def __str__(self) -> str:
        return f"cap {self.cap}, {self.latency_s * 1000:.0f} ms, {self.dispatchers} x runcrons, {self.kind}"

    @property
    def goal(self) -> float:
        return 0.9 if self.cap == 400 and self.kind == POSTGRESQL else 0.95


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """The carrier's own speed first, then each case."""
    yield _carrier_speed(databases)
    points = product(_CAPS, _LATENCIES, _DISPATCHERS, databases.kinds) if full else _QUICK if quick else _COVERING
    for point in points:
        case = Case(*point)
        if case.kind not in databases.kinds:
            continue
        # A miss is tried again, for the machine may be busy with others; every try is told, and none may be over the cap.
        tries: list[Try] = []
        while len(tries) < (1 if quick else _TRIES) and not (tries and tries[-1].keeps(case)):
            tries.append(run(databases, case, seconds=14.0 if case.cap == 1 else 8.0))
        yield _row(case, tries)


@dataclass(frozen=True, slots=True)
class Try:
    """One run of a case."""

    pacing: Pacing
    share: float  # sustained, of the cap
    twice: int  # calls placed more than once
    noise: Noise
    figures: dict[str, float | int | str]

    def keeps(self, case: Case) -> bool:
        return self.is_safe(case) and self.share >= case.goal

    def is_safe(self, case: Case) -> bool:
        return self.pacing.worst <= case.cap and not self.twice


def run(databases: Databases, case: Case, *, seconds: float) -> Try:
    """Release a shout that is longer than the time, to dispatchers that are idle, and count at the door."""
    with scene(databases, case.kind, MAX_CALLS_PER_SECOND=case.cap) as service:
        carrier = service.carrier(case.latency_s)
        shout = service.inside("fill", calls=int(case.cap * (seconds + 4)) + 10)
        dispatchers = service.dispatchers(case.dispatchers)
        service.inside("release", shout=shout)
        time.sleep(1.5)  # the one who released it is gone, and the first second is over
        backends = databases.backends(service.url)
        begun = time.monotonic()
        used = cpu_s(*dispatchers), cpu_s(carrier.pid), cpu_s(*backends)
        noise = listen(seconds, lambda: cpu_s(*dispatchers, carrier.pid, *backends))
        until = time.monotonic()
        spent = cpu_s(*dispatchers) - used[0], cpu_s(carrier.pid) - used[1], cpu_s(*backends) - used[2]
        placed = service.arrivals()
    at_the_door = pacing([at for at, _, _ in placed if at <= until], cap=case.cap, until=until)
    cores = [cpu / (until - begun) for cpu in spent]
    share = at_the_door.sustained / case.cap
    twice = len(placed) - len({number for _, _, number in placed})
    figures: dict[str, float | int | str] = {
        "worst_second": at_the_door.worst,
        "sustained_of_cap": round(share, 4),
        "missed_slots": at_the_door.missed,
        "twice": twice,
        "cores_dispatchers": round(cores[0], 3),
        "cores_carrier": round(cores[1], 3),
        "cores_postgresql": round(cores[2], 3),
        "carrier_read_late_ms_p99": round(percentile([r - at for at, r, _ in placed], 0.99) * 1000, 2),
    }
    return Try(at_the_door, share, twice, noise, figures | noise.figures())


def _row(case: Case, tries: list[Try]) -> Row:
    best = max(tries, key=lambda one: one.share)
    shares = ", ".join(f"{one.share:.3f}" for one in tries)
    worst = max(one.pacing.worst for one in tries)
    return Row(
        "rate",
        str(case),
        f"never over {case.cap}; {case.goal:g} sustained",
        f"worst {worst}, sustained {shares}, missed {best.pacing.missed}; late sleepers {best.noise.too_late:.1%}",
        _verdict(case, tries, best),
        figures=best.figures | {"worst_second": worst, "tries": shares},
    )


def _verdict(case: Case, tries: list[Try], best: Try) -> Verdict:
    """Over the cap is never excused; too slow is, where even a bare sleeper missed more slots than the goal allows."""
    if not all(one.is_safe(case) for one in tries):
        return Verdict.MISSED
    if best.keeps(case):
        return Verdict.MET
    return Verdict.UNCLEAR if all(one.noise.too_late > _TOO_NOISY for one in tries) else Verdict.MISSED


def _carrier_speed(databases: Databases) -> Row:
    """The carrier must be no bottleneck: it takes at least three times what it is used for."""
    with scene(databases, SQLITE) as service:
        service.carrier(0.0)
        body = b'{"calling_did": "15555550100", "called_did": "15555550101", "url": "%s", "delay": 0}' % (b"x" * 300)
        posts = [load.request("POST", "/flexml/v1/calls", body)] * 1_000_000
        told = load.knock(service.carrier_port, posts, connections=64, seconds=2.0, keep_alive=True)
    floor = 3 * max(_CAPS)
    return Row(
        "rate",
        "the counting carrier itself, 64 connections",
        f"at least {floor}/s",
        f"{told.per_second:.0f}/s",
        Verdict.of(told.per_second >= floor and set(told.statuses) == {200}),
        ratio=told.per_second / floor,
        figures={"per_second": round(told.per_second), "client_cores": round(told.client_cpu, 2)},
    )
