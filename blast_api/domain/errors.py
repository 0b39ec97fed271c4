"""The one family of errors that the rules raise; faces turn them into answers."""

from __future__ import annotations


class BlastError(Exception):
    """Something the caller asked for cannot be done; the text is for a person, `code` for a machine."""

    code = "error"


class ConfigurationError(BlastError):
    """The operator's sheet cannot be used as it stands."""

    code = "configuration"


class AlreadyEnded(BlastError):
    """The shout is over: there is nothing left to cancel."""

    code = "already-ended"


class NotRecorded(BlastError):
    """There is nothing to be heard of a shout yet."""

    code = "not-recorded"


class TooManyAuditions(BlastError):
    """So many auditions of this shout are under way that no more are taken."""

    code = "too-many-auditions"


class AttemptOver(BlastError):
    """A call is over, and for so long that nothing more can be told of it: its address is dead."""

    code = "over"


class KeyReused(BlastError):
    """An Idempotency-Key came back with another request body."""

    code = "idempotency-key-reused"


class TooManyWaiting(BlastError):
    """So many authors of this application wait to be rung that no more are taken."""

    code = "too-many-waiting"
    retry_after_s = 5


class RecordingInUse(BlastError):
    """Shouts that are not over yet play the recording: it cannot be deleted."""

    code = "in-use"


class NotStored(BlastError):
    """The carrier did not take a sound, or did not tell whether it has: nothing stays of it."""

    code = "not-stored"
    retry_after_s = 60


class StorageFull(BlastError):
    """The carrier has no room for another sound until somebody makes some."""

    code = "storage-full"


class SoundAway(BlastError):
    """The carrier does not hand out a sound that it has, or should have."""

    code = "sound-away"
    retry_after_s = 5


class WebhookDisabled(BlastError):
    """A webhook is disabled: nothing is sent to it."""

    code = "webhook-disabled"


class ApplicationRefused(BlastError):
    """An application cannot be made or revoked under this name."""

    code = "application"


class PersonRefused(BlastError):
    """A person cannot be added or changed like this."""

    code = "person"


class InvalidField(BlastError):
    """One field of a request cannot be accepted, for a reason that only the database knows."""

    code = "invalid"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class UnusableInput(BlastError):
    """Nothing can be made of what a stranger sends; `reason` is a sentence for an application's developer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnusableSound(UnusableInput):
    """A file or a text cannot be made into sound for a telephone."""

    code = "unusable-sound"


class UnusableList(UnusableInput):
    """A file cannot be read as a list of numbers, or nobody can tell where in it they are."""

    code = "unusable-list"


class SoundTooLarge(UnusableSound):
    """A file has more bytes than we take."""

    code = "too-large"
