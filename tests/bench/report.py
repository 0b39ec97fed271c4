"""The table and the JSON: goal, measured, ratio to the floor, verdict, and the machine that it was measured on."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table


class Verdict(StrEnum):
    """Whether a goal is met; unclear if it is not, but the machine itself was too late; a statement has no goal."""

    MET = "met"
    MISSED = "missed"
    UNCLEAR = "unclear"
    STATED = "stated"

    @classmethod
    def of(cls, good: bool) -> Verdict:
        return cls.MET if good else cls.MISSED


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ratio` is that to the floor, measured in the same run; `figures` are for the JSON."""

    subject: str
    what: str
    goal: str
    measured: str
    verdict: Verdict
    ratio: float | None = None
    figures: dict[str, float | int | str] = field(default_factory=dict)


def machine(postgresql: str) -> dict[str, str]:
    """What the figures were measured on."""
    models = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": str(os.cpu_count()),
        "cpu": models[0] if models else platform.machine(),
        "memory": f"{int(memory) / 1024 / 1024:.1f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "django": version("django"),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": postgresql,
        "uwsgi": version("pyuwsgi"),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def show(console: Console, rows: Sequence[Row], about: dict[str, str]) -> None:
    """The table, the machine below it."""
    table = Table("Subject", "What", "Goal", "Measured", "Ratio", "", title="make bench")
    colours = {Verdict.MET: "green", Verdict.MISSED: "bold red", Verdict.UNCLEAR: "yellow", Verdict.STATED: "dim"}
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        word = f"[{colours[row.verdict]}]{row.verdict}[/]"
        table.add_row(row.subject, row.what, row.goal, row.measured, ratio, word)
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), style="dim")


def write(path: Path, rows: Sequence[Row], about: dict[str, str]) -> None:
    """All of it as JSON."""
    path.write_text(json.dumps({"machine": about, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
