"""What people see: tables and progress bars. And what machines read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from blast_api_client import ListRead, Shout

_OPEN = {"pending", "ready", "ongoing"}  # statuses of calls that are not over


def document(told: object) -> None:
    """One JSON document on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(told), indent=1))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; elsewhere lines with tabs between, the columns' names first."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            click.echo("\t".join(map(cell, row)))
        return
    drawn = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        drawn.add_row(*map(cell, row))
    Console().print(drawn, markup=False)


def cell(value: object) -> str:
    """A value on one line; times in this machine's zone."""
    if isinstance(value, datetime):
        return value.astimezone().isoformat(" ", "seconds")
    return "" if value is None else " ".join(str(value).split())


def counts(told: dict[str, int]) -> str:
    """`21 completed, 2 busy`."""
    return ", ".join(f"{number} {word}" for word, number in told.items() if number) or "nobody"


def shout(told: Shout) -> None:
    """One line, and what it waits for."""
    click.echo(f"Shout {told.id} is {told.status}: {counts(told.calls)}.")
    if told.waiting:
        until = f" until {cell(told.waiting.until)}" if told.waiting.until else ""
        click.echo(f"It waits: {told.waiting.because}{until}.")
    if told.expected_finish:
        click.echo(f"It should be over at {cell(told.expected_finish)}.")


def listed(told: ListRead) -> None:
    """How a file was read: people see whether the right column was taken."""
    taken = [
        f"{name} in column {one.column}{f' ({one.header})' if one.header else ''}" for name, one in told.columns.items()
    ]
    click.echo(f"List: {told.rows} rows; {', '.join(taken)}.")
    table(
        ("line", "number", "zone", "reference"),
        [(one.line, one.number, one.zone, one.reference) for one in told.sample],
    )


class Bar:
    """A progress bar of a shout, on a terminal; elsewhere nothing."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, told: Shout) -> None:
        ended = {word: number for word, number in told.calls.items() if word not in _OPEN}
        self._progress.update(
            self._task,
            total=sum(told.calls.values()),
            completed=sum(ended.values()),
            description=f"{told.status}: {counts(ended)}" if ended else told.status,
        )
