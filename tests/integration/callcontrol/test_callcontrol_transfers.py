"""A recipient presses the shout's key, is put through, and what became of it is told: by one word, in the call and its record."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, LogKind
from blast_api.services import scripts
from blast_api.services.attempts import CallAttempt
from blast_api.services.transfers import wished
from tests.kits import factories
from tests.kits.callbacks import Callbacks, delivered, lines
from tests.kits.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_retries")]

NURSE = "15555551000"


def _listens(**transfer: Any) -> Call:
    """A call of a shout with a transfer; its person listens."""
    told = {"key": "1", "to": NURSE, "concurrent": None} | transfer
    shout = {"transfer": told, "did": "15555550177"}
    return delivered(shout=shout, answerer="HUMAN", answered=timezone.now(), started=timezone.now())


def _another(of: Call, **fields: Any) -> Call:
    told = {"status": CallStatus.ONGOING, "serial": 1, "attempts": 1, "sid": "s", "answerer": "HUMAN"}
    return factories.call(of.message, **told | fields)


def test_the_key_dials_with_the_number_that_called(callbacks: Callbacks) -> None:
    call = _listens()
    document = callbacks.of_call(call, "key", Digits="1")
    assert document.count(b"<Dial ") == 1
    assert f">{NURSE}</Dial>".encode() in document
    assert b'callerId="15555550177"' in document
    assert b"/bridged" in document
    call.refresh_from_db()
    assert (call.transfer_outcome, call.keys) == ("up", "1")
    assert call.transferred is not None
    assert callbacks.of_call(call, "key", Digits="1") == document  # told twice is one transfer
    assert Call.objects.get(pk=call.pk).transferred == call.transferred


@pytest.mark.parametrize("digits", ["2", "0", "5", ""])
def test_other_keys_keep_their_meaning(callbacks: Callbacks, digits: str) -> None:
    call = _listens()
    assert b"<Dial" not in callbacks.of_call(call, "key", Digits=digits)
    assert Call.objects.get(pk=call.pk).transferred is None


@pytest.mark.parametrize("changes", [{"status": "completed", "finished": timezone.now()}, {"withdrawn": True}])
def test_nobody_is_put_through_whose_call_is_over_or_taken_back(callbacks: Callbacks, changes: dict[str, Any]) -> None:
    call = _listens()
    Call.objects.update(**changes)
    assert b"<Dial" not in callbacks.of_call(call, "key", Digits="1")
    assert Call.objects.get(pk=call.pk).transferred is None


def test_who_is_too_many_hears_so_and_may_press_again(callbacks: Callbacks, settings: Settings) -> None:
    call = _listens(concurrent=1)
    other = _another(call)
    assert b"<Dial" in callbacks.of_call(call, "key", Digits="1")
    told = callbacks.of_call(other, "key", Digits="1")
    assert b"<Dial" not in told
    assert b"transfer_busy" in told
    assert b"/key" in told
    callbacks.of_call(call, "bridged", DialCallStatus="completed", DialCallDuration=31)
    assert b"<Dial" in callbacks.of_call(other, "key", Digits="1")


def test_a_call_that_has_ended_leaves_its_place(callbacks: Callbacks) -> None:
    call = _listens(concurrent=1)
    other = _another(call)
    callbacks.of_call(call, "key", Digits="1")
    callbacks.of_call(call, "status", CallStatus="completed", CallDuration=50)
    assert b"<Dial" in callbacks.of_call(other, "key", Digits="1")


def test_nobody_there_may_be_tried_again(callbacks: Callbacks) -> None:
    call = _listens()
    callbacks.of_call(call, "key", Digits="1")
    again = callbacks.of_call(call, "bridged", DialCallStatus="busy", DialCallDuration=0)
    assert b"transfer_failed" in again
    assert Call.objects.get(pk=call.pk).transfer_outcome == "busy"
    assert b"<Dial" in callbacks.of_call(call, "key", Digits="1")
    assert Call.objects.get(pk=call.pk).transfer_outcome == "up"


def test_the_record_tells_of_it(callbacks: Callbacks) -> None:
    call = _listens()
    callbacks.of_call(call, "key", Digits="1")
    callbacks.of_call(call, "bridged", DialCallStatus="completed", DialCallDuration=31)
    callbacks.of_call(call, "status", CallStatus="completed", CallDuration=50)
    (line,) = lines(LogKind.CDR)
    assert (line["status"], line["duration"], line["late"]) == ("completed", 50, False)
    assert (line["transfer_outcome"], line["transfer_seconds"]) == ("completed", 31)
    assert line["transferred"] is not None


def test_word_that_comes_after_the_end_corrects_the_record_once(callbacks: Callbacks) -> None:
    call = _listens()
    callbacks.of_call(call, "key", Digits="1")
    callbacks.of_call(call, "status", CallStatus="completed", CallDuration=50)
    (line,) = lines(LogKind.CDR)
    assert (line["transfer_outcome"], line["transfer_seconds"]) == ("unknown", 0)
    for _ in range(2):
        callbacks.of_call(call, "bridged", DialCallStatus="completed", DialCallDuration=31)
        (corrected,) = lines(LogKind.CDR)
        assert (corrected["transfer_outcome"], corrected["transfer_seconds"]) == ("completed", 31)
    assert (corrected["late"], corrected["record"] != line["record"]) == (True, True)
    again = lines(LogKind.CDR)[0]["record"]
    callbacks.of_call(call, "bridged", DialCallStatus="busy")
    assert lines(LogKind.CDR)[0]["record"] == again


def test_what_the_carrier_does_not_tell_is_unknown(callbacks: Callbacks) -> None:
    call = _listens()
    callbacks.of_call(call, "key", Digits="1")
    assert b"<Hangup" in callbacks.of_call(call, "bridged")
    call.refresh_from_db()
    assert (call.transfer_outcome, call.transfer_s) == ("unknown", None)


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_no_more_are_put_through_than_may_be() -> None:
    first = _listens(concurrent=2)
    calls = [first, *(_another(first) for _ in range(5))]
    script, granted = scripts.of_call(first.pk), []

    def press() -> None:
        call = calls.pop()
        granted.append(wished(CallAttempt(call.pk, call.serial), script, "1", now=timezone.now()))

    at_once(press, times=6)
    assert sorted(wish.name for wish in granted) == ["TRANSFER"] * 2 + ["TRANSFER_LATER"] * 4
    assert Call.objects.put_through().count() == 2


def test_a_shout_without_a_transfer_has_no_such_key(client: Client, callbacks: Callbacks) -> None:
    call = delivered(answerer="HUMAN", answered=timezone.now(), started=timezone.now())
    assert call.message.status == ShoutStatus.ONGOING
    assert b"<Dial" not in callbacks.of_call(call, "key", Digits="1")
