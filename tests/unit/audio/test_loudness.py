"""How loud a sound is to people: as the standard says, and as another meter measures."""

from __future__ import annotations

import numpy as np
import pytest

from blast_api.audio.loudness import levelled, loudness
from tests.kits import sounds

BLOCK_S = 5  # of whole 100 ms


def measured(sound: sounds.Wave) -> float:
    samples, size = sound.astype(np.float32), BLOCK_S * 8000
    return loudness(samples[start : start + size] for start in range(0, len(samples), size))


def test_the_standards_own_tone_has_its_loudness() -> None:
    """BS.1770: a full sine of 997 Hz in one channel is -3.01."""
    assert measured(sounds.tone(997, 12, rate=8000, level=1)) == pytest.approx(-3.01, abs=0.01)


@pytest.mark.parametrize(
    "sound",
    [
        sounds.speech(12, rate=8000),
        np.concatenate([sounds.speech(4, rate=8000), np.zeros(80_000), sounds.speech(4, rate=8000, level=0.2)]),
        np.concatenate([sounds.speech(4, rate=8000), sounds.speech(6, rate=8000, level=0.02)]),
        sounds.tone(100, 3, rate=8000) + sounds.tone(3000, 3, rate=8000, level=0.1),
    ],
    ids=["speech", "with a pause", "with soft parts", "low and high"],
)
def test_another_meter_agrees(sound: sounds.Wave) -> None:
    assert measured(sound) == pytest.approx(sounds.measured_lufs(sounds.pcm(sound, rate=8000)), abs=0.15)


def test_silence_has_none() -> None:
    assert measured(np.zeros(80_000)) == measured(np.zeros(0)) == float("-inf")


def test_what_is_shorter_than_the_standard_measures_counts_as_if_silence_followed() -> None:
    assert measured(sounds.tone(997, 0.2, rate=8000, level=1)) == pytest.approx(-3.01 - 3.01, abs=0.1)


def test_what_is_turned_down_about_a_peak_is_turned_without_a_jump() -> None:
    """Also where two blocks meet, after 7.6 seconds: each peak is near their border on another side."""
    for peak in (60_800 - 60, 60_800 + 20):
        sound = 0.02 * np.where(np.arange(100_000) // 4 % 2, 1.0, -1.0)
        sound[peak : peak + 40] *= 45
        factors = levelled(sound.astype(np.float32)) / 32767 / sound
        assert factors.min() < factors.max() / 2
        assert np.abs(np.diff(factors)).max() < 0.03 * factors.max()
