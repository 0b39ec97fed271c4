"""`manage.py dnc`: whom a user, an application or nobody at all must call."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast
from zoneinfo import ZoneInfo

from django.core.management.base import CommandError, CommandParser

from blast_api.conf import configuration
from blast_api.domain import recipients
from blast_api.domain.errors import UnusableList
from blast_api.domain.rules.listing import ListedBy
from blast_api.lists.reader import ListRead, read
from blast_api.management.operating import USAGE, OperatorCommand
from blast_api.rest import tables
from blast_api.rest.do_not_call_serializers import DoNotCallSerializer
from blast_api.rest.lists import pieces as json_pieces
from blast_api.services import applications, dnc
from blast_api.services.dnc import DoNotCallList, ListedNumber, ListLength

_MOST = 1_000_000  # numbers of one file
_SHOWN = 10  # faults of a file
_LONGEST_NAME = 255  # characters, as the column has them
_COLUMNS = ("number", "created", "by", "call")


class Command(OperatorCommand):
    help = "Imports, exports and shows do-not-call lists: a user's, an application's own, and the operator's, which holds for all."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="import|export|list|remove")
        importing = actions.add_parser(
            "import",
            help="put the numbers of a file on a list",
            description="Puts the numbers of a CSV or XLSX file on a list. If a line is no number nothing is listed, and the lines are "
            "named. Numbers that are listed already stay as they are, so again is harmless, and completes an import that was "
            "interrupted. Calls that wait at the carrier for any of the numbers are withdrawn.",
        )
        importing.add_argument("file", metavar="FILE", nargs="?", default="-", help="- is standard input (default)")
        exporting = actions.add_parser(
            "export",
            help="write a list as CSV",
            description="Writes a list as CSV, from its beginning, with times in UTC.",
        )
        exporting.add_argument("--to", metavar="FILE", help="into this file, and not to standard output")
        showing = actions.add_parser(
            "list",
            help="show a list, or which lists there are",
            description="Shows the newest entries of a list; if none is named, which lists there are, the operator's first, then the one "
            "that grew last: a table on a terminal, else lines with tabs between.",
        )
        showing.add_argument(
            "--limit", type=int, default=100, metavar="N", help="at most so many (default: %(default)s)"
        )
        removing = actions.add_parser(
            "remove",
            help="take numbers off a list",
            description="Takes numbers off a list. Exits with 1 if one of them was not there.",
        )
        removing.add_argument("numbers", metavar="NUMBER", nargs="+", help="with country code, in any usual writing")
        for action in (importing, exporting, showing, removing):
            action.add_argument(
                "--application", metavar="NAME", help="the list that holds for all users of this application"
            )
            action.add_argument("--userdata", metavar="U", help="the list of this user of the application")
            action.add_argument(
                "--everyone", action="store_true", help="the operator's list, which holds for all applications"
            )
            action.add_argument("--json", action="store_true", dest="as_json", help="one JSON document, for programs")

    def handle(
        self,
        *args: object,
        action: str,
        application: str | None,
        userdata: str | None,
        everyone: bool,
        as_json: bool,
        **options: Any,
    ) -> None:
        which = _which(application, userdata, everyone=everyone)
        if action == "list":
            self._list(which, limit=options["limit"], as_json=as_json)
        elif which is None:
            raise CommandError(
                "Name a list: --application NAME, perhaps with --userdata U, or --everyone.", returncode=USAGE
            )
        elif action == "import":
            self._import(which, options["file"], as_json=as_json)
        elif action == "export":
            self._export(which, options["to"], as_json=as_json)
        else:
            self._remove(which, options["numbers"], as_json=as_json)

    def _import(self, which: DoNotCallList, file: str, *, as_json: bool) -> None:
        with _opened(file) as content:
            listed = _read(content, file)
        by = ListedBy.OPERATOR if which.application_id is None else ListedBy.IMPORT
        put = dnc.put(which, (one.number for one in listed.recipients), by=by)
        if as_json:
            self.tell_json({**asdict(put), "list": listed.described()})
            return
        column = listed.table.layout.columns["number"]
        name = column.position if column.header is None else f"{column.position}, {column.header!r}"
        self.stdout.write(
            f"{put.added} numbers listed, {put.there_before} were there before. They stand in column {name}."
        )

    def _export(self, which: DoNotCallList, to: str | None, *, as_json: bool) -> None:
        if to is None:
            for text in _written(which, as_json=as_json):
                self.stdout.write(text, ending="")
            return
        with Path(to).open("w", encoding="utf-8", newline="") as file:
            file.writelines(_written(which, as_json=as_json))

    def _list(self, which: DoNotCallList | None, *, limit: int, as_json: bool) -> None:
        if limit < 1:
            raise CommandError("--limit takes a whole number, 1 or more.", returncode=USAGE)
        if which is None:
            self._tell(
                ("application", "userdata", "numbers", "last"), map(_length, dnc.lengths(limit=limit)), as_json=as_json
            )
        else:
            self._tell(_COLUMNS, map(_entry, dnc.newest(which, limit=limit)), as_json=as_json)

    def _tell(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, as_json: bool) -> None:
        if as_json:
            self.tell_json([dict(zip(columns, row, strict=True)) for row in rows])
        else:
            self.tell_rows(columns, list(rows))

    def _remove(self, which: DoNotCallList, numbers: list[str], *, as_json: bool) -> None:
        region = configuration().default_region
        try:
            digits = {recipients.number(written, region=region) for written in numbers}
        except ValueError as error:
            raise CommandError(str(error), returncode=USAGE) from None
        removed = dnc.remove(which, sorted(digits))
        if as_json:
            self.tell_json({"removed": removed, "not_there": len(digits) - removed})
        else:
            self.stdout.write(f"{removed} numbers taken off.")
        if removed < len(digits):
            raise CommandError(f"{len(digits) - removed} of the numbers were not on the list.")


def _which(application: str | None, userdata: str | None, *, everyone: bool) -> DoNotCallList | None:
    """The list that the options name; None: none. Raises CommandError."""
    if everyone and (application is not None or userdata is not None):
        raise CommandError("--everyone is the operator's list, and of no application.", returncode=USAGE)
    if everyone:
        return DoNotCallList()
    if application is None:
        if userdata is not None:
            raise CommandError("--userdata is a user of an application: name it by --application.", returncode=USAGE)
        return None
    if userdata is not None and not 0 < len(userdata) <= _LONGEST_NAME:
        raise CommandError(f"--userdata takes 1 to {_LONGEST_NAME} characters.", returncode=USAGE)
    return DoNotCallList(applications.named(application).pk, userdata or dnc.ALL_USERS)


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """A file, which can be read more than once."""
    if name != "-":
        with Path(name).open("rb") as file:
            yield file
        return
    with TemporaryFile() as copy:
        copyfileobj(sys.stdin.buffer, copy)
        yield cast(BinaryIO, copy)


def _read(file: BinaryIO, name: str) -> ListRead:
    """Raises CommandError, with the lines that are no numbers."""
    shown = "standard input" if name == "-" else name
    try:
        listed = read(file, region=configuration().default_region, most=_MOST)
    except UnusableList as refusal:
        raise CommandError(f"{shown}: {refusal.reason}") from None
    if listed.faulty:
        lines = [f"{shown}, line {line}: {why}" for line, why in listed.faults[:_SHOWN]]
        more = [f"And {listed.faulty - len(lines)} more."] if listed.faulty > len(lines) else []
        raise CommandError("\n".join([*lines, *more, "Nothing was listed."]))
    return listed


def _written(which: DoNotCallList, *, as_json: bool) -> Iterator[str]:
    if not as_json:
        yield from (piece.decode() for piece in tables.pieces(dnc.read(which), DoNotCallSerializer(), ZoneInfo("UTC")))
        return
    yield from (piece.decode() for piece in json_pieces(map(DoNotCallSerializer().to_representation, dnc.read(which))))
    yield "\n"


def _entry(entry: ListedNumber) -> tuple[object, ...]:
    return entry.number, entry.created, entry.by, entry.call_id


def _length(one: ListLength) -> tuple[object, ...]:
    return one.application, one.userdata, one.numbers, one.last
