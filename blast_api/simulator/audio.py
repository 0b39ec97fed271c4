"""Sounds in the one format the carrier records: WAV, 8 kHz, 16 bit, mono."""

from __future__ import annotations

import io
import math
import struct
import wave

RATE = 8000  # samples a second
TONE_HZ = 440  # whole waves in a second, so that repeated seconds join without a click
LOUDNESS = 3000  # of 32767: soft

_ONE_SECOND = struct.pack(
    f"<{RATE}h", *(round(LOUDNESS * math.sin(2 * math.pi * TONE_HZ * n / RATE)) for n in range(RATE))
)


def tone(seconds: float) -> bytes:
    """Return a WAV file with a soft tone of so many seconds."""
    size = round(seconds * RATE) * 2
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((_ONE_SECOND * math.ceil(seconds))[:size])
    return content.getvalue()


def seconds_of(content: bytes) -> float | None:
    """Return the length of a WAV file in seconds, or None when it is no such file."""
    try:
        with wave.open(io.BytesIO(content), "rb") as sound:
            return sound.getnframes() / (sound.getframerate() or RATE)
    except (wave.Error, EOFError, struct.error):
        return None
