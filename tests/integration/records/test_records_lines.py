"""What the lines say: the fields of the contract, in JSON, with no token of any address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from blast_api.carrierx.addresses import address
from blast_api.carrierx.events import StatusReport
from blast_api.db import state_dir
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, LogKind, Message
from blast_api.models.outboxes import ATTEMPTS
from blast_api.records import outbox, writer
from blast_api.records.sources import of_log
from blast_api.services import authors, delivery, history
from tests.kits import factories
from tests.kits.callbacks import delivered
from tests.kits.callbacks import lines as told
from tests.kits.released import hold, released
from tests.kits.world import lines

pytestmark = pytest.mark.django_db

CDR = "message to_number sid duration status created started finished q850 num_retries pk"
BDR = (
    "title user_data recording schedule status created caller started finished recording_call_status "
    "rec_call_status_updated_at pk"
)
NOW = timezone.now()


def _one(kind: LogKind) -> dict[str, Any]:
    writer.write_due()
    (line,) = lines(str(writer.path_of(kind)))
    return line


def test_a_call_record_has_the_fields_of_the_contract() -> None:
    message = factories.message(status=ShoutStatus.ONGOING)
    call = factories.call(
        message, status=CallStatus.COMPLETED, sid="s", duration=61, q850=0, attempts=3, started=NOW, finished=NOW
    )
    history.end_all(message, [call], now=NOW)
    line = _one(LogKind.CDR)
    assert set(CDR.split()) <= set(line)
    wanted = {"pk": call.pk, "message": message.pk, "to_number": call.number, "sid": "s", "duration": 61, "q850": 0}
    assert wanted.items() <= line.items()
    assert (line["status"], line["num_retries"]) == ("completed", 2)
    assert line["finished"] == NOW.strftime("%Y-%m-%dT%H:%M:%S.") + f"{NOW.microsecond // 1000:03d}Z"


def test_a_call_record_tells_who_called_when_it_was_answered_what_was_pressed_and_what_the_carrier_said() -> None:
    call = delivered(attempts=2, serial=2, answered=NOW, answerer="HUMAN", keys="09")
    secret = address(Party.RECIPIENT, call.pk, 2, "status")
    report = StatusReport(CallStatus.FAILED, f"422 {secret} \0\ud800" + "x" * 9999, "sid", 3, {})
    delivery.settled(delivery.CallAttempt(call.pk, 2), report, now=NOW)
    line = _one(LogKind.CDR)
    assert (line["did"], line["attempt"], line["num_retries"]) == (settings.DID, 2, 1)
    assert line["answered"] == line["finished"]
    assert (line["keys"], line["reason"]) == ("09", "")
    assert line["carrier_said"].startswith("422 http")
    assert secret.split("/")[-2] not in line["carrier_said"]
    assert len(line["carrier_said"]) <= 300


def test_a_shout_with_a_number_of_its_own_tells_that_it_called() -> None:
    call = delivered(shout={"did": "15555550199"})
    delivery.settled(delivery.CallAttempt(call.pk, 1), StatusReport(CallStatus.BUSY, "busy", "sid", 0, {}), now=NOW)
    assert _one(LogKind.CDR)["did"] == "15555550199"


def test_a_recipient_who_was_never_called_has_a_reason_and_nobody_who_called(settings: Any) -> None:
    message = factories.message(status=ShoutStatus.ONGOING)
    uncalled = factories.call(message, status=CallStatus.FAILED, q850=1)
    history.end_at_once(message, {uncalled.number: "is no number"}.get, now=NOW)
    line = _one(LogKind.CDR)
    assert (line["did"], line["attempt"], line["answered"], line["carrier_said"]) == (None, 0, None, "")
    assert (line["reason"], line["q850"], line["keys"]) == ("is no number", 1, "")


def test_a_line_is_the_same_whatever_changes_after_the_end(settings: Any) -> None:
    """It is made when it is written, and made again when a log was lost."""
    call = delivered(answerer="HUMAN")
    delivery.settled(
        delivery.CallAttempt(call.pk, 1), StatusReport(CallStatus.COMPLETED, "completed", "sid", 9, {}), now=NOW
    )
    first = told(LogKind.CDR)
    delivery.pressed(delivery.CallAttempt(call.pk, 1), "5", now=timezone.now())
    settings.DID = "15555550198"
    assert Call.objects.get().status == CallStatus.OPTED_OUT
    assert told(LogKind.CDR) == first


# --- Corrected -------------------------------------------------------------------------------------------------------


def _timed_out() -> Call:
    message = released(1, status=ShoutStatus.TIMED_OUT, finished=NOW)
    call = hold(message.calls.get(), since=NOW, status=CallStatus.TIMED_OUT, finished=NOW, sid="sid", held_since=None)
    history.end_all(message, [call], now=NOW)
    return call


def _told_late(call: Call) -> None:
    report = StatusReport(CallStatus.BUSY, "busy", "sid", 0, {})
    delivery.settled(delivery.CallAttempt(call.pk, 1), report, now=timezone.now())


def test_a_line_that_is_corrected_after_it_was_written_is_written_once_more() -> None:
    call = _timed_out()
    writer.write_due()
    _told_late(call)
    writer.write_due()
    first, second = lines(settings.CDR_LOGGER_PATH)
    assert [(line["status"], line["late"]) for line in (first, second)] == [("timed-out", False), ("busy", True)]
    assert first["record"] != second["record"]
    assert (first["pk"], first["attempt"]) == (second["pk"], second["attempt"])


def test_a_line_that_is_corrected_before_it_was_written_is_written_as_it_is_now() -> None:
    _told_late(_timed_out())
    line = _one(LogKind.CDR)
    assert (line["status"], line["late"]) == ("busy", True)
    assert Attempt.objects.count() == 1


def test_a_line_that_is_corrected_while_a_writer_has_the_first_in_hand_is_written_as_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = _timed_out()
    append = writer.append

    def correct_meanwhile(*arguments: Any) -> bool:
        stands = append(*arguments)
        if not call.finished or Call.objects.get().status == CallStatus.TIMED_OUT:
            _told_late(call)
        return stands

    monkeypatch.setattr(writer, "append", correct_meanwhile)
    writer.write_due()
    writer.write_due()
    assert [(line["status"], line["late"]) for line in lines(settings.CDR_LOGGER_PATH)] == [
        ("timed-out", False),
        ("busy", True),
    ]
    assert not Attempt.objects.filter(written=None).exists()


@pytest.mark.parametrize("got_there", [True, False])
def test_a_line_that_is_corrected_after_its_writer_died_over_the_first(*, got_there: bool) -> None:
    call = _timed_out()
    (source,) = (each for each in of_log(LogKind.CDR) if each.rows is ATTEMPTS)
    taken = writer._take(source, state_dir.host())
    assert taken
    if got_there:
        writer.append(writer.path_of(LogKind.CDR), f"{taken.lines[0].text}\n".encode())
    _told_late(call)
    writer.write_due()
    told = [line["status"] for line in lines(settings.CDR_LOGGER_PATH)]
    assert told == (["timed-out", "busy"] if got_there else ["busy"])


# --- Shouts and recording calls --------------------------------------------------------------------------------------


def test_a_shout_record_has_the_fields_of_the_contract() -> None:
    message = factories.message(
        status=ShoutStatus.CANCELED, title='"Quotes"\nand lines \u2028 \x7f', finished=timezone.now()
    )
    recording = factories.author_call(message, recorded=True)
    Message.objects.update(**outbox.due())
    line = _one(LogKind.BDR)
    assert set(BDR.split()) <= set(line)
    assert (line["title"], line["user_data"], line["caller"]) == (message.title, message.userdata, message.caller)
    assert (line["recording"], line["recording_call_status"]) == (recording.url, "CONFIRMED")
    assert (line["schedule"], line["status"]) == (None, "canceled")


def _ended(body: dict[str, object]) -> dict[str, Any]:
    """The record of a recording call of which the carrier says this at its end."""
    recording = factories.author_call(factories.message(), state="USER_ANSWERED", serial=1)
    report = StatusReport(CallStatus.COMPLETED, "completed", "sid", 31, body)
    authors.ended(authors.AuthorAttempt(recording.pk, 1), report, now=NOW)
    return _one(LogKind.REC_CDR) | {"shout": recording.pk}


def test_a_recording_call_record_is_the_carriers_own_body_without_our_tokens() -> None:
    secret = address(Party.AUTHOR, 7, 1, "status")
    token = secret.split("/")[-2]
    body: dict[str, object] = {
        "CallStatus": "completed",
        "CallDuration": "31",
        "RequestUrl": secret,
        "Nested": {"url": [secret]},
        "N": None,
    }
    line = _ended(body)
    assert (line["CallStatus"], line["CallDuration"], line["N"]) == ("completed", "31", None)
    assert line["message_id"] == line["shout"]
    assert line["finished"]
    assert token not in json.dumps(line)


def test_a_body_of_megabytes_makes_a_line_of_kilobytes() -> None:
    token = address(Party.AUTHOR, 7, 1, "status").split("/")[-2]
    long = {"Long": "x" * 3_000_000, **{f"Many{index}": index for index in range(100_000)}}
    line = _ended(
        long | {"CallStatus": "completed", "CallDuration": 31, "RequestUrl": address(Party.AUTHOR, 7, 1, "status")}
    )
    assert (line["CallStatus"], line["CallDuration"], line["message_id"]) == ("completed", 31, line["shout"])
    assert line["cut"]["length"] > 3_000_000
    assert "Long" not in line
    assert line["Many0"] == 0
    assert token not in json.dumps(line)
    assert len(json.dumps(line)) < 20_000


def test_a_long_body_whose_last_field_is_too_long_keeps_all_others() -> None:
    body: dict[str, object] = {
        "CallStatus": "completed",
        "From": "15555550100",
        "SipHeader_X": "\u00e9" * 9_000,
        "CallSid": None,
    }
    line = _ended(body)
    assert {name: line[name] for name in body if name != "SipHeader_X"} == {
        name: value for name, value in body.items() if name != "SipHeader_X"
    }
    assert line["cut"]["begins"].startswith('{"SipHeader_X":')


def test_each_line_has_its_version_and_its_own_name() -> None:
    message = factories.message()
    for _ in range(2):
        history.end_all(message, [factories.call(message, status=CallStatus.BUSY)], now=NOW)
    writer.write_due()
    written = lines(settings.CDR_LOGGER_PATH)
    assert {line["v"] for line in written} == {1}
    assert len({line["record"] for line in written}) == 2
