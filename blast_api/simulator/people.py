"""Who answers: the last two digits of a number say what the person there does.

Recipients: 01 answering machine; 02 neither surely a person nor a machine; 03 busy; 04 does not answer; 05 failed;
06 fails once, then answers; 07 presses 0 once to hear it again; 08 presses 5 after the prompts; 09 hangs up in the
middle of the message; 10 hangs up while the carrier still listens who it is; 11 presses 5 at once; 12 presses another
key (9); 13 fails twice, then answers; 14 is given up before the answer; 15 presses 1 after the message; 16 presses 1,
and 1 again after the next prompts; 17 answering machine that greets for 20 s with pauses, beeps, and records; 18 presses
1, and hangs up in the middle of the talk that this leads to.

Authors: 89 says nothing into the first recording, then does as 90; 90 presses *, records 8 s, ends with #, confirms
with 2; 91 hears it back, records again, confirms; 92 cancels with 7; 93 presses nothing; 94 busy; 95 does not answer;
96 presses a wrong key in both menus, then does as 90; 97 hangs up while recording; 98 records nothing; 99 the recording
fails at the carrier.

Any other number is a person who answers after 2 s, listens to the end and presses nothing. Why somebody is called shows
in the first document: it begins with Amd for a recipient. An author called as a recipient is an ordinary listener, and a
listener called as an author does as 90.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from .greeting import Greeting

SETTLES_S = 1.0  # until the network reports busy, failed or given up


class Phone(Enum):
    """What the telephone network does with a call to this person."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no answer"
    FAILED = "failed"
    CANCEL = "cancel"


class Detected(Enum):
    """What answering-machine detection says of whoever answered; the carrier's words."""

    HUMAN = "HUMAN"
    MACHINE = "MACHINE"
    NOTSURE = "NOTSURE"
    HANGUP = "HANGUP"


class Role(Enum):
    """Why this person expects to be called."""

    ANY = "any"
    RECIPIENT = "recipient"
    AUTHOR = "author"


class Leaves(Enum):
    """Where a person hangs up by themselves."""

    NEVER = "never"
    IN_PLAY = "in the middle of the first thing played"
    IN_GATHER = "after the prompts of the first Gather"
    IN_RECORD = "in the middle of the recording"
    IN_RINGING = "while the number of the first Dial rings"
    IN_BRIDGE = "in the middle of the first Dial's talk"


@dataclass(frozen=True)
class Press:
    """Keys pressed in one Gather: `after_s` seconds after it begins, or shortly after its prompts when None."""

    keys: str
    after_s: float | None = None


@dataclass(frozen=True)
class Person:
    """What one person does when called.

    `keys` has an entry for each Gather heard, in order: keys pressed after the prompts, a `Press` with its own time, or
    None for no key. Past its end nothing is pressed. `fails_first` calls to the number fail before one is answered.
    `greeting` is what the one who answers says; detection has its word `detected_after_s` seconds after it begins, or
    when the greeting and the verb's times let it (None). `speaks_s` is how long they speak into a recording, which they
    end with `record_key` (None: they fall silent); in the first `silent_takes` they say nothing for as long; `talks_s` how long they talk when a Dial reaches them. Times are
    seconds.
    """

    name: str = "a person"
    phone: Phone = Phone.ANSWERED
    detected: Detected = Detected.HUMAN
    role: Role = Role.ANY
    rings_s: float = 2.0
    fails_first: int = 0
    greeting: Greeting = field(default_factory=Greeting)
    detected_after_s: float | None = None
    keys: tuple[str | Press | None, ...] = ()
    speaks_s: float = 8.0
    record_key: str | None = "#"
    record_fails: bool = False
    silent_takes: int = 0
    talks_s: float = 20.0
    leaves: Leaves = Leaves.NEVER

    def rung(self, *, timeout_s: float) -> tuple[Phone, float]:
        """Return what comes of ringing for `timeout_s` seconds at most, and after how many seconds."""
        if self.phone is Phone.NO_ANSWER or (self.phone is Phone.ANSWERED and self.rings_s > timeout_s):
            return Phone.NO_ANSWER, timeout_s
        return self.phone, self.rings_s if self.phone is Phone.ANSWERED else SETTLES_S

    def press(self, gather: int) -> Press | None:
        """Return what is pressed in the Gather heard as number `gather`, from 0."""
        entry = self.keys[gather] if gather < len(self.keys) else None
        return Press(entry) if isinstance(entry, str) else entry


