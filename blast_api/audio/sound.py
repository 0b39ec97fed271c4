"""The one format that we store and play."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

RATE = 8000  # samples a second: what a telephone carries


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound for the telephone: a WAV file, 8 kHz, 16 bit, mono; its length in seconds."""

    wav: bytes
    length_s: float


def wav_of(samples: bytes) -> bytes:
    """A WAV file of 16-bit samples."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples)
    return content.getvalue()


def sound_of(wav: bytes) -> Sound:
    """A WAV file that `wav_of` made, with its length."""
    with wave.open(io.BytesIO(wav)) as file:
        return Sound(wav, file.getnframes() / RATE)
