"""Whether a file ends before its sound does. libsndfile does not tell that of WAV, nor of Ogg."""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO

from blast_api.domain.errors import UnusableSound

UNREADABLE = "The file is damaged, or has no sound that we can decode."
CUT_OFF = "The file is damaged: it ends before its sound does."
_TORN = "The file is damaged: a part of it is not as it was written."

_UNKNOWN = 0x7FFF0000  # bytes: programs that write into a pipe promise about as much, or all ones


def check_wav(file: BinaryIO) -> None:
    """Raise UnusableSound for a WAV whose header promises more than there is."""
    end = file.seek(0, os.SEEK_END)
    file.seek(12)
    long_size = 0
    while len(head := file.read(8)) == 8:
        name, size = head[:4], int.from_bytes(head[4:], "little")
        start = file.tell()
        if name == b"ds64":  # of RF64
            long_size = int.from_bytes(file.read(16)[8:], "little")
        if name == b"data":
            promised = long_size if size == 0xFFFFFFFF else size if size < _UNKNOWN else 0
            if start + promised > end:
                raise UnusableSound(CUT_OFF)
            return
        file.seek(start + size + size % 2)
    raise UnusableSound(CUT_OFF)


def check_ogg(file: BinaryIO) -> None:
    """Raise UnusableSound for an Ogg with a page that is not whole, and for one without its last page."""
    file.seek(0)
    last = False
    while head := file.read(27):
        lengths = file.read(head[26]) if len(head) == 27 else b""
        body = file.read(sum(lengths))
        if not head.startswith(b"OggS"[: len(head)]):
            raise UnusableSound(_TORN)
        if len(head) < 27 or len(lengths) < head[26] or len(body) < sum(lengths):
            raise UnusableSound(CUT_OFF)
        if _ogg_crc(head[:22] + bytes(4) + head[26:] + lengths + body) != int.from_bytes(head[22:26], "little"):
            raise UnusableSound(_TORN)
        last = bool(head[5] & 4)
    if not last:
        raise UnusableSound(CUT_OFF)


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_crc(page: bytes) -> int:
    """Ogg's CRC has the polynomial of zlib's, with the bits the other way round, and neither preset nor inverted."""
    crc = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
