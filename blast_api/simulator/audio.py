"""Sounds: what the carrier records (WAV, 8 kHz, 16 bit, mono), and how long what it is to play lasts."""

from __future__ import annotations

import io
import math
import struct
import wave
from dataclasses import dataclass

RATE = 8000  # samples a second
TONE_HZ = 440  # whole waves in a second, so that repeated seconds join without a click
LOUDNESS = 3000  # of 32767: soft

_ONE_SECOND = struct.pack(
    f"<{RATE}h", *(round(LOUDNESS * math.sin(2 * math.pi * TONE_HZ * n / RATE)) for n in range(RATE))
)

# The header of an MP3 frame (layer III): its fields index these tables.
_KILOBITS_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KILOBITS_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44100, 48000, 32000)  # of version 1
_VERSIONS = {3: 1, 2: 2, 0: 4}  # the version's bits, and by what it divides the rates
_LAYER_3 = 1
_HEADER_BYTES = 4
_TAG_BYTES = 10


@dataclass(frozen=True)
class Sound:
    """What a file lets hear: `format` is wav or mp3, `seconds` its length."""

    format: str
    seconds: float


def tone(seconds: float) -> bytes:
    """Return a WAV file with a soft tone of so many seconds."""
    return _wav(_ONE_SECOND, seconds)


def silence(seconds: float) -> bytes:
    """Return a WAV file of a line on which nobody speaks, for so many seconds."""
    return _wav(bytes(2 * RATE), seconds)


def _wav(one_second: bytes, seconds: float) -> bytes:
    size = round(seconds * RATE) * 2
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes((one_second * math.ceil(seconds))[:size])
    return content.getvalue()


def read_sound(content: bytes) -> Sound | None:
    """Return what a file lets hear, or None when that is nothing: neither a WAV with frames nor an MP3."""
    for name, seconds in (("wav", _wav_seconds(content)), ("mp3", _mp3_seconds(content))):
        if seconds > 0:
            return Sound(name, seconds)
    return None


def _wav_seconds(content: bytes) -> float:
    """Return the seconds of the frames that are there; a header may promise more."""
    try:
        with wave.open(io.BytesIO(content), "rb") as sound:
            frames = len(sound.readframes(sound.getnframes())) // (sound.getnchannels() * sound.getsampwidth())
            return frames / (sound.getframerate() or RATE)
    except (wave.Error, EOFError, struct.error, RuntimeError):  # the last one for a chunk that breaks off
        return 0.0


def _mp3_seconds(content: bytes) -> float:
    """Return the seconds of the whole frames at the beginning, after the tag that may stand there."""
    place, seconds = _tag_bytes(content), 0.0
    while (frame := _frame(content[place : place + _HEADER_BYTES])) is not None:
        size, lasts_s = frame
        place += size
        if place > len(content):
            break
        seconds += lasts_s
    return seconds


def _tag_bytes(content: bytes) -> int:
    """Return the size of an ID3 tag, whose own figure for it has seven bits in a byte."""
    if len(content) < _TAG_BYTES or not content.startswith(b"ID3"):
        return 0
    size = 0
    for byte in content[6:_TAG_BYTES]:
        size = size << 7 | byte & 0x7F
    return _TAG_BYTES + size


def _frame(header: bytes) -> tuple[int, float] | None:
    """Return the bytes and the seconds of the frame that a header begins, or None when it begins none."""
    if len(header) < _HEADER_BYTES or header[0] != 0xFF or header[1] >> 5 != 0b111:
        return None
    divisor, layer = _VERSIONS.get(header[1] >> 3 & 3), header[1] >> 1 & 3
    bits, rate_bits, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if divisor is None or layer != _LAYER_3 or bits in {0, 15} or rate_bits == len(_RATES):
        return None
    kilobits, samples = (_KILOBITS_1, 1152) if divisor == 1 else (_KILOBITS_2, 576)
    rate = _RATES[rate_bits] // divisor
    return samples // 8 * kilobits[bits - 1] * 1000 // rate + padding, samples / rate
