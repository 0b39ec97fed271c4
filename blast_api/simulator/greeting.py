"""What somebody says when they answer, second by second: speech, pauses, and a machine's beep."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Greeting:
    """`turns` are seconds of speech and of pauses in turn, speech first.

    A machine beeps for `beep_s` seconds after them, and its tape runs from then on; None means that there is no tape.
    Moments are seconds since the answer.
    """

    turns: tuple[float, ...] = (1.0,)
    beep_s: float | None = None

    @property
    def seconds(self) -> float:
        """How long the greeting takes, without the beep."""
        return sum(self.turns)

    @property
    def tape_from_s(self) -> float:
        """The moment from which the tape has what is heard; never, for who has none."""
        return math.inf if self.beep_s is None else self.seconds + self.beep_s

    def seconds_to_silence(self, at_s: float, *, lasting_s: float) -> float:
        """Return how long after a moment there has been silence for `lasting_s` seconds."""
        begins_s = at_s
        for noise_from_s, noise_to_s in self._noises():
            if noise_from_s - begins_s >= lasting_s:
                break
            begins_s = max(begins_s, noise_to_s)
        return begins_s - at_s + lasting_s

    def seconds_to_noise(self, at_s: float, *, lasting_s: float) -> float:
        """Return how long after a moment there has been a noise for `lasting_s` seconds; infinite when there never is."""
        for noise_from_s, noise_to_s in self._noises():
            begins_s = max(at_s, noise_from_s)
            if noise_to_s - begins_s >= lasting_s:
                return begins_s - at_s + lasting_s
        return math.inf

    def _noises(self) -> list[tuple[float, float]]:
        """From when to when there is speech, or the beep."""
        noises: list[tuple[float, float]] = []
        at_s = 0.0
        for number, lasts_s in enumerate(self.turns):
            if number % 2 == 0:
                noises.append((at_s, at_s + lasts_s))
            at_s += lasts_s
        if self.beep_s:
            begins_s = noises.pop()[0] if len(self.turns) % 2 else at_s  # speech and the beep behind it are one noise
            noises.append((begins_s, at_s + self.beep_s))
        return noises
