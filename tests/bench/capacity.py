"""What one PostgreSQL carries: claims and keeps as fast as they go, and what they cost it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from .report import Row, Verdict
from .service import POSTGRESQL, Databases, cpu_s, scene


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """One process and two; the processes are Python, so the database's own CPU tells more than the speed."""
    if POSTGRESQL not in databases.kinds:
        return
    seconds = 3.0 if quick else 6.0
    for processes in (1, 2):
        with scene(databases, POSTGRESQL, MAX_CALLS_PER_SECOND=10000) as service:
            service.inside("release", shout=service.inside("fill", calls=40000))
            with ThreadPoolExecutor(processes) as pool:
                told = [pool.submit(service.inside, "place", seconds=seconds, at_once=100) for _ in range(processes)]
                time.sleep(seconds * 0.5)
                backends = databases.backends(service.url)
                begun, used = time.monotonic(), cpu_s(*backends)
                time.sleep(seconds * 0.4)
                cores = (cpu_s(*backends) - used) / (time.monotonic() - begun)
                results = [future.result() for future in told]
        per_second = sum(result["calls"] / result["seconds"] for result in results)
        python_ms = sum(result["cpu_s"] for result in results) / sum(result["calls"] for result in results) * 1000
        database_ms = max(cores, 1e-3) / per_second * 1000
        yield Row(
            "capacity",
            f"claims and keeps on one PostgreSQL, {processes} process(es)",
            "",
            f"{per_second:.0f} calls/s; a call costs {database_ms:.2f} ms of PostgreSQL, {python_ms:.2f} ms of Python",
            Verdict.STATED,
            figures={
                "calls_per_second": round(per_second),
                "postgresql_ms_per_call": round(database_ms, 3),
                "python_ms_per_call": round(python_ms, 3),
                "calls_per_second_and_postgresql_core": round(1000 / database_ms),
            },
        )
