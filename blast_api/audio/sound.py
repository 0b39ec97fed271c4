"""The one format that we store and play."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass

from blast_api.domain.errors import UnusableSound
from blast_api.sandbox.parent import Failure

RATE = 8000  # samples a second: what a telephone carries
NO_SOUND = Failure(
    UnusableSound,
    too_much="To make sound of this takes more time or memory than it may.",
    otherwise="No sound can be made of this.",
    action="sound_not_made",
)


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
