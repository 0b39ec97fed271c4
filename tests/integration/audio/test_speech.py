"""A text is spoken on our side, by a voice that is in its package."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from blast_api.audio.speech import SPEECH_LIMITS, is_installed, speak, voices
from blast_api.domain.errors import UnusableSound
from blast_api.domain.speech import length_s, spoken
from tests.kits import sounds

TEXT = spoken("The bus is late today. Please wait until 7:30 am, or call 555-555-1010.")


def refused(text: str, voice: str = "") -> str:
    with pytest.raises(UnusableSound) as caught:
        speak(text, longest_s=60, voice=voice)
    return caught.value.reason


def test_a_text_is_spoken_for_the_telephone() -> None:
    sound = speak(TEXT, longest_s=60)
    assert sounds.measured_lufs(sound.wav) == pytest.approx(-19, abs=1)
    assert np.abs(sounds.heard(sound.wav)).max() < 10 ** (-0.9 / 20)
    assert length_s(TEXT) / 2 < sound.length_s < length_s(TEXT) * 1.5
    assert voices() == ("heart",)
    assert speak(TEXT, voice="heart", longest_s=60) == sound


def test_a_text_without_a_pause_needs_little_memory() -> None:
    limits = replace(SPEECH_LIMITS, memory_bytes=640 << 20)
    assert speak("the bus is late " * 75, longest_s=120, limits=limits).length_s > 40


@pytest.mark.parametrize("text", ["", "\u65e5\u672c\u8a9e \U0001f600"])
def test_a_text_without_a_word_is_refused(text: str) -> None:
    assert refused(text) == "The text has no word that can be spoken; the voices speak English."


def test_a_text_that_takes_too_long_is_refused() -> None:
    with pytest.raises(UnusableSound, match="longer than 2 seconds"):
        speak(TEXT, longest_s=2)


def test_a_voice_that_would_have_to_be_fetched_is_none_of_ours() -> None:
    assert "expected one of heart" in refused(TEXT, voice="emma")


def test_a_voice_that_takes_too_much_is_ended() -> None:
    with pytest.raises(UnusableSound, match="more time or memory"):
        speak(TEXT, longest_s=60, limits=replace(SPEECH_LIMITS, wall_s=0.01))


def test_without_the_extra_nothing_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    assert not is_installed()
    assert voices() == ()
    assert "extra `speech`" in refused(TEXT)
