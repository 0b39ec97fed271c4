"""What the operators' commands share: errors of one line, and tables for a person, lines for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, TextIO, cast

from dateutil.parser import isoparse
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from blast_api.db.clock import AWAY
from blast_api.domain.errors import BlastError

_SHORTEST_DAY = len("20300131")  # what is shorter is a year or a month
USAGE = 2  # exit code; 1 is: something was found, or could not be done


class OperatorCommand(BaseCommand):
    """A command that says in one line why it cannot do its work, and never with a traceback."""

    needs_database = True
    requires_system_checks = ("blast_api",)  # of the operator's sheet; `check` knows more

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON document, for programs")

    def execute(self, *args: Any, **options: Any) -> str | None:
        if self.needs_database:
            _refuse_a_missing_file()
        try:
            return super().execute(*args, **options)
        except AWAY as error:
            raise CommandError(f"The database is away, or not migrated: {first_line(error)}") from error
        except DatabaseError as error:
            raise CommandError(f"The database refuses: {first_line(error)}") from error
        except (OSError, BlastError) as error:
            raise CommandError(first_line(error)) from error
        except UnicodeEncodeError as error:  # from outside comes nothing else that no encoding has
            raise CommandError("A word of the command is no UTF-8.") from error
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=130) from None

    def tell_json(self, document: object) -> None:
        """One document on standard output."""
        self.stdout.write(json.dumps(document, indent=2, default=_written))

    def tell_rows(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table on a terminal; otherwise lines with tabs between, the columns' names first."""
        if self.stdout.isatty():
            Console(file=cast(TextIO, self.stdout)).print(table(columns, rows))
            return
        for row in (columns, *rows):
            self.stdout.write("\t".join(cell(value) for value in row))


def _refuse_a_missing_file() -> None:
    """SQLite would make an empty one."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite" and not Path(str(name)).is_file():
        raise CommandError(f"There is no database {name}: run `manage.py migrate`, or see to DATABASE_URL.")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> RenderableType:
    """The rows as a person reads them: numbers stand at the right."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, name in enumerate(columns):
        numbers = any(isinstance(row[index], int | float) for row in rows)
        shown.add_column(name, justify="right" if numbers else "left")
    for row in rows:
        shown.add_row(*(Text(cell(value)) for value in row))
    return shown


def cell(value: object) -> str:
    """A value in one line; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, float):
        return f"{value:.1f}"
    return "".join(character if character.isprintable() else " " for character in str(value))


def moment(option: str, written: str, *, zone: tzinfo) -> datetime:
    """A day, which stands for its beginning, or a moment; without an offset it is the zone's."""
    try:
        if len(written) < _SHORTEST_DAY:
            raise ValueError
        moment: datetime = isoparse(written)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{option} takes a day or a moment, as 2030-01-31 or 2030-01-31T12:00Z.", returncode=USAGE
        ) from None


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    raise TypeError(f"{type(value).__name__} cannot be written")
