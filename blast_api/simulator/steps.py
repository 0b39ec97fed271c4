"""The words between the player of a call and whoever drives it: what happens next, and where sounds are kept."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from .verbs import Record, Verb

Parameters = tuple[tuple[str, str | int | None], ...]


@dataclass(frozen=True)
class Wait:
    """Nothing happens for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Heard:
    """The person begins to hear something: `kind` is play, say, beep, digits or record."""

    kind: str
    what: str


@dataclass(frozen=True)
class Pressed:
    """The person presses one key."""

    key: str


@dataclass(frozen=True)
class Fetch:
    """The application is asked for the next document; `document_url` is the one that runs now."""

    url: str
    method: str
    parameters: Parameters
    document_url: str


@dataclass(frozen=True)
class Notice:
    """The application is told something; its answer does not matter."""

    url: str
    parameters: Parameters
    document_url: str


@dataclass(frozen=True)
class Taped:
    """A machine's tape has a sound for `seconds`, without the `clipped_s` of its beginning that came before the beep."""

    kind: str
    what: str
    clipped_s: float
    seconds: float


@dataclass(frozen=True)
class Dialled:
    """Another number begins to ring; `caller` is the number shown there, None for the one that the call shows."""

    number: str
    caller: str | None


@dataclass(frozen=True)
class Connected:
    """Who was dialled answers, and the two talk."""


@dataclass(frozen=True)
class Parted:
    """What was dialled is over; `status` as the application is told of it."""

    status: str


Step = Wait | Heard | Pressed | Taped | Dialled | Connected | Parted | Fetch | Notice
Steps = Generator[Step, Sequence[Verb] | None, None]


@dataclass(frozen=True)
class Kept:
    """A recording as the application is told of it."""

    url: str
    file_sid: str


class StudioFault(Exception):
    """The storage could not take a recording, or has no such sound; the message says why."""


class NoRoom(StudioFault):
    """Where a recording should go is full: that is how the account stands, and no fault of the application's words."""


class Studio(Protocol):
    """Where sounds are kept."""

    def seconds_of(self, url: str) -> float:
        """Return the length of the sound at a URL in seconds; raises StudioFault when it is gone."""

    def seconds_of_file(self, file_sid: str) -> float:
        """Return the length of a stored sound in seconds; raises StudioFault when it is gone."""

    def is_recording(self, url: str) -> bool:
        """Tell whether the sound at a URL was recorded on a call."""

    def keep(self, verb: Record, seconds: float, *, silent: bool = False) -> Kept:
        """Store a recording of so many seconds, in which nobody speaks if `silent`; raises StudioFault when it has no place, NoRoom when that is full."""

    def complain(self, fault: str) -> None:
        """Note a fault of the application that does not end the call."""


@dataclass(frozen=True)
class Habits:
    """What the carrier does where its documents conflict or are silent."""

    empty_result_always_acts: bool = False  # a Gather without keys requests its action even when not told to
    record_acts_on_hangup: bool = False  # a recording cut short by a hangup is reported to its action
    silence_errs_s: float = 0.0  # a Pause that waits for silence ends so much too early, or too late if negative
