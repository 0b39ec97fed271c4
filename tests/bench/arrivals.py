"""What the times of arrival say about the rate."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from blast_api.domain.pacing import Pace


@dataclass(frozen=True, slots=True)
class Pacing:
    """`worst` of all rolling seconds; `sustained` calls per second and slots `missed` over the steady part."""

    worst: int
    sustained: float
    missed: int


def worst_second(times: Sequence[float]) -> int:
    """Most arrivals in any [t, t + 1 s); `times` ascend."""
    return max((bisect_left(times, at + 1.0) - first for first, at in enumerate(times)), default=0)


def pacing(times: Sequence[float], *, cap: int, until: float) -> Pacing:
    """Of the arrivals before `until`; the steady part leaves out the first second and the last."""
    ascending = sorted(times)
    steady = [at for at in ascending if ascending[0] + 1.0 <= at <= until - 1.0] if ascending else []
    if len(steady) < 2:
        return Pacing(worst_second(ascending), 0.0, 0)
    span = steady[-1] - steady[0]
    slots = round(span / Pace(cap).step) + 1
    return Pacing(worst_second(ascending), (len(steady) - 1) / span, max(0, slots - len(steady)))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ascending = sorted(values)
    return ascending[min(len(ascending) - 1, math.ceil(share * len(ascending)) - 1)] if ascending else math.nan
