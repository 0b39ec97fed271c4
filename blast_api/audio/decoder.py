"""The process that decodes WAV, MP3, Ogg and FLAC by libsndfile. It imports nothing of Django."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import numpy as np
from soundfile import LibsndfileError, SoundFile

from blast_api.domain.errors import UnusableSound
from blast_api.sandbox.child import confined

from .containers import CUT_OFF, UNREADABLE, check_ogg, check_wav
from .silence import Samples
from .telephone import telephone_wav

_BLOCK = 1 << 18  # samples of all channels together
_MISSING_S = 0.25  # that a header may promise too much: encoders differ about the ends
_ENDLESS = 1 << 62  # frames: libsndfile's word for a length that the header does not tell
_CHECKS = {"wav": check_wav, "ogg": check_ogg}


class _Forward(SoundFile):  # type: ignore[misc]  # the library has no types
    """A file that is read from its beginning to its end.

    The library seeks to where it is after each block, which fails at the end of a FLAC that does not tell its length.
    """

    def seekable(self) -> bool:
        return False


def decode(kind: str, longest_s: str) -> bytes:
    """The telephone's WAV of the file of this kind that is standard input. Raises UnusableSound."""
    file = sys.stdin.buffer
    if kind in _CHECKS:
        _CHECKS[kind](file)
    os.lseek(file.fileno(), 0, os.SEEK_SET)
    try:
        with _Forward(file.fileno(), closefd=False) as sound:
            return telephone_wav(_blocks(sound), sound.samplerate, longest_s=int(longest_s))
    except LibsndfileError as error:
        raise UnusableSound(UNREADABLE) from error


def _blocks(sound: SoundFile) -> Iterator[Samples]:
    """Its sound, all channels as one."""
    left = sound.frames
    while len(block := sound.read(max(_BLOCK // sound.channels, 1), dtype="float32", always_2d=True)):
        left -= len(block)
        yield block.mean(axis=1, dtype=np.float32)
    if _MISSING_S * sound.samplerate < left < _ENDLESS:
        raise UnusableSound(CUT_OFF)


if __name__ == "__main__":
    confined(decode)
