"""Plays call documents to one person: a generator of what happens next, without a clock and without HTTP.

Whoever drives it waits for a `Wait`, notes a `Heard` or a `Pressed`, sends a `Notice`, and answers a `Fetch` by sending
in the verbs of the fetched document. When the generator ends, the call is over.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from .directory import Directory
from .listener import BETWEEN_KEYS_S, HungUp, Listener
from .people import Detected, Leaves, Person, Phone, Press, in_role
from .steps import (
    Connected,
    Dialled,
    Fetch,
    Habits,
    Heard,
    Kept,
    NoRoom,
    Notice,
    Parameters,
    Parted,
    Pressed,
    Step,
    Steps,
    Studio,
    StudioFault,
)
from .verbs import Amd, Dial, Gather, Hangup, Pause, Play, Record, Redirect, Say, Target, Verb

KEY_AFTER_PROMPTS_S = 1.0
BEEP_S = 0.5
# Not documented; the values a telephone service commonly has.
RECORD_SILENCE_S = 5
LONGEST_RECORDING_S = 3600

AMD_CAUSES = {
    Detected.HUMAN: "HUMAN",
    Detected.MACHINE: "LONGGREETING",
    Detected.NOTSURE: "TOOLONG",
    Detected.HANGUP: "",
}
# The carrier's documents do not name what a Dial's action is told; DialCallStatus, DialCallDuration and these words are
# what telephone services commonly say.
DIAL_STATUSES = {
    Phone.ANSWERED: "completed",
    Phone.BUSY: "busy",
    Phone.NO_ANSWER: "no-answer",
    Phone.FAILED: "failed",
    Phone.CANCEL: "no-answer",
}


@dataclass(frozen=True)
class Jump:
    """A verb that ends its document and goes on elsewhere."""

    target: Target
    parameters: Parameters = ()


Outcome = Generator[Step, Sequence[Verb] | None, Jump | None]


def _recorded(kept: Kept, seconds: float) -> Parameters:
    return (
        ("RecordingUrl", kept.url),
        ("RecordingFileSid", kept.file_sid),
        ("RecordingDuration", max(1, round(seconds))),
    )


class Player(Listener):
    """One answered call: what its documents make of whoever listens."""

    def __init__(self, person: Person, studio: Studio, habits: Habits, directory: Directory) -> None:
        super().__init__(person, studio, habits)
        self._directory = directory
        self._gathers = self._takes = 0
        self._sessions: list[tuple[Record, float]] = []

    def play(self, url: str, method: str) -> Steps:
        """Play from the call's own URL to the end of the call."""
        try:
            verbs = yield from self._fetch(Jump(Target(url, method)), url)
            self._person = in_role(self._person, as_recipient=any(map(self._is_for_a_recipient, verbs)))
            while True:
                jump = yield from self._document(verbs)
                if jump is None:
                    return
                verbs = yield from self._fetch(jump, self._document_url)
                if jump.parameters and dict(jump.parameters).get("AMDStatus") == Detected.HANGUP.value:
                    return  # documented: the action is asked, though nobody listens any more
        except HungUp:
            return
        finally:
            self._keep_sessions()

    def _is_for_a_recipient(self, verb: Verb) -> bool:
        """Tell from a verb of the first document why somebody is called.

        A recipient is to be found out, or hears a recording, or a message and then what keys do; an author hears a
        question alone.
        """
        prompts = verb.prompts if isinstance(verb, Gather) else (verb,)
        played = (
            urljoin(self._document_url, prompt.url) for prompt in prompts if isinstance(prompt, Play) and prompt.url
        )
        sounds = [prompt for prompt in prompts if isinstance(prompt, Say | Play)]
        return isinstance(verb, Amd) or len(sounds) > 1 or any(map(self._studio.is_recording, played))

    def _keep_sessions(self) -> None:
        for verb, since_s in self._sessions:
            try:
                self._studio.keep(verb, self._elapsed_s - since_s)
            except NoRoom:
                pass
            except StudioFault as fault:
                self._studio.complain(f"a session was not recorded: {fault}")

    def _fetch(self, jump: Jump, base: str) -> Generator[Step, Sequence[Verb] | None, Sequence[Verb]]:
        url = urljoin(base, jump.target.url)
        verbs = yield Fetch(url, jump.target.method, jump.parameters, self._document_url or url)
        self._document_url = url
        return verbs or ()

    def _document(self, verbs: Iterable[Verb]) -> Outcome:
        for verb in verbs:
            match verb:
                case Hangup():
                    return None
                case Redirect():
                    return Jump(verb.target)
                case Say() | Pause():
                    yield from self._perform(self._sounds(verb))
                    jump = None
                case Play():
                    jump = yield from self._play(verb)
                case Gather():
                    jump = yield from self._gather(verb)
                case Record():
                    jump = yield from self._record(verb)
                case Amd():
                    jump = yield from self._amd(verb)
                case Dial():
                    jump = yield from self._dial(verb)
            if jump is not None:
                return jump
        return None

    def _play(self, verb: Play) -> Outcome:
        try:
            sounds = self._sounds(verb)
        except StudioFault as fault:
            self._studio.complain(str(fault))
            return Jump(verb.error_action) if verb.error_action else None
        if verb.background:
            for sound in sounds:
                yield Heard(sound.kind, sound.what)
            return None
        yield from self._perform(sounds)
        return Jump(verb.action) if verb.action else None

    def _gather(self, verb: Gather) -> Outcome:
        press = self._person.press(self._gathers)
        self._gathers += 1
        counts = press is not None and any(self._counts(verb, key) for key in press.keys)
        interrupts_at_s = press.after_s if press and counts and press.after_s is not None else math.inf
        spent_s = 0.0
        for prompt in verb.prompts:
            try:
                spent_s += yield from self._perform(self._sounds(prompt), interrupts_at_s - spent_s)
            except StudioFault as fault:
                self._studio.complain(str(fault))
        if self._person.leaves is Leaves.IN_GATHER:
            raise HungUp
        digits, finish_key = yield from self._keys(verb, press, spent_s)
        if digits or finish_key or verb.action_on_empty or self._habits.empty_result_always_acts:
            return Jump(verb.action, (("Digits", digits), ("FinishKey", finish_key)))
        return None

    @staticmethod
    def _counts(verb: Gather, key: str) -> bool:
        return key in verb.finish_on_key or verb.valid_digits is None or key in verb.valid_digits

    def _keys(
        self, verb: Gather, press: Press | None, spent_s: float
    ) -> Generator[Step, Sequence[Verb] | None, tuple[str, str | None]]:
        """Wait for the keys of a Gather whose prompts took `spent_s`; the result is the digits and the finish key."""
        delay_s = verb.timeout_s / 2 if verb.timeout_s <= KEY_AFTER_PROMPTS_S else KEY_AFTER_PROMPTS_S
        if press is not None and press.after_s is not None:
            delay_s = max(0.0, press.after_s - spent_s)
        if press is None or delay_s > verb.timeout_s:
            yield from self._wait(verb.timeout_s)
            return "", None
        digits = ""
        for key in press.keys:
            yield from self._wait(delay_s)
            delay_s = BETWEEN_KEYS_S
            yield Pressed(key)
            if key in verb.finish_on_key:
                return digits, key
            if self._counts(verb, key):
                digits += key
            if len(digits) == verb.num_digits:
                return digits, None
        yield from self._wait(verb.timeout_s)
        return digits, None

    def _record(self, verb: Record) -> Outcome:
        if verb.whole_session:
            self._sessions.append((verb, self._elapsed_s))
            return None
        failed = Jump(verb.error_action) if verb.error_action else None
        if verb.play_beep:
            yield Heard("beep", "")
            yield from self._wait(BEEP_S)
        if self._person.record_fails:
            return failed
        self._takes += 1
        recorded_s = yield from self._speak(verb)
        if recorded_s <= 0:
            return None
        try:
            kept = self._studio.keep(verb, recorded_s, silent=self._takes <= self._person.silent_takes)
        except NoRoom:
            return failed
        except StudioFault as fault:
            self._studio.complain(str(fault))
            return failed
        parameters = _recorded(kept, recorded_s)
        if verb.callback_url:
            yield Notice(urljoin(self._document_url, verb.callback_url), parameters, self._document_url)
        return Jump(verb.action, parameters) if verb.action else None

    def _speak(self, verb: Record) -> Generator[Step, Sequence[Verb] | None, float]:
        """Let the person speak into a recording; the result is the seconds recorded, 0 for nothing."""
        person, longest_s = self._person, verb.max_length_s or LONGEST_RECORDING_S
        if person.leaves is Leaves.IN_RECORD:
            cut_s = min(person.speaks_s / 2, longest_s)
            yield from self._wait(cut_s)
            if self._habits.record_acts_on_hangup and cut_s > 0:
                yield from self._report_cut(verb, cut_s)
            raise HungUp
        speech_s = min(person.speaks_s, longest_s)
        yield from self._wait(speech_s)
        key = person.record_key
        if speech_s < longest_s and key is not None:
            yield Pressed(key)
            if verb.finish_on_key is None or key in verb.finish_on_key:
                return speech_s
        silence_s = min(verb.timeout_s or RECORD_SILENCE_S, longest_s - speech_s)
        yield from self._wait(silence_s)
        return speech_s if verb.trims_silence else speech_s + silence_s

    def _report_cut(self, verb: Record, recorded_s: float) -> Steps:
        """Report a recording that a hangup cut short; the document that comes back has no listener."""
        try:
            kept = self._studio.keep(verb, recorded_s)
        except NoRoom:
            return
        except StudioFault as fault:
            self._studio.complain(str(fault))
            return
        if verb.action:
            yield from self._fetch(Jump(verb.action, _recorded(kept, recorded_s)), self._document_url)

    def _amd(self, verb: Amd) -> Outcome:
        person = self._person
        decided_s = {
            Detected.HUMAN: person.greeting.seconds + verb.after_greeting_silence_ms / 1000,
            Detected.MACHINE: verb.greeting_ms / 1000,
            Detected.NOTSURE: verb.total_analysis_time_ms / 1000,
            Detected.HANGUP: person.greeting.seconds,
        }[person.detected]
        if person.detected_after_s is not None:
            decided_s = person.detected_after_s
        yield from self._wait(min(decided_s, verb.total_analysis_time_ms / 1000))
        parameters = (("AMDStatus", person.detected.value), ("AMDCause", AMD_CAUSES[person.detected]))
        return Jump(verb.action, parameters)

    def _dial(self, verb: Dial) -> Outcome:
        status, seconds = yield from self._bridge(verb)
        parameters = (("DialCallStatus", status), ("DialCallDuration", int(seconds)))
        return Jump(verb.action, parameters) if verb.action else None

    def _bridge(self, verb: Dial) -> Generator[Step, Sequence[Verb] | None, tuple[str, float]]:
        """Ring another number and let the two talk; the result is the status and the seconds of the talk."""
        if verb.caller_id is not None and not self._directory.is_own(verb.caller_id):
            self._studio.complain(f"a Dial shows a number that no call came from: {verb.caller_id}")
            return DIAL_STATUSES[Phone.FAILED], 0.0
        other = self._directory.meet(verb.number)
        phone, rings_s = other.rung(timeout_s=verb.timeout_s)
        yield Dialled(verb.number, verb.caller_id)
        if self._person.leaves is Leaves.IN_RINGING:
            yield from self._wait(rings_s / 2)
            yield Parted(DIAL_STATUSES[Phone.CANCEL])
            raise HungUp
        yield from self._wait(rings_s)
        status = DIAL_STATUSES[phone]
        if phone is not Phone.ANSWERED:
            yield Parted(status)
            return status, 0.0
        yield Connected()
        talks_s = min(other.talks_s, verb.time_limit_s or math.inf)
        leaves = self._person.leaves is Leaves.IN_BRIDGE
        yield from self._wait(talks_s / 2 if leaves else talks_s)
        yield Parted(status)
        if leaves:
            raise HungUp
        return status, talks_s
