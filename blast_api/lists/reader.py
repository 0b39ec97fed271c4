"""From a file that somebody sends to recipients, each with its line, and a sentence for each line that names none.

    listed = read(file, region=configuration().default_region, most=configuration().max_recipients)
    if listed.faulty: refuse, and show listed.faults
    else: use listed.recipients, and show listed.described()

The file is CSV (UTF-8 with or without a mark, UTF-16, else cp1252; a comma, a semicolon, a tab, a bar, or one column; quoted
cells; any line ends; empty lines) or XLSX (the first sheet that is seen and says something). The first line may name the columns,
in English or Spanish; otherwise what looks like phone numbers is one. Where two columns might be meant nothing is guessed.
"""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import BinaryIO

from blast_api.domain.errors import UnusableList
from blast_api.domain.recipients import Recipient
from blast_api.sandbox.child import Limits
from blast_api.sandbox.parent import Failure, run

from .bounds import SAMPLE
from .cells import recipient
from .delimited import table_of_text
from .layout import layout
from .raw import Line, RawList

_MIB = 1 << 20
_WORKBOOK = "blast_api.lists.workbook"
_LIMITS = Limits(memory_bytes=1024 * _MIB, cpu_s=20, wall_s=30, output_bytes=128 * _MIB)
_NO_LIST = Failure(
    UnusableList,
    too_much="To read this workbook takes more time or memory than it may.",
    otherwise="The file is damaged: it cannot be read as XLSX.",
    action="list_not_read",
)
_ZIP, _OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MOST_FAULTS = 1000  # that are kept
_SHOWN = 5  # recipients


@dataclass(slots=True)
class ListRead:
    """What a file says: recipients in its order, and on which line each is; what is wrong with the lines that name none."""

    table: RawList
    recipients: list[Recipient] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("L"))  # from 1; a spreadsheet's rows
    faults: list[tuple[int, str]] = field(default_factory=list)  # the first: line and sentence
    faulty: int = 0  # how many lines are

    def described(self) -> dict[str, object]:
        """How it was read, for whoever sent it: as JSON."""
        columns = self.table.layout.columns
        sample = zip(self.lines[:_SHOWN], self.recipients[:_SHOWN], strict=True)
        return {
            "columns": {what: {"column": column.position, "header": column.header} for what, column in columns.items()},
            "header": self.table.layout.header_width is not None,
            "encoding": self.table.encoding,
            "delimiter": self.table.delimiter,
            "sheet": self.table.sheet,
            "rows": len(self.recipients) + self.faulty,
            "sample": [{"line": line, **{what: getattr(one, what) for what in columns}} for line, one in sample],
        }


def read(file: BinaryIO, *, region: str | None, most: int) -> ListRead:
    """Read a list of at most so many recipients. Raises UnusableList if it is none as a whole, or longer.

    A number without country code is read as one of the `region`; without a region it is a fault. A number that comes twice
    stands twice among the recipients.
    """
    listed = ListRead(_table(file, region=region, most=most))
    columns = {what: column.position - 1 for what, column in listed.table.layout.columns.items()}
    number_at = columns.pop("number")
    width = listed.table.layout.header_width
    lines = listed.table.lines
    if width is not None:
        next(filled for filled in lines if any(map(str.strip, filled[1])))
    for line, cells in lines:
        if not any(map(str.strip, cells)):
            continue
        if len(listed.recipients) + listed.faulty == most:
            raise UnusableList(f"The list has more than the {most} recipients that are taken at once.")
        try:
            if width is not None and len(cells) > width and any(map(str.strip, cells[width:])):
                raise ValueError("The line has more cells than the first line names.")
            said = {what: cell for what, at in columns.items() if at < len(cells) and (cell := cells[at].strip())}
            number = cells[number_at] if number_at < len(cells) else ""
            listed.recipients.append(recipient(number, said, region=region))
            listed.lines.append(line)
        except ValueError as error:
            listed.faulty += 1
            if listed.faulty <= _MOST_FAULTS:
                listed.faults.append((line, str(error)))
    if not listed.recipients and not listed.faulty:
        raise UnusableList("There is no number in the file.")
    return listed


def _table(file: BinaryIO, *, region: str | None, most: int) -> RawList:
    file.seek(0)
    head = file.read(len(_OLD_OFFICE))
    if head == _OLD_OFFICE:
        raise UnusableList("The file is an old or locked workbook: save it as XLSX without a password, or as CSV.")
    if head.startswith(_ZIP):
        return _table_of_workbook(file, region=region, most=most)
    return table_of_text(file, region=region)


def _table_of_workbook(file: BinaryIO, *, region: str | None, most: int) -> RawList:
    """A child process reads it, because a small workbook may want more memory than there is."""
    with TemporaryFile(buffering=0) as copy:  # the child shares its position, so nothing of it may be kept here
        file.seek(0)
        copyfileobj(file, copy)
        copy.seek(0)
        content = run(_WORKBOOK, str(most + 1), given=copy, limits=_LIMITS, failure=_NO_LIST)
    rows = csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline=""))
    sheet = next(rows)[0]
    lines: Iterator[Line] = ((int(row[0]), row[1:]) for row in rows)
    sample = list(islice(lines, SAMPLE))
    if not sample:
        raise UnusableList("The file is empty.")
    found = layout([cells for _, cells in sample], region=region)
    return RawList(chain(sample, lines), found, sheet=sheet)
