"""Where there is sound, and where there is none. Frames are measured about their mean: an offset is no sound."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray

from .sound import RATE

Samples = NDArray[np.float32]  # mono, full scale is 1

_FRAME_S = 0.01
_MARGIN_S = 0.2  # of silence, that is left at each end
_SHORTEST_S = 0.1  # what is shorter is a click, as of a microphone that is switched on
_FLOOR = 10 ** (-60 / 20)  # of full scale: what is softer is the noise of a converter
_SOFTEST = 10 ** (-40 / 20)  # of the loudest frame: the first consonant of a word is above it
# A line with nobody on it hisses, and who says nothing still presses a key.
_LINE_FRAME_S = 0.05
_LINE_FLOOR = 10 ** (-50 / 20)
_SHORTEST_WORD_S = 0.2


def trimmed(sound: Samples) -> Samples:
    """The sound at 8 kHz with at most 0.2 s of silence at each end; empty, if it is silence only."""
    size, margin = round(_FRAME_S * RATE), round(_MARGIN_S * RATE)
    levels = _levels(sound, size)
    loud = np.flatnonzero(levels > max(_FLOOR, _SOFTEST * levels.max(initial=0)))
    if len(loud) * _FRAME_S < _SHORTEST_S:
        return sound[:0]
    return sound[max(int(loud[0]) * size - margin, 0) : (int(loud[-1]) + 1) * size + margin]


def is_silent(wav: bytes) -> bool:
    """Whether nobody speaks in a phone's recording: a WAV of 16-bit samples; False when it is none, and we cannot tell."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            if file.getsampwidth() != 2:
                return False
            rate = file.getframerate() * file.getnchannels()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError, OverflowError, MemoryError):
        return False
    sound = np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)
    levels = _levels(sound, max(round(_LINE_FRAME_S * rate), 1))
    return bool(np.count_nonzero(levels > _LINE_FLOOR) * _LINE_FRAME_S < _SHORTEST_WORD_S)


def _levels(sound: Samples, size: int) -> Samples:
    """The deviation of each frame of so many samples; the last may be shorter."""
    whole = len(sound) // size * size
    levels = sound[:whole].reshape(-1, size).std(axis=1)
    return np.append(levels, sound[whole:].std()) if len(sound) > whole else levels
