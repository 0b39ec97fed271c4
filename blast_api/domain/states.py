"""Every status word, who may follow whom, and what an ending (a disposition) means.

A change of status is always `UPDATE ... WHERE status IN (allowed)`, with `allowed` taken from the tables here: the
count of changed rows says whether the move happened, and whoever made it owns its consequences.
"""

from __future__ import annotations

from django.db.models import TextChoices


class ShoutStatus(TextChoices):
    PENDING = "pending"  # being recorded
    READY = "ready"  # recorded; its first call is about to be placed
    SCHEDULED = "scheduled"  # recorded; waits for its time
    ONGOING = "ongoing"  # its time has come
    FINISHED = "finished"  # every call is settled
    CANCELED = "canceled"
    TIMED_OUT = "timed-out"
    ERROR = "error"  # could not be recorded


class CallStatus(TextChoices):
    PENDING = "pending"  # waits for the recording, or is with the carrier and waits for its delay
    READY = "ready"  # not yet with the carrier, as far as we know
    ONGOING = "ongoing"  # with the carrier, ringing or up
    COMPLETED = "completed"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    BUSY = "busy"
    APP_ERROR = "app-error"
    OPTED_OUT = "added to do not call"  # answered, pressed 5
    DO_NOT_CALL = "do not call"  # was on the list, not called
    CAPPED = "capped"  # the number has heard enough, not called
    EXPIRED = "expired"  # was not placed in time
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"


class RecordingState(TextChoices):
    NO_REC_CALL = "NO_REC_CALL"  # not placed yet, or never needed
    PLACED = "PLACED"
    USER_ANSWERED = "USER_ANSWERED"
    PRESSED_STAR = "PRESSED_STAR"  # recording
    RECORDED = "RECORDED"  # listening to the verification menu
    CONFIRMED = "CONFIRMED"
    CARRIERX_ERROR = "CARRIERX_ERROR"


# --- Calls -------------------------------------------------------------------------------------------------------

_C = CallStatus
CARRIER_ENDINGS = frozenset({_C.COMPLETED, _C.NO_ANSWER, _C.FAILED, _C.BUSY, _C.APP_ERROR, _C.CANCELLED})
OPEN_CALLS = frozenset({_C.PENDING, _C.READY, _C.ONGOING})
NOT_CALLED = frozenset({_C.DO_NOT_CALL, _C.CAPPED, _C.EXPIRED})  # by a rule, whatever attempts there were before

# From each status, where a call may go. Endings are final but for two cases: what really became of a call may still be
# told after it was timed out, and an opt-out overtakes every ending of a call that was up.
CALL_MOVES: dict[CallStatus, frozenset[CallStatus]] = {
    _C.PENDING: OPEN_CALLS | CARRIER_ENDINGS | NOT_CALLED | {_C.OPTED_OUT, _C.TIMED_OUT},
    _C.READY: OPEN_CALLS | CARRIER_ENDINGS | NOT_CALLED | {_C.OPTED_OUT, _C.TIMED_OUT},
    _C.ONGOING: CARRIER_ENDINGS | {_C.READY} | {_C.OPTED_OUT, _C.DO_NOT_CALL, _C.TIMED_OUT},
    _C.TIMED_OUT: CARRIER_ENDINGS | {_C.OPTED_OUT, _C.DO_NOT_CALL},
    _C.COMPLETED: frozenset({_C.OPTED_OUT}),
    _C.NO_ANSWER: frozenset({_C.OPTED_OUT}),
    _C.FAILED: frozenset({_C.OPTED_OUT}),
    _C.BUSY: frozenset({_C.OPTED_OUT}),
    _C.APP_ERROR: frozenset({_C.OPTED_OUT}),
    _C.CANCELLED: frozenset({_C.OPTED_OUT}),
    _C.CAPPED: frozenset({_C.OPTED_OUT}),  # an earlier attempt may have been answered
    _C.EXPIRED: frozenset({_C.OPTED_OUT}),
    _C.OPTED_OUT: frozenset(),
    _C.DO_NOT_CALL: frozenset(),
}

