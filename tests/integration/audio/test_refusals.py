"""What is no sound for a telephone is refused, with a reason, and at a bounded cost."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from blast_api.audio.intake import telephone_sound
from blast_api.domain.errors import SoundTooLarge, UnusableSound
from tests.kits import sounds


def refusal(content: bytes, longest_s: int = 600) -> str:
    with pytest.raises(UnusableSound) as caught:
        telephone_sound(io.BytesIO(content), longest_s=longest_s)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("sound.wav", sounds.pcm(sounds.tone(440, 1)))
    return content.getvalue()


NO_SOUND = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(1000),
    "text": b"Hello, this is no sound, but words about it." * 20,
    "zip": zipped(),
    "one byte": b"R",
    "half of a word": b"\xff",
    "webp": b"RIFF" + bytes(4) + b"WEBPVP8 " + bytes(100),
}


@pytest.mark.parametrize("kind", [*NO_SOUND])
def test_what_is_no_sound_is_refused(kind: str) -> None:
    assert refusal(NO_SOUND[kind]) == "The file is no sound that we know: expected WAV, MP3, OGG, FLAC or M4A."


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == "The file is empty."


@pytest.mark.parametrize(
    "head", [b"\xff\xfeH\0e\0l\0l\0o\0", b"ID3\x03", b"fLaC", b"\0\0\0\x18ftypM4A ", b"\xff\xf1\x50\x80", b"OggS"]
)
def test_what_only_begins_like_sound_is_refused(head: bytes) -> None:
    assert refusal(head + bytes(range(256)) * 20).startswith("The file is damaged")


def test_a_wav_without_samples_is_silence() -> None:
    assert refusal(sounds.pcm(np.zeros(0))) == "The sound is silence only."


def test_a_film_without_sound_is_refused() -> None:
    assert refusal(sounds.film()) == "The file has no sound."


@pytest.mark.parametrize("kind", [*sounds.CODECS, "wav"])
def test_a_file_that_is_cut_off_is_refused(kind: str) -> None:
    """Whatever was lost: the half, or the last byte; of some nobody can tell the last, or it is no sound."""
    if kind == "wav":
        whole = sounds.pcm(sounds.speech(2))
    else:
        whole = sounds.encoded(sounds.speech(2, rate=sounds.CODECS[kind][3]), kind)
    for size in (len(whole) // 2, len(whole) - 1) if kind not in ("aac", "mp3", "m4a") else (len(whole) // 2,):
        assert refusal(whole[:size]).startswith("The file is damaged"), size


@pytest.mark.parametrize("size", [20, 40])
def test_a_header_that_is_cut_off_is_refused(size: int) -> None:
    whole = sounds.pcm(sounds.tone(440, 1))
    assert refusal(whole[:size]).startswith("The file is")


def test_an_m4a_that_tells_first_what_is_in_it_and_is_cut_off_is_refused() -> None:
    whole = sounds.encoded(sounds.speech(2), "m4a", movflags="faststart")
    assert refusal(whole[: len(whole) // 2]).startswith("The file is damaged")


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus", "m4a"])
def test_a_file_that_was_torn_is_refused(kind: str) -> None:
    content = bytearray(sounds.encoded(sounds.speech(2, rate=sounds.CODECS[kind][3]), kind))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(byte ^ 0x55 for byte in content[middle : middle + 40])
    assert refusal(bytes(content)).startswith("The file is damaged")


def test_an_ogg_without_its_last_page_is_refused() -> None:
    whole = sounds.encoded(sounds.speech(3, rate=48_000), "opus")
    assert refusal(whole[: whole.rindex(b"OggS")]) == "The file is damaged: it ends before its sound does."


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_a_value_that_is_no_sound_is_refused(value: float) -> None:
    sound, content = sounds.tone(440, 1), io.BytesIO()
    sound[1000] = value
    soundfile.write(content, sound, 44_100, format="WAV", subtype="FLOAT")
    assert refusal(content.getvalue()) == "The file is damaged: it has values that are no sound."


@pytest.mark.parametrize("rate", [1, 4_000_000])
def test_a_rate_that_is_no_sound_is_refused(rate: int) -> None:
    content = bytearray(sounds.pcm(sounds.tone(440, 1)))
    content[24:28] = rate.to_bytes(4, "little")
    assert refusal(bytes(content)) == f"The file is damaged: {rate} samples a second are no sound."


def test_silence_is_refused() -> None:
    hiss = 0.0002 * np.random.default_rng(3).standard_normal(44_100)
    for sound in (np.zeros(44_100), hiss + 0.3):
        assert refusal(sounds.pcm(sound)) == "The sound is silence only."


def test_what_no_telephone_carries_is_silence() -> None:
    assert refusal(sounds.pcm(sounds.tone(6000, 1), bits=24)) == "The sound is silence only."


def flac_of_hours() -> bytes:
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", samplerate=8000, channels=1, format="FLAC") as file:
        for _ in range(2 * 60):
            file.write(np.zeros(60 * 8000, np.int16))
    return content.getvalue()


@pytest.mark.parametrize("content", [flac_of_hours, lambda: sounds.pcm(sounds.speech(2.5))])
def test_what_lasts_longer_is_refused(content: Callable[[], bytes]) -> None:
    assert refusal(content(), longest_s=2) == "The sound is longer than 2 seconds."


def test_a_file_with_too_many_bytes_is_refused_and_not_read_further() -> None:
    file = io.BytesIO(sounds.pcm(sounds.tone(440, 60)))
    with pytest.raises(SoundTooLarge, match="larger than 1000 bytes"):
        telephone_sound(file, longest_s=600, largest_bytes=1000)
    assert file.tell() < len(file.getvalue())
    exact = sounds.pcm(sounds.tone(440, 1))
    assert telephone_sound(io.BytesIO(exact), longest_s=600, largest_bytes=len(exact)).length_s == 1


@pytest.mark.parametrize("kind", ["m4a", "aac"])
def test_m4a_needs_the_extra(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = sounds.encoded(sounds.speech(0.5), kind)
    monkeypatch.setitem(sys.modules, "av", None)
    assert refusal(content) == "M4A needs the extra `m4a` on the server. Send WAV, MP3, OGG or FLAC."
