"""Every cell of the table in docs/reference/callbacks.md: each state of a call, each callback, from its own address and a former one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.callcontrol import documents
from blast_api.carrierx.addresses import address
from blast_api.carrierx.events import Answerer
from blast_api.domain.callbacks import Party
from blast_api.domain.menus import Wish
from blast_api.domain.states import Q850, CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, LogKind
from blast_api.services import claiming, delivery
from tests.kits import factories
from tests.kits.callbacks import Callbacks, ask, delivered, lines, path, rows, script, undone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_retries")]

C = CallStatus
NOW = timezone.now()
MESSAGE = "http://127.0.0.1:9/f/0a0a.wav"
FORMER = "**any of these, by a former address**"
LONG_OVER = "**long over**"
_KEYS = [field.attname for field in Call._meta.concrete_fields].index("keys")

# --- The rows --------------------------------------------------------------------------------------------------------

IN_HAND: dict[str, Any] = {"status": C.READY, "held_since": NOW, "due_at": NOW, "sid": ""}
WAITS: dict[str, Any] = {"status": C.PENDING, "sid": "sid", "due_at": NOW + timedelta(hours=1)}
RINGS: dict[str, Any] = {"status": C.ONGOING, "started": NOW}
PICKED_UP = RINGS | {"answered": NOW}
LISTENS = PICKED_UP | {"answerer": "HUMAN"}
WITHDRAWN: dict[str, Any] = {"withdrawn": True, "shout": {"status": ShoutStatus.CANCELED, "finished": NOW}}
RECALLED: dict[str, Any] = {"withdrawn": True, "recalled": True, "shout": {"paused_at": NOW}}
TIMED_OUT: dict[str, Any] = {"status": C.TIMED_OUT, "finished": NOW}
LATE: dict[str, Any] = {"status": ShoutStatus.TIMED_OUT, "finished": NOW}

STATES: dict[str, dict[str, Any]] = {
    "waits for the recording": {"status": C.PENDING, "sid": "", "attempts": 0},
    "ready": {"status": C.READY, "sid": "", "due_at": NOW},
    "in hand": IN_HAND,
    "waits at the carrier": WAITS,
    "rings": RINGS,
    "rings, heard an apology": RINGS | {"apologised": True},
    "is listened to": LISTENS,
    "was put through": LISTENS | {"transferred": NOW, "transfer_outcome": "up"},
    "in hand, listed since": IN_HAND,
    "waits at the carrier, listed since": WAITS,
    "rings, listed since": RINGS,
    "is listened to, listed since": LISTENS,
    "in hand, withdrawn": IN_HAND | WITHDRAWN,
    "waits at the carrier, withdrawn": WAITS | WITHDRAWN,
    "rings, withdrawn": RINGS | WITHDRAWN,
    "was picked up, withdrawn": PICKED_UP | WITHDRAWN,
    "is listened to, withdrawn": LISTENS | WITHDRAWN,
    "in hand, recalled": IN_HAND | RECALLED,
    "waits at the carrier, recalled": WAITS | RECALLED,
    "rings, recalled": RINGS | RECALLED,
    "opted out, still up": LISTENS | {"opted_out": True},
    "timed out, within the late window": {**TIMED_OUT, "shout": LATE},
    "timed out, after it": {**TIMED_OUT, "shout": LATE | {"closed": NOW}},
    **{
        row: {"status": ending, "finished": NOW, "q850": Q850.get(ending)}
        for row, ending in {
            "completed": C.COMPLETED,
            "busy": C.BUSY,
            "no answer": C.NO_ANSWER,
            "failed": C.FAILED,
            "app error": C.APP_ERROR,
            "cancelled": C.CANCELLED,
            "do not call": C.DO_NOT_CALL,
            "added to do not call": C.OPTED_OUT,
        }.items()
    },
}
# What a withdrawn call ends as if its shout goes on: the number was listed since.
SHOUT_GOES_ON: dict[str, Any] = {"shout": {"status": ShoutStatus.ONGOING}}

# --- The columns -----------------------------------------------------------------------------------------------------

WORDS: dict[object, CallStatus] = {
    "completed": C.COMPLETED,
    "COMPLETED": C.COMPLETED,
    "busy": C.BUSY,
    "noanswer": C.NO_ANSWER,
    "no-answer": C.NO_ANSWER,
    "No_Answer": C.NO_ANSWER,
    "failed": C.FAILED,
    "cancel": C.CANCELLED,
    "canceled": C.CANCELLED,
    "cancelled": C.CANCELLED,
    "app-error": C.APP_ERROR,
    "apperror": C.APP_ERROR,
}
Told = dict[str, Any]
COLUMNS: dict[str, tuple[str, list[Told]]] = {
    "first document": ("answered", [{}, {"CallStatus": "completed", "Digits": "0"}]),
    "AMD": (
        "detected",
        [{}, {"AMDStatus": "human"}, {"AMDStatus": "ALIEN"}, *({"AMDStatus": who.value} for who in Answerer)],
    ),
    "key 0": ("key", [{"Digits": "0"}]),
    "key 5": ("key", [{"Digits": "5"}]),
    "another key, or none": ("key", [{"Digits": digits} for digits in ("9", "#", "*", "", None)] + [{}]),
    "they spoke": ("bridged", [{"DialCallStatus": word, "DialCallDuration": 12} for word in ("completed", "answered")]),
    "nobody took it": ("bridged", [{"DialCallStatus": word} for word in ("busy", "no-answer", "NoAnswer", "failed")]),
    "a final word": ("status", [{"CallStatus": word, "CallDuration": 7} for word in WORDS]),
    "any other word": ("status", [{"CallStatus": word} for word in ("ringing", "in-progress", "", None, 7)] + [{}]),
}


def _table() -> dict[str, dict[str, str]]:
    """The table as the paper has it: cells by row and column."""
    text = (Path(__file__).parents[3] / "docs/reference/callbacks.md").read_text(encoding="utf-8")
    cut = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    head = cut[0]
    table = {cells[0]: dict(zip(head[1:], cells[1:], strict=True)) for cells in cut if len(cells) == len(head)}
    return {row: cells for row, cells in table.items() if row != head[0] and set(row) != {"-"}}


TABLE = _table()
CELLS = [(row, column) for row in STATES for column in COLUMNS]


def call_that(row: str, *, serial: int = 1, **fields: Any) -> Call:
    """A call in the state of a row of the table."""
    call = delivered(**STATES[row] | {"serial": serial} | fields)
    if "listed since" in row or row == "opted out, still up":
        factories.listed(call.number)
    return call


# --- What the words in the cells mean --------------------------------------------------------------------------------


def _who(told: Told) -> Answerer:
    word = str(told.get("AMDStatus", "")).upper()
    return Answerer(word) if word in {who.value for who in Answerer} else Answerer.NOT_SURE


def _document(heard: str, column: str, told: Told, call: Call) -> bytes:
    """What the first word of a cell stands for."""

    def us(step: str) -> str:
        return address(Party.RECIPIENT, call.pk, call.serial, step)

    match heard:
        case "detection":
            return documents.detect(us)
        case "message":
            if column == "AMD":
                return documents.deliver(_who(told), script(MESSAGE), us)
            return documents.after_key(Wish.REPLAY, script(MESSAGE), us)
        case "goodbye":
            return documents.after_key(Wish.OPT_OUT, None, us)
        case "try again":
            return documents.after_transfer(script(MESSAGE), us)
        case "hang up":
            return documents.hang_up()
    return b""


def _rings(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.held_since, after.attempts) == (C.ONGOING, None, before.attempts)
    assert (after.answered, after.answerer, after.withdrawn) == (None, "", False)
    assert after.started is not None


def _answered(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.held_since, after.attempts) == (C.ONGOING, None, before.attempts)
    assert (after.answerer, after.withdrawn) == (_who(told).value, False)
    assert after.started is not None
    assert after.answered is not None


def _unheard(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.held_since, after.withdrawn) == (C.ONGOING, None, True)
    assert after.answerer == before.answerer
    assert after.answered is not None


def _listed(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.finished, after.opted_out) == (before.status, before.finished, True)
    assert rows()["DoNotCallNumber"] == [("user", after.number)]
    assert lines(LogKind.CDR) == []


def _overtaken(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.finished, after.q850, after.opted_out) == (C.OPTED_OUT, before.finished, 0, True)
    assert rows()["DoNotCallNumber"] == [("user", after.number)]
    assert lines(LogKind.CDR) == []


def _ended_as(ending: CallStatus, after: Call, *, late: bool = False) -> None:
    assert (after.status, after.q850, after.duration, after.held_since) == (ending, Q850.get(ending), 7, None)
    assert after.finished is not None
    (line,) = lines(LogKind.CDR)
    assert (line["pk"], line["status"], line["duration"], line["late"]) == (after.pk, ending, 7, late)


def _of_shout(after: Call) -> list[tuple[str, bool]]:
    assert after.message.status == ShoutStatus.FINISHED
    return [(line["status"], line["late"]) for line in lines(LogKind.BDR)]


def _in_truth(before: Call, told: Told) -> CallStatus:
    """What the carrier's word comes to: completed is only what was heard."""
    word = WORDS[told["CallStatus"]]
    unheard = C.APP_ERROR if before.apologised else C.NO_ANSWER
    return unheard if word is C.COMPLETED and not before.answerer else word


