"""CSV of any make: its encoding and its delimiter are found out, its lines are read one after another."""

from __future__ import annotations

import codecs
import csv
import io
import re
import string
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from blast_api.domain.errors import UnusableList

from .bounds import SAMPLE
from .layout import Layout, layout
from .raw import Line, RawList

_BLOCK = 1 << 20  # bytes
_HEAD = 4096  # bytes in which UTF-16 without a mark shows
_SAMPLE_CHARACTERS = 1 << 18
_DELIMITERS = (",", ";", "\t", "|")
_BLANK = string.whitespace + "".join(_DELIMITERS)  # what lines are made of that say nothing
_NO_DELIMITER = "\x1f"  # for a table of one column: in no text that somebody types
# The mark of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_NO_TEXT = "The file is neither XLSX nor a text in UTF-8, UTF-16 or cp1252."
_FOR_EXCEL = re.compile(r'"?sep=."?\r?\n?')  # a first line that tells the delimiter, which is found out anyway
_LONGEST_CELL = csv.field_size_limit()


def table_of_text(file: BinaryIO, *, region: str | None) -> RawList:
    """The table that a CSV is. Raises UnusableList.

    A file that does not say its encoding, and is not UTF-8, is taken for cp1252, as Windows writes it in Western Europe
    and in the Americas.
    """
    codec, encoding = _encoding(file)
    delimiter, found = _dialect(_beginning(file, codec), region=region)
    told = None if delimiter == _NO_DELIMITER else delimiter
    return RawList(_lines(file, codec, delimiter), found, encoding=encoding, delimiter=told)


def _encoding(file: BinaryIO) -> tuple[str, str]:
    """By which codec it is read, and what that is called. Raises UnusableList."""
    file.seek(0)
    head = file.read(_HEAD)
    for mark, codec, encoding in _MARKS:
        if head.startswith(mark):
            return codec, encoding
    if b"\0" in head:
        # ASCII, of which there is much in every list, has its zero behind each letter or before it.
        if head[1::2].count(0) > len(head) // 4 and 0 not in head[::2]:
            return "utf-16-le", "utf-16"
        if head[::2].count(0) > len(head) // 4 and 0 not in head[1::2]:
            return "utf-16-be", "utf-16"
        raise UnusableList(_NO_TEXT)
    return ("utf-8", "utf-8") if _is_utf8(file) else ("cp1252", "cp1252")


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _text(file: BinaryIO, codec: str) -> Iterator[str]:
    """Its lines with their ends. Raises UnusableList."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=codec, newline="")
    try:
        for number, line in enumerate(text):  # `yield from` would close it, and with it the file
            yield line if number or not _FOR_EXCEL.fullmatch(line) else "\n"
    except UnicodeError:
        raise UnusableList(_NO_TEXT) from None
    finally:
        with suppress(ValueError):  # whoever lent the file has closed it
            text.detach()  # or the file would be closed with it


def _beginning(file: BinaryIO, codec: str) -> list[str]:
    lines, left = [], _SAMPLE_CHARACTERS
    for line in islice(_text(file, codec), SAMPLE):
        lines.append(line)
        left -= len(line)
        if left < 0:
            break
    return lines


def _dialect(beginning: list[str], *, region: str | None) -> tuple[str, Layout]:
    """The delimiter under which most looks like numbers and names of columns. Raises UnusableList.

    The standard library's sniffer takes a digit for the delimiter of a column of numbers.
    """
    refusal, best = UnusableList("The file is empty."), None
    for delimiter in (_NO_DELIMITER, *_DELIMITERS):
        sample = _sample(beginning, delimiter)
        parted = [len(line) for line in sample if len(line) > 1]
        if not sample or (delimiter != _NO_DELIMITER and 2 * len(parted) <= len(sample)):
            continue
        try:
            found = layout(sample, region=region)
        except UnusableList as error:
            if delimiter == _NO_DELIMITER or parted:
                refusal = error
            continue
        usual = max(map(parted.count, parted), default=0)  # how many lines have the width that most have
        fitness = (*found.fitness, usual)
        if best is None or fitness > best[0]:
            best = fitness, delimiter, found
    if best is None:
        raise refusal
    return best[1], best[2]


def _sample(beginning: list[str], delimiter: str) -> list[list[str]]:
    """Its lines that say something, up to one that cannot be read."""
    sample: list[list[str]] = []
    with suppress(csv.Error):
        sample.extend(
            line for line in csv.reader(beginning, delimiter=delimiter) if any(cell.strip(_BLANK) for cell in line)
        )
    return sample


def _lines(file: BinaryIO, codec: str, delimiter: str) -> Iterator[Line]:
    """Each with the number of the line on which it begins. Raises UnusableList.

    Strict about quotes: one that is never closed would swallow all recipients behind it.
    """
    reader = csv.reader(_text(file, codec), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UnusableList(f"Line {begins}: {_why(error)}") from None
        if cells is None:
            return
        yield begins, cells


def _why(error: csv.Error) -> str:
    told = str(error)
    if "unexpected end" in told:
        return "A quotation mark is opened and never closed."
    if "field limit" in told:
        return f"A cell has more than {_LONGEST_CELL} characters: perhaps a quotation mark is never closed."
    return "A quotation mark inside a quoted cell must be doubled."
