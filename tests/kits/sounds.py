"""Sounds, files of them that others than we encode, and a meter that is not ours."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float64]  # mono, full scale is 1

# By the ending of a file: FFmpeg's container, encoder, and what that needs.
CODECS: dict[str, tuple[str, str, str, int, dict[str, str]]] = {
    "mp3": ("mp3", "libmp3lame", "mono", 44_100, {}),
    "ogg": ("ogg", "vorbis", "stereo", 44_100, {"strict": "experimental"}),
    "opus": ("ogg", "libopus", "mono", 48_000, {}),
    "flac": ("flac", "flac", "mono", 44_100, {}),
    "m4a": ("ipod", "aac", "mono", 44_100, {}),
    "aac": ("adts", "aac", "stereo", 44_100, {}),
}


def tone(hz: float, seconds: float, *, rate: int = 44_100, level: float = 0.3) -> Wave:
    """A sine."""
    result: Wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return result


def speech(seconds: float, *, rate: int = 44_100, level: float = 0.3) -> Wave:
    """What looks like speech: harmonics of a voice in syllables, four in a second, some louder than others, and breath."""
    times = np.arange(round(seconds * rate)) / rate
    voice = sum((np.sin(2 * np.pi * 130 * n * times + n * n) / n for n in range(1, 12)), np.zeros(times.size))
    syllables = np.abs(np.sin(2 * np.pi * 2 * times)) ** 3 * (0.6 + 0.4 * np.sin(2 * np.pi * 0.3 * times))
    sound: Wave = np.asarray(voice) * syllables + 0.003 * np.random.default_rng(1).standard_normal(times.size)
    sound *= level / np.abs(sound).max()
    return sound


def encoded(sound: Wave, kind: str, **options: str) -> bytes:
    """A file by FFmpeg, of a sound at the rate that CODECS names; `options` are of the container."""
    container, codec, layout, rate, needs = CODECS[kind]
    with (
        TemporaryDirectory() as folder,
        av.open(place := Path(folder, kind), "w", format=container, options=options) as file,
    ):
        stream = file.add_stream(codec, rate=rate, options=needs)
        assert isinstance(stream, av.AudioStream)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32)[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        fit = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        for part in [*fit.resample(frame), *fit.resample(None)]:
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
        file.close()
        return place.read_bytes()


def film() -> bytes:
    """An MP4 with pictures alone."""
    with TemporaryDirectory() as folder, av.open(place := Path(folder, "film.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(25):
            file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))
        file.close()
        return place.read_bytes()


def pcm(sound: Wave, *, rate: int = 44_100, bits: int = 16, channels: int = 1) -> bytes:
    """A WAV by the standard library, the same in each channel."""
    scaled = np.round(np.repeat(sound, channels) * (2 ** (bits - 1) - 1)).astype("<i4")
    if bits == 8:
        scaled += 128
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(scaled.view("u1").reshape(-1, 4)[:, : bits // 8].tobytes())
    return content.getvalue()


def heard(wav: bytes) -> Wave:
    """The samples of a WAV as the telephone has it: the test fails if it is another."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        content = file.readframes(file.getnframes())
    assert len(content) == len(wav) - 44  # the header promises what is there
    return np.frombuffer(content, "<i2") / 32768


def measured_lufs(wav: bytes) -> float:
    """The integrated loudness by FFmpeg's meter, at the rate that the standard is written for."""
    samples = np.frombuffer(wav[44:], "<i2")[np.newaxis]
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=8000, format="s16", layout="mono", time_base=Fraction(1, 8000))
    chain = [source, graph.add("aresample", "48000"), graph.add("ebur128", "metadata=1"), graph.add("abuffersink")]
    for above, below in pairwise(chain):
        above.link_to(below)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
    graph.push(frame)
    graph.push(None)
    loudness = float("-inf")
    while True:
        try:
            loudness = float(graph.pull().metadata.get("lavfi.r128.I", loudness))
        except (av.EOFError, av.BlockingIOError):
            return loudness


def level_db(sound: Wave, hz: float) -> float:
    """How strong this frequency, and what is within 20 Hz of it, is in a sound at 8 kHz; decibels."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    frequencies = np.fft.rfftfreq(len(sound), 1 / 8000)
    return float(20 * np.log10(spectrum[np.abs(frequencies - hz) <= 20].max() + 1e-12))