def _ends(before: Call, after: Call, told: Told) -> None:
    _ended_as(_in_truth(before, told), after)
    if before.message.status == ShoutStatus.ONGOING:
        assert _of_shout(after) == [("finished", False)]


def _ends_unheard(before: Call, after: Call, told: Told) -> None:
    _ended_as(C.CANCELLED if before.message.status == ShoutStatus.CANCELED else C.DO_NOT_CALL, after)


def _ends_recalled(before: Call, after: Call, told: Told) -> None:
    if WORDS[told["CallStatus"]] is not C.CANCELLED:
        _ends(before, after, told)
        return
    assert (after.status, after.sid, after.held_since, after.finished) == (C.READY, "", None, None)
    assert (after.attempts, after.serial) == (before.attempts - 1, before.serial + 1)
    assert (after.withdrawn, after.recalled) == (False, False)
    assert lines(LogKind.CDR) == []


def _ends_late(before: Call, after: Call, told: Told) -> None:
    _ended_as(_in_truth(before, told), after, late=True)
    assert after.message.closed is not None
    assert _of_shout(after) == [("finished", True)]


def _opted_out(before: Call, after: Call, told: Told) -> None:
    _ended_as(C.OPTED_OUT, after)
    assert _of_shout(after) == [("finished", False)]


