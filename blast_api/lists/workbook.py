"""The process that reads a workbook, and writes its table as plainly as can be. It imports nothing of Django."""

from __future__ import annotations

import csv
import io
import sys
from zipfile import BadZipFile, ZipFile

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from blast_api.domain.errors import UnusableList
from blast_api.sandbox.child import confined

from .bounds import MOST_COLUMNS

_LARGEST = 512 << 20  # bytes, unzipped: a hundred thousand lines of a hundred columns are half of it
_DAMAGED = "The file is damaged: it cannot be read as XLSX."
_EXACT = 2.0**53  # whole numbers up to here are as they were typed


def written(most_lines: str) -> bytes:
    """The workbook that is standard input: a line with its sheet's name, then each line that says something, its number first.

    As CSV in UTF-8. Raises UnusableList.
    """
    content = sys.stdin.buffer.read()
    _refuse_bomb(content)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = _first(workbook)
    except PasswordError:
        raise UnusableList("The workbook is locked by a password.") from None
    except CalamineError as error:
        raise UnusableList(_DAMAGED) from error
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([sheet.name])
    before = [""] * (sheet.start[1] if sheet.start else 0)  # columns that a row of the library leaves out
    lines = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        shown = [*before, *map(_shown, cells)]
        if any(shown):
            writer.writerow([number, *shown])
            lines += 1
        if lines > int(most_lines):
            break
    return text.getvalue().encode(errors="replace")


def _refuse_bomb(content: bytes) -> None:
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except BadZipFile:
        raise UnusableList(_DAMAGED) from None
    if not any(part.filename.startswith("xl/") for part in parts):
        raise UnusableList("The file is an archive, but no XLSX.")
    if sum(part.file_size for part in parts) > _LARGEST:
        raise UnusableList(f"Unzipped, the file has more than {_LARGEST} bytes.")


def _first(workbook: CalamineWorkbook) -> CalamineSheet:
    """The first sheet that is seen and says something."""
    for about in workbook.sheets_metadata:
        if about.visible == SheetVisibleEnum.Visible and about.typ == SheetTypeEnum.WorkSheet:
            sheet = workbook.get_sheet_by_name(about.name)
            if sheet.end is None:
                continue
            if sheet.end[1] >= MOST_COLUMNS:
                raise UnusableList(f"The table has more than {MOST_COLUMNS} columns.")
            return sheet
    raise UnusableList("The file is empty.")


def _shown(cell: object) -> str:
    """A cell as a person sees it; a number whole where it is, because a workbook knows no others."""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= _EXACT:
        return str(int(cell))
    return str(cell)


if __name__ == "__main__":
    confined(written)