def _recipient(name: str, person: Person | None = None) -> Person:
    return replace(person or Person(), name=name, role=Role.RECIPIENT)


def _author(name: str, person: Person) -> Person:
    return replace(person, name=name, role=Role.AUTHOR)


HUMAN = _recipient("listens to the end, presses nothing")
AUTHOR = _author("presses *, records 8 s, ends with #, confirms with 2", Person(keys=("*", "2")))

PEOPLE: Mapping[str, Person] = {
    "01": _recipient(
        "answering machine, greets for 5 s", Person(detected=Detected.MACHINE, greeting=Greeting((5.0,), 0.0))
    ),
    "02": _recipient("neither surely a person nor a machine", Person(detected=Detected.NOTSURE)),
    "03": _recipient("busy", Person(phone=Phone.BUSY)),
    "04": _recipient("does not answer", Person(phone=Phone.NO_ANSWER)),
    "05": _recipient("failed", Person(phone=Phone.FAILED)),
    "06": _recipient("fails once, then answers", Person(fails_first=1)),
    "07": _recipient("presses 0 once to hear it again", Person(keys=("0",))),
    "08": _recipient("presses 5 after the prompts", Person(keys=("5",))),
    "09": _recipient("hangs up in the middle of the message", Person(leaves=Leaves.IN_PLAY)),
    "10": _recipient("hangs up before the message", Person(detected=Detected.HANGUP)),
    "11": _recipient("presses 5 at once", Person(keys=(Press("5", after_s=0.5),))),
    "12": _recipient("presses 9", Person(keys=("9",))),
    "13": _recipient("fails twice, then answers", Person(fails_first=2)),
    "14": _recipient("given up before the answer", Person(phone=Phone.CANCEL)),
    "15": _recipient("presses 1 after the message", Person(keys=("1",))),
    "16": _recipient("presses 1, and 1 again after the next prompts", Person(keys=("1", "1"))),
    "17": _recipient(
        "answering machine, greets for 20 s with pauses, beeps",
        Person(detected=Detected.MACHINE, greeting=Greeting((6.0, 1.6, 7.0, 1.8, 3.6), 0.5)),
    ),
    "18": _recipient("presses 1, hangs up while talking", Person(keys=("1",), leaves=Leaves.IN_BRIDGE)),
    "89": _author("says nothing into the first recording, then as 90", replace(AUTHOR, silent_takes=1)),
    "90": AUTHOR,
    "91": _author("hears it back, records again, confirms", Person(keys=("*", "1", "3", "2"))),
    "92": _author("records, then cancels with 7", Person(keys=("*", "7"))),
    "93": _author("presses nothing", Person()),
    "94": _author("busy", Person(phone=Phone.BUSY)),
    "95": _author("does not answer", Person(phone=Phone.NO_ANSWER)),
    "96": _author("presses 9 first in both menus, then as 90", Person(keys=("9", "*", "9", "2"))),
    "97": _author("hangs up while recording", Person(keys=("*",), leaves=Leaves.IN_RECORD)),
    "98": _author("presses *, then records nothing", Person(keys=("*",), speaks_s=0.0)),
    "99": _author("the recording fails at the carrier", Person(keys=("*",), record_fails=True)),
}


def person_at(number: str) -> Person:
    """Return who lives behind a number."""
    return PEOPLE.get(number[-2:], HUMAN)


def in_role(person: Person, *, as_recipient: bool) -> Person:
    """Return who the person turns out to be once the first document shows why they were called.

    Machines, and people who hang up by themselves, do the same whoever calls.
    """
    if as_recipient and person.role is Role.AUTHOR:
        return HUMAN
    ordinary = person.detected is Detected.HUMAN and person.leaves is Leaves.NEVER
    if not as_recipient and person.role is Role.RECIPIENT and ordinary:
        return AUTHOR
    return person


def describe() -> str:
    """Return the table of people as text, a line each, for a terminal."""
    rows = [(f"..{ending}", person) for ending, person in PEOPLE.items()] + [("other", HUMAN)]
    return "\n".join(f"{ending:>5}  {person.role.value:<9}  {person.name}" for ending, person in rows)
