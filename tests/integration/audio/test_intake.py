"""Files of every kind that people send become one sound for the telephone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from blast_api.audio.intake import telephone_sound
from blast_api.audio.sound import Sound
from tests.kits import sounds

RANGE = pytest.approx(-19, abs=3)  # LUFS: what is promised


def taken(content: bytes, longest_s: int = 600) -> Sound:
    return telephone_sound(io.BytesIO(content), longest_s=longest_s)


def by_libsndfile(sound: sounds.Wave, rate: int, **kind: str) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, sound, rate, **kind)
    return content.getvalue()


@pytest.mark.parametrize("kind", [*sounds.CODECS])
def test_every_kind_of_file_is_taken(kind: str) -> None:
    sound = taken(sounds.encoded(sounds.speech(3, rate=sounds.CODECS[kind][3]), kind))
    assert sound.length_s == pytest.approx(3, abs=0.15)
    assert len(sounds.heard(sound.wav)) == sound.length_s * 8000
    assert sounds.measured_lufs(sound.wav) == RANGE


@pytest.mark.parametrize(
    ("bits", "rate", "channels"),
    [(8, 11_025, 1), (16, 8000, 1), (16, 48_000, 2), (24, 44_100, 1), (24, 192_000, 2), (32, 22_050, 6)],
)
def test_every_wav_is_taken(bits: int, rate: int, channels: int) -> None:
    sound = taken(sounds.pcm(sounds.tone(440, 2, rate=rate), rate=rate, bits=bits, channels=channels))
    samples = sounds.heard(sound.wav)
    assert sound.length_s == pytest.approx(2, abs=0.01)
    assert sounds.level_db(samples, 440) - sounds.level_db(samples, 1000) > 40
    assert sounds.measured_lufs(sound.wav) == RANGE


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM"])
def test_a_wav_of_no_integers_is_taken(subtype: str) -> None:
    sound = taken(by_libsndfile(sounds.speech(2, rate=16_000), 16_000, format="WAV", subtype=subtype))
    assert sound.length_s == pytest.approx(2, abs=0.05)
    assert sounds.measured_lufs(sound.wav) == RANGE


def test_a_wav_that_was_written_into_a_pipe_does_not_know_its_length() -> None:
    content = bytearray(sounds.pcm(sounds.speech(1)))
    content[4:8] = content[40:44] = b"\xff" * 4
    assert taken(bytes(content)).length_s == pytest.approx(1, abs=0.01)


def test_a_flac_that_was_written_into_a_pipe_does_not_know_its_length() -> None:
    content = bytearray(sounds.encoded(sounds.speech(1), "flac"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    assert taken(bytes(content)).length_s == pytest.approx(1, abs=0.01)


def test_an_mp3_may_begin_with_a_picture() -> None:
    picture = bytes(range(256)) * 400
    size = bytes(len(picture) >> shift & 0x7F for shift in (21, 14, 7, 0))
    content = b"ID3\x03\x00\x00" + size + picture + sounds.encoded(sounds.speech(1), "mp3")
    assert taken(content).length_s == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("moved", ["faststart", "frag_keyframe+empty_moov"])
def test_an_m4a_may_tell_what_is_in_it_first(moved: str) -> None:
    content = sounds.encoded(sounds.speech(1), "m4a", movflags=moved)
    assert taken(content).length_s == pytest.approx(1, abs=0.1)


def test_the_channels_become_one() -> None:
    left, right = sounds.tone(440, 1), sounds.tone(1500, 1)
    samples = sounds.heard(taken(by_libsndfile(np.stack([left, right], axis=1), 44_100, format="WAV")).wav)
    assert sounds.level_db(samples, 440) == pytest.approx(sounds.level_db(samples, 1500), abs=0.5)


def test_what_a_telephone_cannot_carry_leaves_no_alias() -> None:
    """6 kHz would come back as 2 kHz; so would 10 kHz."""
    sound = sounds.tone(440, 2, level=0.2) + sounds.tone(6000, 2, level=0.2) + sounds.tone(10_000, 2, level=0.2)
    samples = sounds.heard(taken(sounds.pcm(sound, bits=24)).wav)[2000:-2000]
    assert sounds.level_db(samples, 2000) < sounds.level_db(samples, 440) - 60


def test_the_longest_sound_is_taken() -> None:
    assert taken(sounds.pcm(sounds.speech(2)), longest_s=2).length_s == pytest.approx(2, abs=0.01)
