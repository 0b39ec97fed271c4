"""`manage.py report`: minutes, attempts and outcomes, from the database or from log files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import CommandError, CommandParser

from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.management.operating import USAGE, OperatorCommand, moment
from blast_api.models import LogKind
from blast_api.models.outboxes import ATTEMPTS, FORMER
from blast_api.operations.usage import COLUMNS, DIMENSIONS, Figures, Line, Report
from blast_api.records.reader import UnreadableLog, lines_of, lines_of_path

# A line of a former release was stored with the ending that it tells, or a little later; clocks may have been set in between.
_CLOCKS_APART = timedelta(days=1)
_FIGURES = ("attempts", "minutes", "billed minutes", "transfer minutes", "reached", "opted out")


class Command(OperatorCommand):
    help = (
        "Adds up the records of calls: attempts, minutes, minutes as billed (each attempt's rounded up by BILLING_INCREMENTS), minutes of transfers, people "
        "who heard the message, opt-outs, and how many attempts ended how. From the database, which has what purge has left, or "
        "from the given logs; both say the same. Exits with 1 if a line or a file could not be read, after the report "
        "on the others."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "files",
            nargs="*",
            metavar="FILE",
            help="cdr.log and its rotated forms, as they are or packed by gzip, xz or bzip2; - is standard input",
        )
        parser.add_argument(
            "--by",
            default="day",
            metavar="D[,D...]",
            help=f"what a row is for: any of {', '.join(DIMENSIONS)}; none for the sum alone (default: %(default)s)",
        )
        parser.add_argument("--since", metavar="T", help="ended at this day or moment (RFC 3339), or later")
        parser.add_argument("--until", metavar="T", help="ended before this day or moment")
        parser.add_argument("--timezone", default="UTC", metavar="Z", help="whose days they are (default: %(default)s)")
        parser.add_argument("--userdata", metavar="U", help="of this user only")

    def handle(
        self,
        *args: object,
        files: list[str],
        by: str,
        since: str | None,
        until: str | None,
        timezone: str,
        userdata: str | None,
        as_json: bool,
        **options: object,
    ) -> None:
        zone = _zone(timezone)
        dimensions = _dimensions(by)
        start = moment("--since", since, zone=zone) if since else None
        end = moment("--until", until, zone=zone) if until else None
        report = Report(dimensions, zone=zone, billed=configuration().billing_increments, since=start, until=end)
        faults: list[str] = []
        unreadable = 0
        for name, lines in _sources(files, start):
            unreadable += _read(report, name, lines, faults, userdata=userdata)
        if as_json:
            rows = [dict(zip(dimensions, group, strict=True)) | _payload(figures) for group, figures in report.rows()]
            self.tell_json({"rows": rows, "total": _payload(report.total), "unreadable_lines": unreadable})
        else:
            self._tell(dimensions, report)
        if faults:
            raise CommandError("; ".join(faults))

    def _tell(self, dimensions: tuple[str, ...], report: Report) -> None:
        total = report.total
        statuses = sorted(status for status, count in total.outcomes.items() if count)
        last = ("total", *("" for _ in dimensions[1:])) if dimensions else ()
        shown = [*(report.rows() if dimensions else ()), (last, total)]
        rows = [
            (*group, *_cells(figures), *(figures.outcomes[status] for status in statuses)) for group, figures in shown
        ]
        self.tell_rows((*dimensions, *_FIGURES, *statuses), rows)


def _sources(files: list[str], since: datetime | None) -> Iterator[tuple[str, Iterable[Line | str | bytes]]]:
    if not files:
        yield "the database", _stored(since)
    for name in files:
        yield name, lines_of(sys.stdin.buffer, "standard input") if name == "-" else lines_of_path(Path(name))


def _stored(since: datetime | None) -> Iterator[Line | str]:
    """What is stored, also what is after the range: of former releases it may correct what is in it."""
    for outbox in FORMER:
        if outbox.log == LogKind.CDR:
            lines = outbox.rows.filter(created__gte=since - _CLOCKS_APART) if since else outbox.rows
            yield from (line for _, line in bulk.read(lines.values_list("pk", "line"), "pk", lambda row: row[0]))
    attempts = ATTEMPTS.rows.filter(ended__gte=since) if since else ATTEMPTS.rows
    for _, *values in bulk.read(attempts.values_list("pk", *COLUMNS), "pk", lambda row: row[0]):
        yield Line.of(dict(zip(COLUMNS, values, strict=True)))


def _read(
    report: Report, name: str, lines: Iterable[Line | str | bytes], faults: list[str], *, userdata: str | None
) -> int:
    """Count the lines of one source in; answers how many cannot be read. What is wrong is added to `faults`."""
    number = unreadable = first = 0
    try:
        for number, text in enumerate(lines, start=1):
            try:
                line = text if isinstance(text, Line) else Line.read(text)
            except (ValueError, RecursionError):
                unreadable += 1
                first = first or number
                continue
            if userdata is None or line.userdata == userdata:
                report.add(line)
    except UnreadableLog as error:
        faults.append(f"{error}, after line {number}" if number else str(error))
    except OSError as error:
        faults.append(f"{name}: {error.strerror or error}")
    if unreadable:
        faults.append(f"{name}: lines that are no records of calls: {unreadable}, the first is line {first}")
    return unreadable


def _payload(figures: Figures) -> dict[str, object]:
    return {
        "attempts": figures.attempts,
        "seconds": figures.seconds,
        "minutes": round(figures.minutes, 3),
        "billed_minutes": figures.billed_minutes,
        "transfer_seconds": figures.transfer_s,
        "reached": figures.reached,
        "opted_out": figures.opted_out,
        "outcomes": {status: count for status, count in sorted(figures.outcomes.items()) if count},
    }


def _cells(figures: Figures) -> tuple[object, ...]:
    minutes = figures.minutes, figures.billed_minutes, figures.transfer_minutes
    return figures.attempts, *minutes, figures.reached, figures.opted_out


def _dimensions(written: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in written.split(",") if name.strip() not in ("", "none")))
    if unknown := [name for name in names if name not in DIMENSIONS]:
        raise CommandError(f"--by takes {', '.join(DIMENSIONS)}, not {', '.join(unknown)}.", returncode=USAGE)
    return names


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CommandError(
            f'--timezone: there is no "{name}"; write for example Europe/Berlin.', returncode=USAGE
        ) from None
