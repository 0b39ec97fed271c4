"""What this machine does to anybody who waits for a moment: how late a sleeper wakes, and who else uses the cores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from blast_api.domain.pacing import TOLERANCE

from .arrivals import percentile

_EVERY_S = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Noise:
    """`too_late`: share of wake-ups later than a slot is good for. Cores are used by `others`, or `stolen` by the host."""

    too_late: float
    late_ms_p99: float
    others: float
    stolen: float

    def figures(self) -> dict[str, float | int | str]:
        return {
            "floor_too_late": round(self.too_late, 4),
            "floor_late_ms_p99": round(self.late_ms_p99, 2),
            "cores_others": round(self.others, 2),
            "cores_stolen": round(self.stolen, 2),
        }


def listen(seconds: float, ours: Callable[[], float]) -> Noise:
    """Wake every 10 ms for that long; `ours` tells the CPU seconds that what is measured has used."""
    begun = time.monotonic()
    (busy, stolen), used = _cores(), ours() + time.process_time()
    late: list[float] = []
    wake_at = begun
    while wake_at < begun + seconds:
        wake_at += _EVERY_S
        time.sleep(max(0.0, wake_at - time.monotonic()))
        late.append(max(0.0, time.monotonic() - wake_at))
    spent = time.monotonic() - begun
    busy_after, stolen_after = _cores()
    others = (busy_after - busy) - (ours() + time.process_time() - used)
    too_late = sum(1 for lateness in late if lateness > TOLERANCE) / len(late)
    return Noise(
        too_late, percentile(late, 0.99) * 1000, max(0.0, others / spent), max(0.0, (stolen_after - stolen) / spent)
    )


def _cores() -> tuple[float, float]:
    """Seconds that the cores have been busy, and been withheld by the host."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / _TICKS, steal / _TICKS
