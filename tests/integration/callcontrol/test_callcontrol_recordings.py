"""Each state of the call to an author and each callback: what the author hears and what becomes of the shout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from blast_api.callcontrol import documents
from blast_api.carrierx.addresses import address
from blast_api.carrierx.storage import play_url
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import AuthorCall, LogKind, Message
from blast_api.services import authors, sweeps
from blast_api.services.authors import AuthorAttempt, Reply
from tests.kits.callbacks import Callbacks, lines, rows, undone
from tests.kits.factories import author_call, call, message

pytestmark = pytest.mark.django_db

R = RecordingState
NOW = timezone.now()
TAKEN = {"take": 1, "url": "http://c/f.wav", "file_sid": "f", "length_s": 4}
FILE = {"RecordingUrl": "http://c/f.wav", "RecordingFileSid": "f", "RecordingDuration": 8}

STATES: dict[str, dict[str, Any]] = {
    "not claimed": {"state": R.NO_REC_CALL, "due_at": NOW, "serial": 0, "sid": ""},
    "given back": {"state": R.NO_REC_CALL, "due_at": NOW, "sid": ""},
    "in hand": {"state": R.NO_REC_CALL, "due_at": NOW, "held_since": NOW, "sid": ""},
    "placed": {"state": R.PLACED},
    "answered": {"state": R.USER_ANSWERED},
    "recording": {"state": R.PRESSED_STAR},
    "recording again": {"state": R.PRESSED_STAR, **TAKEN},
    "recorded": {"state": R.RECORDED, **TAKEN},
    "confirmed": {"state": R.CONFIRMED, "held_since": NOW, **TAKEN},
    "failed": {"state": R.CARRIERX_ERROR},
}
PRESSED = ("", "*", "0", "1", "2", "3", "7", "9", "#")
CALLBACKS: list[tuple[str, dict[str, Any]]] = [
    ("answered", {}),
    *(("welcome", {"Digits": digits}) for digits in PRESSED),
    ("recorded", FILE),
    ("recorded", {}),
    ("not-recorded", {}),
    ("nothing-recorded", {}),
    *(("verification", {"Digits": digits}) for digits in PRESSED),
]
Moved = tuple[Reply, RecordingState, ShoutStatus]
PENDING, ENDED, LOST = ShoutStatus.PENDING, ShoutStatus.CANCELED, ShoutStatus.ERROR

# What something is to be heard of: the step, the state after it and the shout's status. All else is goodbye.
WELCOME: dict[str, Moved] = {
    "": (Reply.NO_KEY, R.USER_ANSWERED, ENDED),
    "*": (Reply.RECORD, R.PRESSED_STAR, PENDING),
    **dict.fromkeys(("0", "1", "2", "3", "7", "9", "#"), (Reply.WELCOME_AGAIN, R.USER_ANSWERED, PENDING)),
}
VERIFICATION: dict[str, Moved] = {
    "": (Reply.NO_KEY, R.RECORDED, ENDED),
    "1": (Reply.PLAY_BACK, R.RECORDED, PENDING),
    "2": (Reply.SAVED, R.CONFIRMED, PENDING),
    "3": (Reply.RECORD_AGAIN, R.PRESSED_STAR, PENDING),
    "7": (Reply.CANCELLED, R.RECORDED, ENDED),
    "0": (Reply.VERIFY, R.RECORDED, PENDING),
    **dict.fromkeys(("*", "9", "#"), (Reply.VERIFY_AGAIN, R.RECORDED, PENDING)),
}
IN_A_TAKE: dict[tuple[str, str], Moved] = {
    ("recorded", "file"): (Reply.VERIFY, R.RECORDED, PENDING),
    ("recorded", ""): (Reply.GOODBYE, R.CARRIERX_ERROR, LOST),
    ("not-recorded", ""): (Reply.GOODBYE, R.CARRIERX_ERROR, LOST),
    ("nothing-recorded", ""): (Reply.RECORD_AGAIN, R.PRESSED_STAR, PENDING),
    ("welcome", "*"): (Reply.RECORD, R.PRESSED_STAR, PENDING),  # the same once more
    ("verification", "3"): (Reply.RECORD_AGAIN, R.PRESSED_STAR, PENDING),  # the same once more
}
UP: Moved = (Reply.WELCOME, R.USER_ANSWERED, PENDING)
VERIFY: Moved = (Reply.VERIFY, R.RECORDED, PENDING)
EFFECTS: dict[str, dict[tuple[str, str], Moved]] = {
    "in hand": {("answered", ""): UP},
    "placed": {("answered", ""): UP},
    "answered": {("answered", ""): UP, **{("welcome", digits): moved for digits, moved in WELCOME.items()}},
    "recording": IN_A_TAKE,
    "recording again": IN_A_TAKE,
    "recorded": {
        **{("verification", digits): moved for digits, moved in VERIFICATION.items()},
        ("recorded", "file"): VERIFY,  # the same once more
        ("recorded", ""): VERIFY,
    },
    "confirmed": {("verification", "2"): (Reply.SAVED, R.CONFIRMED, PENDING)},  # the same once more
}


def ringing(shout: dict[str, Any] | None = None, **fields: Any) -> AuthorCall:
    pending = message(**shout or {})
    call(pending)
    return author_call(pending, **{"serial": 1, "attempts": 1, "sid": "sid"} | fields)


def heard(step: Reply, row: AuthorCall) -> bytes:
    row.refresh_from_db()
    return documents.for_author(step, lambda name: address(Party.AUTHOR, row.pk, row.serial, name), row)


def essence() -> dict[str, list[tuple[Any, ...]]]:
    """Every row but for what an errand or the time of a repeated menu leaves."""
    whole = rows()
    del whole["Gate"]
    whole["AuthorCall"] = list(AuthorCall.objects.values_list("state", "take", "url", "file_sid", "length_s", "kept"))
    return whole


# --- The table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_each_callback_is_heard_where_it_belongs_and_nowhere_else(callbacks: Callbacks, state: str) -> None:
    row = ringing(**STATES[state])
    for step, told in CALLBACKS:
        with undone():
            before = essence()
            case = (step, "file" if told is FILE else told.get("Digits", ""))
            unmoved = (Reply.GOODBYE, STATES[state]["state"], PENDING)
            expected, after, status = EFFECTS.get(state, {}).get(case, unmoved)
            assert callbacks.of_author(row, step, **told) == heard(expected, row), case
            assert (row.state, row.message.status) == (after, status), case
            if (after, status) == unmoved[1:]:
                assert essence() == before, case
        row.refresh_from_db()


@pytest.mark.parametrize("state", STATES)
def test_a_repeated_callback_changes_nothing_and_gets_the_same_answer(callbacks: Callbacks, state: str) -> None:
    row = ringing(**STATES[state])
    for step, told in CALLBACKS:
        with undone():
            first = callbacks.of_author(row, step, **told)
            before = essence()
            assert callbacks.of_author(row, step, **told) == first, (step, told)
            assert essence() == before, (step, told)


@pytest.mark.parametrize("status", [ShoutStatus.READY, ShoutStatus.CANCELED, ShoutStatus.TIMED_OUT])
@pytest.mark.parametrize("state", STATES)
def test_a_shout_that_waits_for_no_recording_takes_none(callbacks: Callbacks, state: str, status: ShoutStatus) -> None:
    row = ringing({"status": status}, **STATES[state])
    before = rows()
    for step, told in CALLBACKS:
        callbacks.of_author(row, step, **told)
        row.refresh_from_db()
        assert (row.state, row.message.status) == (STATES[state]["state"], status)
    assert rows()["Call"] == before["Call"]
    assert lines(LogKind.CDR) == lines(LogKind.BDR) == []


# --- A take ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "length_s"),
    [(8, 8), ("8", 8), (7.1, 8), ("7.1", 8), (0.1, 1), (None, 31), ("", 31), ("long", 31), (-3, 31), ([8], 31)],
)
def test_a_takes_length_is_the_carriers_word_or_the_time_it_took(
    callbacks: Callbacks, told: object, length_s: int
) -> None:
    row = ringing(state=R.PRESSED_STAR)
    AuthorCall.objects.update(state_since=timezone.now() - timedelta(seconds=30.01))
    callbacks.of_author(row, "recorded", **FILE | {"RecordingDuration": told})
    row.refresh_from_db()
    assert (row.length_s, row.take, row.url, row.file_sid) == (length_s, 1, "http://c/f.wav", "f")
    assert row.recorded is not None


def test_another_take_goes_over_the_same_file_and_is_heard_anew(callbacks: Callbacks) -> None:
    row = ringing(**STATES["recorded"])
    again = callbacks.of_author(row, "verification", Digits="3")
    assert b'fileSid="f" fileMode="overwrite"' in again
    callbacks.of_author(row, "recorded", **FILE | {"RecordingDuration": 9})
    assert b"<Play>http://c/f.wav?format=2.wav</Play>" in callbacks.of_author(row, "verification", Digits="1")
    row.refresh_from_db()
    assert (row.take, row.length_s, play_url(row.url, row.take)) == (2, 9, "http://c/f.wav?format=2.wav")


@pytest.mark.parametrize("digits", ["", "1", "2", "3", "7", "9"])
def test_a_key_at_the_first_takes_menu_says_nothing_of_the_second(callbacks: Callbacks, digits: str) -> None:
    row = ringing(**STATES["recorded"] | {"take": 2})
    before = essence()
    assert callbacks.of_author(row, "verification?take=1", Digits=digits) == heard(Reply.GOODBYE, row)
    assert (essence(), row.message.status) == (before, PENDING)
    assert callbacks.of_author(row, "verification?take=2", Digits="2") == heard(Reply.SAVED, row)


def test_the_first_take_told_once_more_is_not_the_second(callbacks: Callbacks) -> None:
    row = ringing(**STATES["recording again"])
    before = essence()
    assert callbacks.of_author(row, "recorded?take=1", **FILE | {"RecordingDuration": 4}) == heard(Reply.GOODBYE, row)
    assert essence() == before
    assert callbacks.of_author(row, "recorded?take=2", **FILE) == heard(Reply.VERIFY, row)
    assert (row.take, row.length_s) == (2, 8)
    assert callbacks.of_author(row, "recorded?take=2", **FILE) == heard(Reply.VERIFY, row)
    assert callbacks.of_author(row, "recorded?take=1", **FILE) == heard(Reply.GOODBYE, row)


@pytest.mark.parametrize("take", ["", "x", "-1", "1.5", "9" * 30, "1&take=1"])
def test_a_take_that_cannot_be_read_is_whichever_it_is(callbacks: Callbacks, take: str) -> None:
    row = ringing(**STATES["recorded"])
    assert callbacks.of_author(row, f"verification?take={take}", Digits="2") == heard(Reply.SAVED, row)


def test_a_star_repeated_after_the_take_does_not_lose_it(callbacks: Callbacks) -> None:
    row = ringing(state=R.USER_ANSWERED)
    callbacks.of_author(row, "welcome", Digits="*")
    callbacks.of_author(row, "recorded", **FILE)
    callbacks.of_author(row, "welcome", Digits="*")
    assert callbacks.of_author(row, "verification", Digits="2") == heard(Reply.SAVED, row)
    assert row.state == R.CONFIRMED


def test_a_failure_told_after_the_confirmation_does_not_lose_the_take(callbacks: Callbacks) -> None:
    row = ringing(**STATES["confirmed"])
    callbacks.of_author(row, "not-recorded")
    row.refresh_from_db()
    assert (row.state, row.message.status) == (R.CONFIRMED, PENDING)


def test_a_confirmed_take_waits_until_the_carrier_keeps_the_file(callbacks: Callbacks) -> None:
    row = ringing(**STATES["recorded"])
    callbacks.of_author(row, "verification", Digits="2")  # no carrier is there to keep it
    row.refresh_from_db()
    assert (row.state, row.kept, row.message.status) == (R.CONFIRMED, False, PENDING)
    assert authors.kept(row.pk)
    assert not authors.kept(row.pk)
    assert sweeps.release(timezone.now()) == 1
    assert sweeps.release(timezone.now()) == 0
    row.refresh_from_db()
    assert (row.kept, row.message.status) == (True, ShoutStatus.READY)
    assert [str(call.status) for call in row.message.calls.all()] == [CallStatus.READY]


# --- The end of the call -----------------------------------------------------------------------------------------


ENDINGS = {
    "completed": (ENDED, None),
    "busy": (ENDED, None),
    "noanswer": (ENDED, None),
    "no-answer": (ENDED, None),
    "cancel": (ENDED, None),
    "failed": (LOST, R.CARRIERX_ERROR),
    "app-error": (LOST, R.CARRIERX_ERROR),
}


@pytest.mark.parametrize("state", ["in hand", "placed"])
@pytest.mark.parametrize(("word", "expected"), ENDINGS.items())
def test_an_author_who_was_not_reached_ends_the_shout(
    callbacks: Callbacks, state: str, word: str, expected: tuple[ShoutStatus, RecordingState | None]
) -> None:
    row = ringing(**STATES[state])
    assert callbacks.of_author(row, "status", CallStatus=word, CallDuration=0, Extra={"a": [1]}) == b""
    row.refresh_from_db()
    status, after = expected
    assert (row.message.status, row.state) == (status, after or R.PLACED)
    assert row.ended is not None
    (line,) = lines(LogKind.REC_CDR)
    assert (line["message_id"], line["CallStatus"], line["Extra"]) == (row.pk, word, {"a": [1]})
    (bdr,) = lines(LogKind.BDR)
    assert (bdr["status"], bdr["recording_call_status"]) == (status, row.state)


@pytest.mark.parametrize("state", ["answered", "recording", "recording again", "recorded"])
def test_an_author_who_hangs_up_undecided_cancels_the_shout_a_little_later(callbacks: Callbacks, state: str) -> None:
    row = ringing(**STATES[state])
    callbacks.of_author(row, "status", CallStatus="completed")
    row.refresh_from_db()
    assert (row.state, row.message.status) == (STATES[state]["state"], PENDING)
    assert authors.expire(timezone.now()) == 0
    assert authors.expire(timezone.now() + timedelta(seconds=6)) == 1
    assert Message.objects.get().status == ENDED
    assert len(lines(LogKind.REC_CDR)) == 1


def test_a_confirmation_that_the_end_of_the_call_overtook_still_counts(callbacks: Callbacks) -> None:
    row = ringing(**STATES["recorded"])
    callbacks.of_author(row, "status", CallStatus="completed")
    assert callbacks.of_author(row, "verification", Digits="2") == heard(Reply.SAVED, row)
    assert authors.expire(timezone.now() + timedelta(days=1)) == 0
    assert Message.objects.get().status == PENDING


@pytest.mark.parametrize("state", ["not claimed", "given back"])
def test_an_ending_of_a_call_that_was_never_placed_is_no_news(callbacks: Callbacks, state: str) -> None:
    row = ringing(**STATES[state])
    before = rows()
    callbacks.of_author(row, "status", CallStatus="failed")
    assert rows() == before


@pytest.mark.parametrize("state", STATES)
def test_only_a_final_word_and_only_the_first_is_recorded(callbacks: Callbacks, state: str) -> None:
    row = ringing(**STATES[state])
    before = rows()
    for told in ({"CallStatus": "ringing"}, {"CallStatus": None}, {}):
        callbacks.of_author(row, "status", **told)
    assert rows() == before
    callbacks.of_author(row, "status", CallStatus="completed")
    after = rows()
    for word in ("completed", "failed", "busy"):
        callbacks.of_author(row, "status", CallStatus=word)
    assert rows() == after
    assert len(lines(LogKind.REC_CDR)) == (0 if state in ("not claimed", "given back") else 1)


def test_the_end_of_the_call_is_recorded_whatever_became_of_the_shout(callbacks: Callbacks) -> None:
    row = ringing({"status": ENDED}, state=R.PLACED)
    callbacks.of_author(row, "status", CallStatus="completed")
    assert [line["message_id"] for line in lines(LogKind.REC_CDR)] == [row.pk]
    assert lines(LogKind.BDR) == []


# --- Before the answer to the placement is kept ---------------------------------------------------------------------


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("not claimed", "given back", "in hand")])
def test_a_late_acceptance_is_only_a_sid(state: str) -> None:
    row = ringing(**STATES[state] | {"sid": ""})
    before = essence()["AuthorCall"]
    authors.accepted(AuthorAttempt(row.pk, 1), sid="s-1")
    row.refresh_from_db()
    assert (row.sid, essence()["AuthorCall"]) == ("s-1", before)


def test_a_late_refusal_does_not_end_a_call_that_is_up(callbacks: Callbacks) -> None:
    row = ringing(**STATES["in hand"])
    callbacks.of_author(row, "answered")
    before = rows()
    authors.refused(AuthorAttempt(row.pk, 1), now=timezone.now())
    assert not authors.give_back(AuthorAttempt(row.pk, 1))
    assert authors.lapse(timezone.now() + timedelta(days=1)) == 0
    assert rows() == before


def test_an_author_rung_again_is_heard_at_the_new_address_only(callbacks: Callbacks) -> None:
    row = ringing(**STATES["in hand"])
    assert authors.lapse(timezone.now() + timedelta(seconds=121)) == 1
    (again,) = authors.claim(limit=9, now=timezone.now())
    assert (again.serial, again.attempts) == (2, 1)
    assert callbacks.of_author(row, "answered") == heard(Reply.GOODBYE, row) or row.serial == 2
    row.refresh_from_db()
    assert row.state == R.NO_REC_CALL
    assert callbacks.of_author(row, "answered") == heard(Reply.WELCOME, row)
