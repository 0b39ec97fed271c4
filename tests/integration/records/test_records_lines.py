"""What the lines say: the fields of the contract, in JSON, with no token of any address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from blast_api.carrierx.addresses import address
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Record
from blast_api.records import content, writer
from tests.kits import factories
from tests.kits.world import lines

pytestmark = pytest.mark.django_db

CDR = "message to_number sid duration status created started finished q850 num_retries pk"
BDR = (
    "title user_data recording schedule status created caller started finished recording_call_status "
    "rec_call_status_updated_at pk"
)


def _one(kind: Record.Kind) -> dict[str, Any]:
    writer.write_due()
    (line,) = lines(str(writer.path_of(kind)))
    return line


def test_a_call_record_has_the_fields_of_the_contract() -> None:
    message = factories.message(status=ShoutStatus.ONGOING)
    now = timezone.now()
    call = factories.call(
        message, status=CallStatus.COMPLETED, sid="s", duration=61, q850=0, attempts=3, started=now, finished=now
    )
    content.add_cdrs([call], message)
    line = _one(Record.Kind.CDR)
    assert set(CDR.split()) <= set(line)
    wanted = {"pk": call.pk, "message": message.pk, "to_number": call.number, "sid": "s", "duration": 61, "q850": 0}
    assert wanted.items() <= line.items()
    assert (line["status"], line["num_retries"]) == ("completed", 2)
    assert line["finished"] == now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


def test_a_call_record_tells_who_called_when_it_was_answered_and_what_the_carrier_said() -> None:
    message = factories.message(status=ShoutStatus.ONGOING)
    now = timezone.now()
    call = factories.call(message, status=CallStatus.FAILED, attempts=2, answered=now, finished=now)
    secret = address(Party.RECIPIENT, call.pk, 2, "status")
    line = json.loads(content.cdr(call, message, said=f"422 {secret} " + "x" * 9999))
    assert (line["did"], line["attempt"], line["num_retries"]) == (settings.DID, 2, 1)
    assert line["answered"] == line["finished"]
    assert line["carrier_said"].startswith("422 http")
    assert secret.split("/")[-2] not in line["carrier_said"]
    assert len(line["carrier_said"]) < 400
    uncalled = factories.call(message, status=CallStatus.FAILED, q850=1)
    line = json.loads(content.cdr(uncalled, message))
    assert (line["did"], line["attempt"], line["answered"], line["carrier_said"]) == (None, 0, None, "")


def test_a_shout_record_has_the_fields_of_the_contract() -> None:
    message = factories.message(
        status=ShoutStatus.CANCELED, title='"Quotes"\nand lines \u2028 \x7f', finished=timezone.now()
    )
    recording = factories.recording(message, recorded=True)
    content.add_bdr(message, recording)
    line = _one(Record.Kind.BDR)
    assert set(BDR.split()) <= set(line)
    assert (line["title"], line["user_data"], line["caller"]) == (message.title, message.userdata, message.caller)
    assert (line["recording"], line["recording_call_status"]) == (recording.url, "CONFIRMED")
    assert (line["schedule"], line["status"]) == (None, "canceled")


def test_a_recording_call_record_is_the_carriers_own_body_without_our_tokens() -> None:
    secret = address(Party.AUTHOR, 7, 1, "status")
    token = secret.split("/")[-2]
    body = {
        "CallStatus": "completed",
        "CallDuration": "31",
        "RequestUrl": secret,
        "Nested": {"url": [secret]},
        "N": None,
    }
    content.add_rec_cdr(7, timezone.now(), body)
    line = _one(Record.Kind.REC_CDR)
    assert (line["CallStatus"], line["CallDuration"], line["N"], line["message_id"]) == ("completed", "31", None, 7)
    assert line["finished"]
    assert token not in json.dumps(line)


def test_a_body_of_megabytes_makes_a_line_of_kilobytes() -> None:
    token = address(Party.AUTHOR, 7, 1, "status").split("/")[-2]
    long = {"Long": "x" * 3_000_000, **{f"Many{index}": index for index in range(100_000)}}
    told = {"CallStatus": "completed", "CallDuration": 31, "RequestUrl": address(Party.AUTHOR, 7, 1, "status")}
    content.add_rec_cdr(7, timezone.now(), long | told)
    line = _one(Record.Kind.REC_CDR)
    assert (line["CallStatus"], line["CallDuration"], line["message_id"]) == ("completed", 31, 7)
    assert line["cut"]["length"] > 3_000_000
    assert "Long" not in line
    assert line["Many0"] == 0
    assert token not in json.dumps(line)
    assert len(json.dumps(line)) < 20_000


def test_a_long_body_whose_last_field_is_too_long_keeps_all_others() -> None:
    body = {"CallStatus": "completed", "From": "15555550100", "SipHeader_X": "\u00e9" * 9_000, "CallSid": None}
    content.add_rec_cdr(7, timezone.now(), body)
    line = _one(Record.Kind.REC_CDR)
    assert {name: line[name] for name in body if name != "SipHeader_X"} == {
        name: value for name, value in body.items() if name != "SipHeader_X"
    }
    assert line["cut"]["begins"].startswith('{"SipHeader_X":')


def test_each_line_has_its_version_and_its_own_name() -> None:
    message = factories.message()
    for _ in range(2):
        content.add_cdrs([factories.call(message)], message)
    writer.write_due()
    written = lines(settings.CDR_LOGGER_PATH)
    assert {line["v"] for line in written} == {1}
    assert len({line["record"] for line in written}) == 2
