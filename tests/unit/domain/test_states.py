"""Who may follow whom: the tables are whole, endings are final, and the guards say what the tables say."""

from __future__ import annotations

import pytest

from blast_api.domain import states
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus

C, S, R = CallStatus, ShoutStatus, RecordingState


def test_the_words_are_the_documented_ones() -> None:
    assert {str(status) for status in ShoutStatus} == {
        "pending",
        "ready",
        "scheduled",
        "ongoing",
        "finished",
        "canceled",
        "timed-out",
        "error",
    }
    assert {str(status) for status in CallStatus} == {
        "pending",
        "ready",
        "ongoing",
        "completed",
        "no-answer",
        "failed",
        "busy",
        "app-error",
        "added to do not call",
        "do not call",
        "capped",
        "expired",
        "cancelled",
        "timed-out",
    }
    assert [str(state) for state in RecordingState] == [
        "NO_REC_CALL",
        "PLACED",
        "USER_ANSWERED",
        "PRESSED_STAR",
        "RECORDED",
        "CONFIRMED",
        "CARRIERX_ERROR",
    ]


def test_every_status_is_in_its_table() -> None:
    assert set(states.CALL_MOVES) == set(CallStatus)
    assert set(states.SHOUT_MOVES) == set(ShoutStatus)
    assert set(states.RECORDING_MOVES) == set(RecordingState)


def test_every_call_is_open_or_ended() -> None:
    assert frozenset({C.PENDING, C.READY, C.ONGOING}) == states.OPEN_CALLS
    for status in states.OPEN_CALLS:
        assert states.CALL_MOVES[status] >= states.CARRIER_ENDINGS | {C.OPTED_OUT, C.DO_NOT_CALL, C.TIMED_OUT}


@pytest.mark.parametrize("ending", sorted(set(CallStatus) - states.OPEN_CALLS))
def test_an_ended_call_never_opens_again(ending: CallStatus) -> None:
    assert not states.CALL_MOVES[ending] & states.OPEN_CALLS


@pytest.mark.parametrize("ending", sorted(set(CallStatus) - states.OPEN_CALLS))
def test_the_end_of_a_call_is_final_but_for_an_opt_out_and_late_news(ending: CallStatus) -> None:
    if ending in (C.OPTED_OUT, C.DO_NOT_CALL):
        assert states.CALL_MOVES[ending] == frozenset()
    elif ending == C.TIMED_OUT:
        assert states.CALL_MOVES[ending] == states.CARRIER_ENDINGS | {C.OPTED_OUT, C.DO_NOT_CALL}
    else:
        assert states.CALL_MOVES[ending] == {C.OPTED_OUT}


def test_a_shout_is_open_or_ended_and_only_a_late_one_moves_after_its_end() -> None:
    assert frozenset({S.FINISHED, S.CANCELED, S.TIMED_OUT, S.ERROR}) == states.ENDED_SHOUTS
    assert {end: states.SHOUT_MOVES[end] for end in states.ENDED_SHOUTS if states.SHOUT_MOVES[end]} == {
        S.TIMED_OUT: frozenset({S.FINISHED})
    }
    for status in states.OPEN_SHOUTS:
        assert states.SHOUT_MOVES[status] >= {S.FINISHED, S.CANCELED, S.TIMED_OUT}


def test_a_shout_is_never_recorded_twice() -> None:
    assert states.shout_before(S.PENDING) == frozenset()
    assert states.shout_before(S.ERROR) == {S.PENDING}
    assert states.shout_before(S.READY) == states.shout_before(S.SCHEDULED) == {S.PENDING}
    assert states.shout_before(S.ONGOING) == {S.READY, S.SCHEDULED}


def test_the_guards_agree_with_the_tables() -> None:
    for call_target in CallStatus:
        expected = {status for status in CallStatus if call_target in states.CALL_MOVES[status]}
        assert states.call_before(call_target) == expected
    for shout_target in ShoutStatus:
        before = {status for status in ShoutStatus if shout_target in states.SHOUT_MOVES[status]}
        assert states.shout_before(shout_target) == before
    for state_target in RecordingState:
        came_from = {state for state in RecordingState if state_target in states.RECORDING_MOVES[state]}
        assert states.recording_before(state_target) == came_from


def test_a_confirmed_recording_is_only_lost_by_the_carrier() -> None:
    assert states.RECORDING_MOVES[R.CONFIRMED] == {R.CARRIERX_ERROR}
    assert states.RECORDING_MOVES[R.CARRIERX_ERROR] == frozenset()
    assert states.recording_before(R.CONFIRMED) == {R.RECORDED}
    assert states.recording_before(R.NO_REC_CALL) == frozenset()


def test_the_causes_are_the_documented_ones() -> None:
    assert states.Q850 == {C.COMPLETED: 0, C.OPTED_OUT: 0, C.BUSY: 17, C.NO_ANSWER: 18, C.FAILED: 41, C.APP_ERROR: 127}
    assert states.Q850_INVALID_NUMBER == 1
