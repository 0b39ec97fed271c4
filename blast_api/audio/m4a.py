"""The process that decodes M4A and AAC by FFmpeg; it needs the extra `m4a`. It imports nothing of Django."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from blast_api.domain.errors import UnusableSound
from blast_api.sandbox.child import confined

from .containers import CUT_OFF, UNREADABLE
from .silence import Samples
from .telephone import telephone_wav

_MISSING_S = 0.25  # that a header may promise too much: encoders differ about the ends


def decode(kind: str, longest_s: str) -> bytes:
    """The telephone's WAV of the file that is standard input, by the name of FFmpeg's demuxer. Raises UnusableSound."""
    try:
        with av.open(sys.stdin.buffer, "r", format=kind) as file:
            if not file.streams.audio:
                raise UnusableSound("The file has no sound.")
            stream = file.streams.audio[0]
            return telephone_wav(_blocks(file, stream), stream.rate, longest_s=int(longest_s))
    except av.FFmpegError as error:
        raise UnusableSound(UNREADABLE) from error


def _blocks(file: InputContainer, stream: AudioStream) -> Iterator[Samples]:
    """Its sound, all channels as one."""
    as_one = av.AudioResampler(format="flt", layout="mono", rate=stream.rate)
    left = float((stream.duration or 0) * (stream.time_base or 0)) * stream.rate
    for frame in _frames(file, stream):
        try:
            parts = as_one.resample(frame)
        except ValueError as error:  # other channels, or another rate, in mid-file
            raise UnusableSound(UNREADABLE) from error
        for part in parts:
            left -= part.samples
            yield part.to_ndarray()[0]
    if left > _MISSING_S * stream.rate:
        raise UnusableSound(CUT_OFF)


def _frames(file: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    yield from file.decode(stream)
    yield None  # what the resampler still has


if __name__ == "__main__":
    confined(decode)
