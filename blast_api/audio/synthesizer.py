"""The process that speaks English; it needs the extra `speech`. It imports nothing of Django."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from hibari import Hibari

from blast_api.domain.errors import UnusableSound
from blast_api.domain.speech import pieces
from blast_api.sandbox.child import confined

from .silence import Samples
from .telephone import telephone_wav

_LONGEST_PIECE = 400  # characters: what is spoken at once takes memory by its square
_SEED = 8  # the voice's breath is noise; the same noise each time


def synthesize(voice: str, longest_s: str) -> bytes:
    """The telephone's WAV of the text that is standard input. Raises UnusableSound."""
    speaker = Hibari(voice=voice)
    blocks = _blocks(speaker, sys.stdin.buffer.read().decode())
    return telephone_wav(blocks, speaker.sample_rate, longest_s=int(longest_s))


def _blocks(speaker: Hibari, text: str) -> Iterator[Samples]:
    said = False
    for piece in pieces(text, _LONGEST_PIECE):
        for block in speaker.stream(piece, seed=_SEED):
            said = said or bool(len(block))
            yield block
    if not said:
        raise UnusableSound("The text has no word that can be spoken; the voices speak English.")


if __name__ == "__main__":
    confined(synthesize)
