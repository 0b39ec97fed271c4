"""What the carrier calls back for: on whose call, and at which step of it.

Addresses that the carrier has been given, what waits on disk, and dashboards bear these words: none may change.
"""

from __future__ import annotations

from enum import Enum, StrEnum


class Party(StrEnum):
    """Who is on the line."""

    RECIPIENT = "calls"
    AUTHOR = "recordings"


class Step(StrEnum):
    """Where a call is when the carrier asks or reports: the last word of the address."""

    ANSWERED = "answered"
    DETECTED = "detected"  # who picked up: a person or a machine
    KEY = "key"
    BRIDGED = "bridged"  # who was put through has spoken, or has not
    STATUS = "status"  # the call is over
    WELCOME = "welcome"  # a key at the author's first menu, or none
    RECORDED = "recorded"
    NOT_RECORDED = "not-recorded"
    NOTHING_RECORDED = "nothing-recorded"
    VERIFICATION = "verification"  # a key at the author's second menu, or none
    APOLOGY = "apology"  # on disk only, and in no address: the person heard that an error has occurred


class Query(StrEnum):
    """What a document notes in the query of the next step's address: the same report once more is then no other one."""

    TAKE = "take"  # of the author's recording
    ASKED = "asked"  # times that the question was asked again, because nobody could read the answer
    REPLAYS = "replays"  # times that the message was played again


class Callback(Enum):
    """Each thing that the carrier tells; `label` is what it is counted and logged as."""

    CALL_ANSWERED = "CallAnswered", Party.RECIPIENT, Step.ANSWERED
    CALL_DETECTED = "CallDetected", Party.RECIPIENT, Step.DETECTED
    CALL_KEY = "CallKey", Party.RECIPIENT, Step.KEY
    CALL_BRIDGED = "CallBridged", Party.RECIPIENT, Step.BRIDGED
    CALL_ENDED = "CallStatus", Party.RECIPIENT, Step.STATUS
    AUTHOR_ANSWERED = "AuthorAnswered", Party.AUTHOR, Step.ANSWERED
    AUTHOR_AT_WELCOME = "AuthorAtWelcome", Party.AUTHOR, Step.WELCOME
    AUTHOR_RECORDED = "AuthorRecorded", Party.AUTHOR, Step.RECORDED
    AUTHOR_NOT_RECORDED = "AuthorNotRecorded", Party.AUTHOR, Step.NOT_RECORDED
    NOTHING_RECORDED = "NothingRecorded", Party.AUTHOR, Step.NOTHING_RECORDED
    AUTHOR_AT_VERIFICATION = "AuthorAtVerification", Party.AUTHOR, Step.VERIFICATION
    RECORDING_ENDED = "RecordingStatus", Party.AUTHOR, Step.STATUS

    def __init__(self, label: str, party: Party, step: Step) -> None:
        self.label, self.party, self.step = label, party, step


class Reason(StrEnum):
    """Why a callback is refused; who made it learns none of this."""

    NO_ADDRESS = "no address of ours"
    FORGED = "forged"
    OVER = "its call is long over"
    ANOTHERS = "of another endpoint, account or partner"

    @property
    def label(self) -> str:
        """What it is counted as."""
        return self.name.lower()
