"""How loud a sound is to people (ITU-R BS.1770), and one loudness for all, without a clipped sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from math import log10, pi, tan

import numpy as np
from numpy.typing import NDArray

from .silence import Samples
from .sound import RATE

TARGET = -19.0  # LUFS
_NEAR = 0.5  # LU: who hears a difference of that?
_ROUNDS = 12  # a limiter takes off some of what a round adds
_CEILING = 10 ** (-1 / 20)  # of full scale: headroom for the codecs of others
_REACH = RATE // 100  # samples before and after a peak, in which the limiter turns down and up again

_HOP = RATE // 10  # BS.1770 measures 400 ms every 100 ms
_HOPS = 4
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0  # LUFS, and LU below the loudness of what passed the first
_BLOCK = 76 * _HOP  # samples that are worked on at once: with the memory of a filter just less than a power of two

Biquad = tuple[tuple[float, float, float], tuple[float, float, float]]


class BlockFilter:
    """Biquads in series over a sound that comes in blocks, by FFT: each block is filtered with its past before it."""

    _MEMORY = RATE // 2  # samples: after that nothing of ours rings any more

    def __init__(self, *biquads: Biquad, rate: int = RATE) -> None:
        """By coefficients at this rate, a multiple of ours."""
        self._biquads, self._rate = biquads, rate
        self._past = np.zeros(self._MEMORY, np.float32)

    def __call__(self, block: Samples) -> Samples:
        """The next block, filtered."""
        sound = np.concatenate([self._past, block])
        self._past = sound[-self._MEMORY :]
        size = 1 << (len(sound) - 1).bit_length()
        filtered = np.fft.irfft(np.fft.rfft(sound, size) * _response(self._biquads, self._rate, size), size)
        return filtered[self._MEMORY : len(sound)].astype(np.float32)


@cache
def _response(biquads: tuple[Biquad, ...], rate: int, size: int) -> NDArray[np.complex128]:
    """At the frequencies of a spectrum of so many samples at our rate."""
    response = np.ones(size // 2 + 1, np.complex128)
    for above, below in biquads:
        ratio = np.fft.rfft(above, size * rate // RATE) / np.fft.rfft(below, size * rate // RATE)
        response *= ratio[: size // 2 + 1]
    return response


def high_pass(hz: float) -> Biquad:
    """Butterworth's of second order: what is lower gets lost, 12 dB for each octave."""
    k = tan(pi * hz / RATE)
    scale = 1 + k * 2**0.5 + k * k
    return (1 / scale, -2 / scale, 1 / scale), (1.0, 2 * (k * k - 1) / scale, (1 - k * 2**0.5 + k * k) / scale)


# Of BS.1770: the head lifts what is high, and people hear less of what is low.
_WEIGHTING: tuple[Biquad, Biquad] = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)
_WEIGHTING_RATE = 48_000


def loudness(blocks: Iterable[Samples]) -> float:
    """The integrated loudness in LUFS of a sound that comes in blocks of whole 100 ms; minus infinity of silence."""
    weighted = BlockFilter(*_WEIGHTING, rate=_WEIGHTING_RATE)
    hops = np.concatenate([np.zeros(0), *(_energies(weighted(block)) for block in blocks)])
    hops = np.pad(hops, (0, max(_HOPS - len(hops), 0)))
    powers = np.convolve(hops, np.ones(_HOPS), "valid") / (_HOPS * _HOP)
    powers = powers[powers > _power(_ABSOLUTE_GATE)]
    if not len(powers):
        return float("-inf")
    return _lufs(float(powers[powers > powers.mean() * 10 ** (_RELATIVE_GATE / 10)].mean()))


def _energies(block: Samples) -> NDArray[np.float64]:
    """The sum of the squares in each 100 ms."""
    padded = np.pad(block, (0, -len(block) % _HOP)).reshape(-1, _HOP)
    energies: NDArray[np.float64] = np.square(padded, dtype=np.float64).sum(axis=1)
    return energies


def _lufs(power: float) -> float:
    return -0.691 + 10 * log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))


def levelled(sound: Samples) -> NDArray[np.int16]:
    """The sound at -19 LUFS in 16-bit samples, none above -1 dBFS; it must not be silence only."""
    peak = np.abs(sound).max()
    gain = 1 / peak
    for _ in range(_ROUNDS):
        missing = TARGET - max(loudness(_limited(sound, gain)), _ABSOLUTE_GATE)
        if abs(missing) < _NEAR:
            break
        gain *= 10 ** (missing / 20)
    return np.concatenate([np.round(block * 32767).astype(np.int16) for block in _limited(sound, gain)])


def _limited(sound: Samples, gain: float) -> Iterator[Samples]:
    """The sound so much louder, turned down about each peak above the ceiling; in blocks."""
    for start in range(0, len(sound), _BLOCK):
        first = max(start - 2 * _REACH, 0)
        louder = sound[first : start + _BLOCK + 2 * _REACH] * np.float32(gain)
        limited = np.clip(louder * _turned_down(louder), -_CEILING, _CEILING)
        yield limited[start - first :][:_BLOCK]


_FADE = np.hanning(2 * _REACH + 3)[1:-1].astype(np.float32)
_FADE /= _FADE.sum()


def _turned_down(sound: Samples) -> Samples:
    """By what to multiply each sample so that none is above the ceiling, without a jump.

    The least that is needed anywhere within reach is averaged over the same reach: so no average is more than its own
    sample needs.
    """
    needed = (_CEILING / np.maximum(np.abs(sound), _CEILING)).astype(np.float32)
    least = np.pad(needed, 2 * _REACH, constant_values=1)
    wide, whole = 1, 2 * _REACH + 1
    while wide < whole:
        step = min(wide, whole - wide)
        least = np.minimum(least[:-step], least[step:])
        wide += step
    return np.convolve(least, _FADE, "valid").astype(np.float32)