def _spoke(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.transferred, after.transfer_outcome) == (C.ONGOING, before.transferred, "completed")
    assert after.transfer_s == told["DialCallDuration"]


def _parted(before: Call, after: Call, told: Told) -> None:
    assert (after.status, after.transfer_s) == (C.ONGOING, None)
    assert after.transfer_outcome == told["DialCallStatus"].lower().replace("noanswer", "no-answer")


CHANGES: dict[str, Callable[[Call, Call, Told], None]] = {
    "rings": _rings,
    "answered": _answered,
    "unheard": _unheard,
    "listed": _listed,
    "overtaken": _overtaken,
    "ends": _ends,
    "ends unheard": _ends_unheard,
    "ends; or is back": _ends_recalled,
    "ends late": _ends_late,
    "opted out": _opted_out,
    "spoke": _spoke,
    "parted": _parted,
}


def _apart_from_keys(all_rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, without the keys that were pressed."""
    return all_rows | {"Call": [row[:_KEYS] + row[_KEYS + 1 :] for row in all_rows["Call"]]}


def _keys_pressed(call: Call, told: Told, *, serial: int) -> str:
    """The keys that are known of a call then: those of its own attempt, as long as it is up; a 5 always."""
    digits = told.get("Digits") or ""
    is_own = serial == call.serial and (digits == "5" or Call.objects.with_carrier().filter(pk=call.pk).exists())
    return digits if is_own else ""


def _holds(cell: str, column: str, call: Call, callbacks: Callbacks, *, serial: int) -> None:
    """Try one cell: each callback of its column by itself, and once more."""
    step, bodies = COLUMNS[column]
    change = cell.split(", ")[-1]
    heard = "" if step == "status" else cell.split(", ")[0]
    unchanged = _apart_from_keys(rows())
    for told in bodies:
        keys = _keys_pressed(call, told, serial=serial) if step == "key" else call.keys
        with undone():
            answer = callbacks.of_call(call, step, serial=serial, **told)
            assert answer == _document(heard, column, told, call), told
            if change in CHANGES:
                CHANGES[change](call, Call.objects.select_related("message").get(pk=call.pk), told)
            else:
                assert cell in (heard, "nothing")
            changed = rows()
            assert change in CHANGES or _apart_from_keys(changed) == unchanged, told
            assert Call.objects.get(pk=call.pk).keys == keys
            assert callbacks.of_call(call, step, serial=serial, **told) == answer
            assert rows() == changed, told


# --- The table -------------------------------------------------------------------------------------------------------


def test_the_table_has_these_rows_and_columns() -> None:
    assert list(TABLE) == [*STATES, FORMER, LONG_OVER]
    assert all(list(cells) == list(COLUMNS) for cells in TABLE.values())


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_callback_by_the_calls_own_address(callbacks: Callbacks, row: str, column: str) -> None:
    call = call_that(row)
    _holds(TABLE[row][column], column, call, callbacks, serial=1)


@pytest.mark.parametrize(("row", "column"), [(row, column) for row, column in CELLS if "withdrawn" in row])
def test_a_call_withdrawn_from_a_shout_that_goes_on(callbacks: Callbacks, row: str, column: str) -> None:
    call = call_that(row, **SHOUT_GOES_ON)
    _holds(TABLE[row][column], column, call, callbacks, serial=1)


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_callback_by_a_former_address(callbacks: Callbacks, row: str, column: str) -> None:
    call = call_that(row, serial=3)
    cell = TABLE[FORMER][column]
    for serial in (1, 2):
        _holds(TABLE[row][column] if cell == "as above" else cell, column, call, callbacks, serial=serial)


def _refused(call: Call, column: str, client: Client, *, serial: int) -> None:
    step, bodies = COLUMNS[column]
    unchanged = rows()
    for told in bodies:
        answer = ask(client, path(Party.RECIPIENT, call.pk, serial, step), **told)
        assert (answer.status_code, answer.content) == (403, b"")
    assert rows() == unchanged


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", [row for row in STATES if "finished" in STATES[row] and "within" not in row])
def test_a_callback_about_a_call_that_is_long_over(client: Client, settings: Settings, row: str, column: str) -> None:
    settings.MESSAGE_TIMEOUT_CHECK_WINDOW = 3
    assert TABLE[LONG_OVER][column] == "refused"
    call = call_that(row, finished=NOW - timedelta(hours=3, minutes=1), serial=2)
    _refused(call, column, client, serial=2)
    _refused(call, column, client, serial=1)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_callback_about_an_attempt_whose_successor_is_up_for_long(client: Client, column: str) -> None:
    call = call_that("rings", started=NOW - timedelta(hours=13), serial=2)
    _refused(call, column, client, serial=1)


# --- What makes an address a former one ------------------------------------------------------------------------------


def _tried_again(call: Call, callbacks: Callbacks, settings: Settings) -> None:
    settings.MAX_RETRIES = 9
    callbacks.of_call(call, "status", serial=1, CallStatus="failed")


def _lapsed(call: Call, callbacks: Callbacks, settings: Settings) -> None:
    assert delivery.lapse(NOW + timedelta(days=1)) == 1


def _given_back(call: Call, callbacks: Callbacks, settings: Settings) -> None:
    assert delivery.give_back([delivery.CallAttempt(call.pk, 1)]) == 1


@pytest.mark.parametrize("ends", [_tried_again, _lapsed, _given_back])
@pytest.mark.parametrize("then", ["waits for its turn", "in hand again", "timed out"])
@pytest.mark.parametrize("column", COLUMNS)
def test_an_attempt_that_is_over_leaves_a_former_address(
    callbacks: Callbacks, settings: Settings, ends: Callable[[Call, Callbacks, Settings], None], then: str, column: str
) -> None:
    call = call_that("in hand")
    ends(call, callbacks, settings)
    if then == "in hand again":
        with transaction.atomic():
            assert claiming.claim(call.message, limit=9, until=NOW + timedelta(days=2), now=NOW)
    if then == "timed out":
        Call.objects.update(status=C.TIMED_OUT, finished=NOW)
        call.message.status = ShoutStatus.TIMED_OUT
        call.message.save(update_fields=["status"])
    Attempt.objects.all().delete()
    call.refresh_from_db()
    cell = TABLE[FORMER][column]
    if cell == "as above":
        cell = "goodbye, overtaken" if then == "timed out" else "goodbye, listed"
    _holds(cell, column, call, callbacks, serial=1)
