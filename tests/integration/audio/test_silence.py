"""Whether somebody speaks in a phone's recording."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from blast_api.audio.silence import is_silent
from tests.kits import sounds


def recording(*parts: sounds.Wave) -> bytes:
    return sounds.pcm(np.concatenate(parts), rate=8000)


def line(seconds: float, level: float) -> sounds.Wave:
    """The hiss of a line with nobody on it."""
    noise: sounds.Wave = level * np.random.default_rng(4).standard_normal(round(seconds * 8000))
    return noise


def test_a_line_with_nobody_on_it_is_silent() -> None:
    for level in (0.0, 0.0003, 0.002):
        assert is_silent(recording(line(3, level)))
        assert is_silent(recording(line(3, level) + 0.05))


def test_a_recording_without_samples_is_silent() -> None:
    assert is_silent(recording(line(0, 0)))


def test_a_key_and_a_click_are_no_word() -> None:
    key = sounds.tone(770, 0.1, rate=8000) + sounds.tone(1336, 0.1, rate=8000)
    assert is_silent(recording(line(3, 0.001), key))
    assert is_silent(recording(line(1, 0.001), np.array([0.9, -0.9]), line(1, 0.001)))


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_a_short_word_is_heard(level: float) -> None:
    assert not is_silent(recording(line(3, 0.001), sounds.speech(0.5, rate=8000, level=level), line(3, 0.001)))


def test_other_rates_and_channels_are_heard_too() -> None:
    for rate, channels in ((8000, 2), (44_100, 1)):
        assert is_silent(sounds.pcm(np.zeros(rate), rate=rate, channels=channels))
        assert not is_silent(sounds.pcm(sounds.speech(1, rate=rate), rate=rate, channels=channels))


def mu_law() -> bytes:
    content = io.BytesIO()
    soundfile.write(content, np.zeros(8000), 8000, format="WAV", subtype="ULAW")
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no sound",
        b"\xff" * 8000,
        mu_law(),
        sounds.pcm(np.zeros(8000), bits=8),
        recording(line(1, 0))[:30],
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\0\0" + bytes(20),
    ],
)
def test_what_cannot_be_told_counts_as_heard(content: bytes) -> None:
    assert not is_silent(content)


def test_a_recording_that_is_cut_off_is_judged_by_what_is_there() -> None:
    assert is_silent(recording(line(2, 0.001))[:20_001])
    assert not is_silent(recording(sounds.speech(2, rate=8000))[:20_001])
