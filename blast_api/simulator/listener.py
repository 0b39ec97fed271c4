"""What one person hears: sounds and pauses in turn, how long each takes, and what of it is on a machine's tape."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from .people import Leaves, Person
from .steps import Habits, Heard, Step, Steps, Studio, Taped, Wait
from .verbs import Pause, Play, Say, Verb

BETWEEN_KEYS_S = 0.5
SPOKEN_CHARACTERS_A_SECOND = 15  # 150 words a minute, of six characters with the space
PATIENCE_S = 300  # how long anybody listens to a text that is repeated without end


class HungUp(Exception):
    """The person put the phone down."""


@dataclass(frozen=True)
class Passage:
    """A sound or a pause; `kind` is that of what is heard, or pause, or patience for its end."""

    kind: str
    what: str
    seconds: float


class Listener:
    """Who answered, and how long they have been there."""

    def __init__(self, person: Person, studio: Studio, habits: Habits) -> None:
        self._person = person
        self._studio = studio
        self._habits = habits
        self._elapsed_s = 0.0
        self._document_url = ""

    def _wait(self, seconds: float) -> Steps:
        if seconds > 0:
            yield Wait(seconds)
            self._elapsed_s += seconds

    def _sounds(self, verb: Say | Play | Pause) -> list[Passage]:
        if isinstance(verb, Pause):
            return [Passage("pause", "", self._pause_seconds(verb))]
        if isinstance(verb, Say):
            once_s = max(1.0, len(verb.text) / SPOKEN_CHARACTERS_A_SECOND)
            times = verb.loop or math.ceil(PATIENCE_S / (once_s + verb.loop_pause_s))
            said, gap = Passage("say", verb.text, once_s), Passage("pause", "", float(verb.loop_pause_s))
            return [said, *[gap, said] * (times - 1), *([] if verb.loop else [Passage("patience", "", 0.0)])]
        if verb.digits is not None:
            return [Passage("digits", verb.digits, BETWEEN_KEYS_S * len(verb.digits))]
        if verb.file_sid is not None:
            source, seconds = verb.file_sid, self._studio.seconds_of_file(verb.file_sid)
        else:
            source = urljoin(self._document_url, verb.url or "")
            seconds = self._studio.seconds_of(source)
        return [Passage("play", source, min(seconds, verb.time_limit_s or seconds))]

    def _pause_seconds(self, verb: Pause) -> float:
        greeting, at_s = self._person.greeting, self._elapsed_s
        ends = [float(verb.length_s)]
        if verb.until_silence_ms is not None:
            silent_s = greeting.seconds_to_silence(at_s, lasting_s=verb.until_silence_ms / 1000)
            ends.append(max(0.0, silent_s - self._habits.silence_errs_s))
        if verb.until_noise_ms is not None:
            ends.append(greeting.seconds_to_noise(at_s, lasting_s=verb.until_noise_ms / 1000))
        return min(ends)

    def _perform(
        self, sounds: Iterable[Passage], budget_s: float = math.inf
    ) -> Generator[Step, Sequence[Verb] | None, float]:
        """Let the person hear sounds for `budget_s` seconds at most; the result is the seconds it took."""
        spent_s = 0.0
        for sound in sounds:
            if spent_s >= budget_s:
                break
            if sound.kind == "patience":
                raise HungUp
            seconds = min(sound.seconds, budget_s - spent_s)
            if sound.kind == "pause":
                yield from self._wait(seconds)
            else:
                yield from self._hear(sound, seconds)
            spent_s += seconds
        return spent_s

    def _hear(self, sound: Passage, seconds: float) -> Steps:
        """Let the person, and the tape if it runs, hear so much of a sound."""
        leaves = self._person.leaves is Leaves.IN_PLAY
        yield Heard(sound.kind, sound.what)
        began_s = self._elapsed_s
        yield from self._wait(sound.seconds / 2 if leaves else seconds)
        clipped_s = round(max(0.0, self._person.greeting.tape_from_s - began_s), 3)
        taped_s = round(self._elapsed_s - began_s - clipped_s, 3)
        if taped_s > 0:
            yield Taped(sound.kind, sound.what, clipped_s, taped_s)
        if leaves:
            raise HungUp
