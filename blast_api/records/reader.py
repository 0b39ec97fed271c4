"""The lines of a log, whatever packed it: they are read, or the log is refused with a word. None is taken for empty.

What packed a log is decided by its content, because rotated logs are renamed.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from blast_api.domain.errors import BlastError

try:  # a Python that was built without their libraries has all the rest
    import bz2
except ImportError:
    bz2 = None  # type: ignore[assignment]
try:
    import lzma
except ImportError:
    lzma = None  # type: ignore[assignment]

_HEAD = 512  # bytes by which a log is recognised
_PIECE = 65536
_LONGEST_LINE = 1024 * 1024  # bytes; ours are less than a thousandth of it


class UnreadableLog(BlastError):
    """Nobody can tell which lines a log has: another program must unpack it, or its archive is broken."""

    code = "log-unreadable"


class _Unpacker(Protocol):
    """What `bz2` and `lzma` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


# How each begins, and what it unpacks with; None: this Python was built without it.
_READ: tuple[tuple[bytes, str, Callable[[], _Unpacker] | None], ...] = (
    (b"\xfd7zXZ\0", "xz", lzma.LZMADecompressor if lzma else None),
    (b"]\0\0", "lzma", lzma.LZMADecompressor if lzma else None),
    (b"BZh", "bzip2", bz2.BZ2Decompressor if bz2 else None),
)
_GZIP = b"\x1f\x8b"
# What only other programs unpack: how it begins, and which program that is.
_REFUSED: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x89LZO\0", "lzop"),
    (b"LZIP", "lzip"),
    (b"LRZI", "lrzip"),
    (b"\x1f\x9d", "compress"),
    (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
)


def lines_of_path(path: Path) -> Iterator[bytes]:
    """The lines of a log file. Raises OSError and UnreadableLog, both with its name."""
    with path.open("rb") as file:
        yield from lines_of(file, str(path))


def lines_of(file: BinaryIO, name: str) -> Iterator[bytes]:
    """The lines of a log, each with its end; a line without end is told as an empty one.

    Raises OSError, and UnreadableLog, which names it: at once, or after the lines that a broken archive still gives.
    """
    head = file.read(_HEAD)
    source = _unpacked(io.BufferedReader(_Rejoined(head, file), _PIECE), head, name)
    try:
        while line := source.readline(_LONGEST_LINE):
            if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
                while line and not line.endswith(b"\n"):
                    line = source.readline(_LONGEST_LINE)
                line = b"\n"
            yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableLog(f"{name}: the archive is broken or ends too soon") from error


def _unpacked(file: io.BufferedReader, head: bytes, name: str) -> BinaryIO:
    if head.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    for magic, program, unpacker in _READ:
        if head.startswith(magic):
            if unpacker is None:
                raise UnreadableLog(
                    f"{name}: is packed by {program}, which this Python was built without: unpack it first"
                )
            return io.BufferedReader(_Archive(file, unpacker), _PIECE)
    for magic, program in _REFUSED:
        if head.startswith(magic):
            raise UnreadableLog(f"{name}: is packed by {program}, which is not read here: unpack it first")
    if not _is_text(head):
        raise UnreadableLog(f"{name}: is no text, nor packed by gzip, xz or bzip2: unpack it first, or move it away")
    return file


def _is_text(head: bytes) -> bool:
    """Whether the first line can be one of a log, or any line is one: a crash may leave anything before it."""
    if not head or head.startswith(b"{") or b'\n{"' in head:
        return True
    first, end, _ = head.lstrip(b"\r\n").partition(b"\n")
    try:  # the head may have cut a character
        text = first.decode() if end else codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character == "\t" for character in text.rstrip("\r"))


class _Rejoined(io.RawIOBase):
    """A file of which the head has been read, with its head again: a pipe cannot be wound back."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head, self._file = head, file

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]  # what the buffer above hands down
        piece = self._head[: len(room)] or self._file.read(len(room))
        self._head = self._head[len(room) :]
        room[: len(piece)] = piece
        return len(piece)


class _Archive(io.RawIOBase):
    """What one archive holds, or several one after another: all of it, or EOFError.

    The library's own files take what follows an archive and is none for its end, without a word.
    """

    def __init__(self, file: BinaryIO, fresh: Callable[[], _Unpacker]) -> None:
        self._file, self._fresh = file, fresh
        self._unpacker = fresh()

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]  # what the buffer above hands down
        piece = b""
        while not piece:
            packed = b""
            if self._unpacker.eof:
                packed = self._after_padding(self._unpacker.unused_data)
                if not packed:
                    return 0
                self._unpacker = self._fresh()
            elif self._unpacker.needs_input:
                packed = self._file.read(_PIECE)
                if not packed:
                    raise EOFError
            piece = self._unpack(packed, len(room))
        room[: len(piece)] = piece
        return len(piece)

    def _unpack(self, packed: bytes, most: int) -> bytes:
        try:
            return self._unpacker.decompress(packed, most)
        except Exception as error:  # each library has others, and an OSError among them that is none of the disk
            raise EOFError from error

    def _after_padding(self, rest: bytes) -> bytes:
        """The beginning of the next archive; nothing at the end. Zeros may stand between."""
        rest = rest.lstrip(b"\0")
        while not rest and (piece := self._file.read(_PIECE)):
            rest = piece.lstrip(b"\0")
        return rest
