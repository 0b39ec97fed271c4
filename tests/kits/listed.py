"""Lists as people keep them: files of every make, as bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import openpyxl

from blast_api.domain.errors import UnusableList
from blast_api.lists.reader import ListRead, read

MOST = 1000
Cells = Sequence[object]


def csv_of(lines: Iterable[Cells], *, delimiter: str = ",", encoding: str = "utf-8", ends: str = "\r\n") -> bytes:
    """A CSV as the standard library writes it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=ends).writerows(lines)
    return text.getvalue().encode(encoding)


def xlsx_of(lines: Iterable[Cells], *, name: str = "List") -> bytes:
    """A workbook with one sheet, as another library than ours writes it."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = name
    for line in lines:
        sheet.append(line)
    return saved(workbook)


def saved(workbook: openpyxl.Workbook) -> bytes:
    """The file of a workbook."""
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def listed(content: bytes, *, region: str | None = None, most: int = MOST) -> ListRead:
    """How a file is read."""
    return read(io.BytesIO(content), region=region, most=most)


def refusal(content: bytes, *, most: int = MOST) -> str:
    """Why a file is not read at all."""
    try:
        listed(content, most=most)
    except UnusableList as error:
        return error.reason
    raise AssertionError("it was read")
