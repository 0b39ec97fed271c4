"""What a file of any kind is read as: lines of cells, and where in them the numbers are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .layout import Layout

Line = tuple[int, list[str]]  # where it begins, counted from 1, and its cells


@dataclass(frozen=True, slots=True)
class RawList:
    """Its lines, which can be read once, some of them empty; `encoding` and `delimiter` of a text, `sheet` of a workbook."""

    lines: Iterator[Line]
    layout: Layout
    encoding: str | None = None
    delimiter: str | None = None  # None also of a text that has one column
    sheet: str | None = None
