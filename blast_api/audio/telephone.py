"""What a telephone carries of a sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from blast_api.domain.errors import UnusableSound

from .loudness import BlockFilter, high_pass, levelled
from .silence import Samples, trimmed
from .sound import RATE, wav_of

RATES = range(1000, 1_000_001)  # samples a second, that a file may have
_LOWEST_HZ = 60  # below it a telephone carries nothing, and only rumble and hum are there
_LOUDEST = 1e6  # of full scale: what is beyond is no sample


def telephone_wav(blocks: Iterable[Samples], rate: int, *, longest_s: int) -> bytes:
    """A WAV file of a sound that comes in blocks: 8 kHz, 16 bit, trimmed, at even loudness.

    Raises UnusableSound when it is longer than that, as soon as it is, when it is silence only, and when it is none.
    """
    if rate not in RATES:
        raise UnusableSound(f"The file is damaged: {rate} samples a second are no sound.")
    sound = trimmed(np.concatenate([np.zeros(0, np.float32), *_carried(blocks, rate, longest_s)]))
    if not len(sound):
        raise UnusableSound("The sound is silence only.")
    return wav_of(levelled(sound).astype("<i2").tobytes())


def _carried(blocks: Iterable[Samples], rate: int, longest_s: int) -> Iterator[Samples]:
    """The same at 8 kHz, without rumble."""
    resampler = soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")
    without_rumble = BlockFilter(high_pass(_LOWEST_HZ))
    samples, offset = 0, np.float32(0)
    for block in blocks:
        if not samples and len(block):
            offset = block.mean()  # else the sound would begin with a jump to it, and end with one
        samples += len(block)
        if samples > longest_s * rate:
            raise UnusableSound(f"The sound is longer than {longest_s} seconds.")
        if not (np.abs(block) <= _LOUDEST).all():  # NaN among them
            raise UnusableSound("The file is damaged: it has values that are no sound.")
        yield without_rumble(resampler.resample_chunk(block - offset))
    yield without_rumble(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
