"""What is wrong with one number, host, application or answer costs that one: calls at the carrier's door beside it.

Each case is a database of its own, dispatchers, a carrier that counts, and a time in which the rate is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .arrivals import worst_second
from .report import Row, Verdict
from .service import Databases, Scene, free_port, scene

_CAP = 25
_SECONDS = 15.0
_LATENCY_S = 0.08
_SUSTAINED = 0.9  # of the cap, the seconds of a trial among them


@dataclass(frozen=True, slots=True)
class Case:
    """What is wrong, and how much of the cap is goal enough: all of it, or what it must cost."""

    what: str
    latency_s: float = _LATENCY_S
    lost_each: int = 0
    dispatchers: int = 1
    cut_off: int = 0
    forbidden: str = "-"
    goal: float = _SUSTAINED


_RATES = (
    Case("nothing is wrong"),
    Case("the carrier forbids one number in a hundred", forbidden="40"),
    Case("one of two hosts does not reach the carrier", cut_off=1),
    Case("the carrier answers after 3 s", latency_s=3.0),
    Case("the carrier answers after 5 s", latency_s=5.0),
    Case("one answer in fifty is lost", lost_each=50),
)


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """Rates first, then shares, then the starts of batches."""
    for kind in databases.kinds[-1:] if quick else databases.kinds:
        for case in _RATES:
            yield _rate(databases, kind, case)
        yield _share(databases, kind, "200 shouts of one application beside one of another", _many_shouts)
        yield _share(databases, kind, "600 authors of one application beside a shout of another", _many_authors)
        yield _starts(databases, kind)


def _rate(databases: Databases, kind: str, case: Case) -> Row:
    with scene(databases, kind, MAX_CALLS_PER_SECOND=_CAP) as service:
        service.carrier(case.latency_s, lost_each=case.lost_each, forbidden=case.forbidden)
        shout = service.inside("fill", calls=int(_CAP * (_SECONDS + case.latency_s + 5)))
        if case.cut_off:
            service.dispatchers(case.cut_off, BLAST_BASE_CARRIERX_API_URL=f"http://127.0.0.1:{free_port()}")
        service.dispatchers(case.dispatchers)
        service.inside("release", shout=shout)
        time.sleep(1.5)
        begun = time.monotonic()
        time.sleep(_SECONDS)
        until = time.monotonic()
        placed = service.arrivals()
    rate = sum(begun <= at <= until for at, _, _ in placed) / (until - begun)
    worst = worst_second([at for at, _, _ in placed])
    twice = [number for _, _, number in placed if not number.endswith(case.forbidden)]
    figures: dict[str, float | int | str] = {"rate": round(rate, 2), "worst_second": worst}
    figures["twice"] = len(twice) - len(set(twice))
    good = rate >= case.goal * _CAP and worst <= _CAP and not figures["twice"]
    told = f"{rate:.1f} calls a second, {worst} in the worst, {figures['twice']} twice"
    return Row("beside", f"{case.what}, {kind}", f"{case.goal:.0%} of {_CAP}", told, Verdict.of(good), figures=figures)


def _many_shouts(service: Scene) -> None:
    service.inside("fill_many", shouts=200, calls=20, group=2)


def _many_authors(service: Scene) -> None:
    service.inside("authors", count=600)


def _share(databases: Databases, kind: str, what: str, many: Callable[[Scene], None]) -> Row:
    with scene(databases, kind, MAX_CALLS_PER_SECOND=_CAP, MAX_WAITING_AUTHORS=1000) as service:
        service.carrier(_LATENCY_S)
        many(service)
        other = service.inside("fill", calls=1000, group=1, application="another")
        numbers = set(service.inside("numbers", shout=other))
        service.inside("release_all")
        service.dispatchers(1)
        deadline = time.monotonic() + 60
        while len(placed := service.arrivals()) < 12 * _CAP and time.monotonic() < deadline:
            time.sleep(0.5)
    share = sum(number in numbers for _, _, number in placed) / max(len(placed), 1)
    good = 0.4 <= share <= 0.6
    return Row("beside", f"{what}, {kind}", "half", f"{share:.0%} of {len(placed)} calls", Verdict.of(good))


def _starts(databases: Databases, kind: str) -> Row:
    """Batches of 50 that are to ring at the same time, of several shouts that are released together."""
    with scene(databases, kind, MAX_CALLS_PER_SECOND=_CAP, CALL_BATCH_SIZE=50) as service:
        service.carrier(_LATENCY_S)
        service.inside("fill_many", shouts=4, calls=150, group=1)
        service.dispatchers(1)
        service.inside("release_all")
        deadline = time.monotonic() + 60
        while len(starts := service.starts()) < 600 and time.monotonic() < deadline:
            time.sleep(0.5)
    worst = worst_second(starts)
    told = f"{worst} in the worst second of {len(starts)} starts"
    return Row("beside", f"batches that ring at the same time, {kind}", f"{_CAP}", told, Verdict.of(worst <= _CAP))
