"""What a telephone carries of a sound: its band, at one loudness, without the silence at its ends."""

from __future__ import annotations

import numpy as np
import pytest

from blast_api.audio.telephone import telephone_wav
from tests.kits import sounds


def carried(sound: sounds.Wave, rate: int = 44_100) -> bytes:
    """What comes of it in blocks that divide nothing evenly."""
    samples = sound.astype(np.float32)
    blocks = (samples[start : start + 10_007] for start in range(0, len(samples), 10_007))
    return telephone_wav(blocks, rate, longest_s=60)


def seconds(wav: bytes) -> float:
    return len(sounds.heard(wav)) / 8000


def test_what_a_telephone_carries_stays_as_it_was() -> None:
    sound = sounds.tone(440, 2, level=0.1) + sounds.tone(200, 2, level=0.1) + sounds.tone(3300, 2, level=0.1)
    samples = sounds.heard(carried(sound))
    for hz in (200, 3300):
        assert sounds.level_db(samples, hz) == pytest.approx(sounds.level_db(samples, 440), abs=0.5)


@pytest.mark.parametrize("level", [0.003, 0.03, 0.3, 0.999])
def test_soft_and_loud_become_equally_loud_and_nothing_is_clipped(level: float) -> None:
    wav = carried(sounds.speech(4, level=level))
    assert sounds.measured_lufs(wav) == pytest.approx(-19, abs=1)
    assert np.abs(sounds.heard(wav)).max() < 10 ** (-0.9 / 20)


def test_peaks_are_turned_down_and_not_clipped() -> None:
    """Somebody speaks softly and hits the microphone every second."""
    sound = sounds.speech(6, rate=8000, level=0.05)
    for second in range(6):
        sound[second * 8000 + 3000 :][:40] += 0.9 * np.sin(2 * np.pi * 1000 * np.arange(40) / 8000)
    wav = carried(sound, 8000)
    samples = sounds.heard(wav)
    assert sounds.measured_lufs(wav) == pytest.approx(-19, abs=3)
    assert np.abs(samples).max() < 10 ** (-0.9 / 20)
    highest = np.flatnonzero(np.abs(samples) > 0.999 * np.abs(samples).max())
    assert np.diff(highest).min(initial=2) > 1  # a clipped wave would stay at the top


def test_much_sound_is_as_loud_at_its_end_as_at_its_beginning() -> None:
    """It is worked on in blocks, and none of them shows: near what is cut off, a filter without memory would jump."""
    samples = sounds.heard(carried(sounds.tone(100, 30, rate=8000), 8000))
    levels = samples[4000 : 4000 + 8000 * 29].reshape(-1, 800).std(axis=1)
    assert levels.max() / levels.min() < 1.01


def test_an_offset_is_taken_away() -> None:
    samples = sounds.heard(carried(sounds.speech(2) + 0.4))
    assert abs(samples.mean()) < 0.001
    assert np.abs(samples[:80]).max() < 0.5


@pytest.mark.parametrize(("before", "after"), [(2.0, 0.0), (0.0, 3.0), (1.5, 1.5), (0.1, 0.05)])
def test_silence_at_the_ends_is_cut(before: float, after: float) -> None:
    noise = 0.0003 * np.random.default_rng(2).standard_normal(round((before + 1 + after) * 8000))
    noise[round(before * 8000) :][:8000] += sounds.tone(440, 1, rate=8000)
    assert seconds(carried(noise, 8000)) == pytest.approx(min(before, 0.2) + 1 + min(after, 0.2), abs=0.03)


def test_silence_in_the_middle_stays() -> None:
    word = sounds.speech(1)
    assert seconds(carried(np.concatenate([word, np.zeros(88_200), word]))) == pytest.approx(4, abs=0.05)


def test_a_short_sound_is_loud_enough_too() -> None:
    wav = carried(sounds.tone(440, 0.15))
    assert seconds(wav) == pytest.approx(0.15, abs=0.01)
    assert np.abs(sounds.heard(wav)).max() > 0.1
