"""Whole lines at the end of files that others rename, remove and truncate, on disks that fill up."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def append(file: int, data: bytes) -> int:
    """All of `data` at the end of the file and on the disk, or nothing of it and OSError; answers the file's new length.

    The file is open for reading too, and nobody else writes to it meanwhile. Half a line that stands at its end, of a
    writer that was killed, is cut off.
    """
    end = _whole_lines(file)
    try:
        left = memoryview(data)
        while left:  # a disk that is almost full takes a part
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):  # a disk that does not even let go of it: the next one who writes sees to that
            os.ftruncate(file, end)
        raise
    return end + len(data)


def stands(file: int, path: Path, *, length: int) -> bool:
    """Whether the file is still the one of this name, and as long; if not, what was written may be anywhere, or gone."""
    try:
        named = path.stat()
    except OSError:
        return False
    return os.path.samestat(os.fstat(file), named) and named.st_size >= length


def _whole_lines(file: int) -> int:
    """Cut off half a line at the end; answers the file's length, in bytes."""
    end = os.fstat(file).st_size
    if end == 0 or os.pread(file, 1, end - 1) == b"\n":
        return end
    torn = end
    while torn > 0:
        start = max(0, torn - 65536)
        newline = os.pread(file, torn - start, start).rfind(b"\n")
        if newline >= 0:
            torn = start + newline + 1
            break
        torn = start
    os.ftruncate(file, torn)
    return torn