# Causes of Q.850 (ITU-T) that the records carry.
Q850 = {
    _C.COMPLETED: 0,
    _C.OPTED_OUT: 0,
    _C.BUSY: 17,
    _C.NO_ANSWER: 18,
    _C.FAILED: 41,
    _C.APP_ERROR: 127,
}
Q850_INVALID_NUMBER = 1


def call_before(target: CallStatus) -> frozenset[CallStatus]:
    """The statuses from which a call may move to `target`."""
    return frozenset(status for status, targets in CALL_MOVES.items() if target in targets)


# --- Shouts ------------------------------------------------------------------------------------------------------

_S = ShoutStatus
LIVE_SHOUTS = frozenset({_S.READY, _S.SCHEDULED, _S.ONGOING})  # calls may be placed
OPEN_SHOUTS = LIVE_SHOUTS | {_S.PENDING}
ENDED_SHOUTS = frozenset(ShoutStatus) - OPEN_SHOUTS

SHOUT_MOVES: dict[ShoutStatus, frozenset[ShoutStatus]] = {
    _S.PENDING: frozenset({_S.READY, _S.SCHEDULED, _S.FINISHED, _S.CANCELED, _S.TIMED_OUT, _S.ERROR}),
    _S.READY: frozenset({_S.ONGOING, _S.FINISHED, _S.CANCELED, _S.TIMED_OUT}),
    _S.SCHEDULED: frozenset({_S.ONGOING, _S.FINISHED, _S.CANCELED, _S.TIMED_OUT}),
    _S.ONGOING: frozenset({_S.FINISHED, _S.CANCELED, _S.TIMED_OUT}),
    _S.TIMED_OUT: frozenset({_S.FINISHED}),  # within the late window
    _S.FINISHED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.ERROR: frozenset(),
}


# What is told of an open shout that is paused. It is no status of its own, so that nobody has to remember where it goes on.
PAUSED = "paused"


def public_shout_status(status: str, *, paused: bool) -> str:
    """The status that others are told: a shout is paused until it goes on or ends."""
    return PAUSED if paused and status in OPEN_SHOUTS else status


def shout_before(target: ShoutStatus) -> frozenset[ShoutStatus]:
    """The statuses from which a shout may move to `target`."""
    return frozenset(status for status, targets in SHOUT_MOVES.items() if target in targets)


# --- Recordings, and the calls to their authors ---------------------------------------------------------------------------------------------


class RecordingSource(TextChoices):
    """How a recording came about."""

    PHONE = "phone"
    UPLOAD = "upload"
    TEXT = "text"


_R = RecordingState
RECORDING_MOVES: dict[RecordingState, frozenset[RecordingState]] = {
    # The author may answer before the carrier's answer to our request reaches us.
    _R.NO_REC_CALL: frozenset({_R.PLACED, _R.USER_ANSWERED, _R.CARRIERX_ERROR}),
    _R.PLACED: frozenset({_R.USER_ANSWERED, _R.CARRIERX_ERROR}),
    _R.USER_ANSWERED: frozenset({_R.USER_ANSWERED, _R.PRESSED_STAR}),
    _R.PRESSED_STAR: frozenset({_R.RECORDED, _R.CARRIERX_ERROR}),
    _R.RECORDED: frozenset({_R.RECORDED, _R.PRESSED_STAR, _R.CONFIRMED}),
    _R.CONFIRMED: frozenset({_R.CARRIERX_ERROR}),  # the carrier lost the file before it was made permanent
    _R.CARRIERX_ERROR: frozenset(),
}


def recording_before(target: RecordingState) -> frozenset[RecordingState]:
    """The states from which a recording call may move to `target`."""
    return frozenset(state for state, targets in RECORDING_MOVES.items() if target in targets)
