"""`python -m tests.bench [--quick] [--full] [--only NAME ...] [--json FILE]`"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from . import beside, callbacks, capacity, foretold, hours, isolation, masses, outage, rate, response, scale, told
from .report import Row, Verdict, machine, show, write
from .service import BenchError, Databases

_SUBJECTS: dict[str, Callable[..., Iterator[Row]]] = {
    "rate": rate.measure,
    "start": response.measure_start,
    "fairness": response.measure_fairness,
    "beside": beside.measure,
    "callbacks": callbacks.measure,
    "scale": scale.measure,
    "capacity": capacity.measure,
    "preflight": foretold.measure,
    "hours": hours.measure,
    "isolation": isolation.measure,
    "outage": outage.measure,
    "masses": masses.measure,
    "webhooks": told.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures the goals of the service.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter: a look, not a figure")
    parser.add_argument("--full", action="store_true", help="the whole matrix of rates: most of half an hour")
    parser.add_argument("--only", nargs="+", choices=_SUBJECTS, default=list(_SUBJECTS), metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    console = Console()
    databases = Databases()
    rows: list[Row] = []
    try:
        for name in asked.only:
            try:
                for row in _SUBJECTS[name](databases, quick=asked.quick, full=asked.full):
                    rows.append(row)
                    console.print(
                        f"{row.verdict:7} {row.subject}: {row.what}: {row.measured}", highlight=False, soft_wrap=True
                    )
            except BenchError as error:
                rows.append(Row(name, "could not be measured", "", str(error)[:500], Verdict.MISSED))
                console.print(f"{name} could not be measured: {error}", highlight=False, soft_wrap=True)
    finally:
        databases.close()
    about = machine(databases.version)
    show(console, rows, about)
    if asked.json:
        write(asked.json, rows, about)


main()
