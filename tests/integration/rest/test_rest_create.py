"""POST /shouts: what is stored and answered, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from blast_api.conf import configuration
from blast_api.domain.states import RecordingState
from blast_api.models import AuthorCall, Call, DoNotCallNumber, LogKind, Message
from blast_api.simulator import Carrier
from tests.kits import factories
from tests.kits.callbacks import lines
from tests.kits.factories import AUTHOR, USER, number
from tests.kits.rest import OPERATORS_RULES, SHOUT_FIELDS, body, content, created, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]


def records() -> list[dict[str, Any]]:
    return lines(LogKind.CDR) + lines(LogKind.BDR)


def test_a_shout_is_answered_whole(client: Client) -> None:
    before = timezone.now()
    shout = created(post(client, body(title=" Snow day ", recipients=[number(1), "+1 (555) 555-0002"])))
    assert set(shout) == SHOUT_FIELDS
    moment = parse_datetime(shout.pop("created"))
    assert moment is not None
    assert before <= moment <= timezone.now()
    assert shout == {
        "id": Message.objects.get().pk,
        "caller": AUTHOR,
        "status": "pending",
        "title": "Snow day",
        "schedule": None,
        "delivery": OPERATORS_RULES,
        "from": configuration().did,
        "userdata": USER,
        "recipients": [number(1), number(2)],
        "voc": None,
        "recording": None,
        "voicemail_recording": None,
        "language": None,
        "transfer": None,
        "recipients_requested_dnc": False,
        "started": None,
        "finished": None,
        "paused_at": None,
        "paused_because": None,
        "waiting": {"because": "recording", "until": None},
        "expected_finish": None,
        "calls": {"pending": 2},
    }


def test_a_shout_without_title_has_an_empty_one(client: Client) -> None:
    assert created(post(client, body()))["title"] == ""
    assert created(post(client, body(title=None, schedule=None, old_shout_id=None)))["title"] == ""
    assert created(post(client, body(title="")))["title"] == ""


def test_userdata_is_kept_to_the_letter(client: Client) -> None:
    for userdata in (" padded ", "7", "\u00fc / \U0001f4de?", "a" * 255):
        assert created(post(client, body(userdata=userdata)))["userdata"] == userdata


def test_a_number_in_many_writings_is_called_once_in_the_place_of_the_first(client: Client) -> None:
    written = [number(2), "+1 555 555 0001", int(number(1)), "1 (555) 555-0001", "1.555.555.0002", number(3)]
    shout = created(post(client, body(recipients=written)))
    assert shout["recipients"] == [number(2), number(1), number(3)]
    assert list(Call.objects.order_by("position").values_list("number", flat=True)) == shout["recipients"]


def test_the_caller_may_be_written_in_any_usual_way_and_be_a_recipient_too(client: Client) -> None:
    shout = created(post(client, body(caller="+1 (555) 555-2090", recipients=[AUTHOR])))
    assert (shout["caller"], shout["recipients"]) == (AUTHOR, [AUTHOR])
    assert created(post(client, body(caller=int(AUTHOR))))["caller"] == AUTHOR


# --- Recipients that are settled at once ---------------------------------------------------------------------------


def test_an_invalid_number_is_settled_as_failed_without_a_call(client: Client) -> None:
    shout = created(post(client, body(recipients=["442079460018", number(1)])))
    assert shout["calls"] == {"failed": 1, "pending": 1}
    invalid, waiting = Call.objects.order_by("position")
    assert (invalid.status, invalid.q850, invalid.attempts) == ("failed", 1, 0)
    assert invalid.finished is not None
    assert (waiting.status, waiting.q850, waiting.finished) == ("pending", None, None)
    (cdr,) = records()
    assert (cdr["to_number"], cdr["status"], cdr["q850"], cdr["num_retries"]) == ("442079460018", "failed", 1, 0)
    assert (cdr["pk"], cdr["message"], cdr["sid"], cdr["duration"]) == (invalid.pk, shout["id"], "", 0)


def test_a_number_on_the_list_is_settled_and_not_called(client: Client) -> None:
    factories.listed(number(1))
    factories.listed(number(2), userdata="somebody else")
    shout = created(post(client, body()))
    assert shout["calls"] == {"do not call": 1, "pending": 1}
    assert shout["recipients_requested_dnc"] is False
    (cdr,) = records()
    assert (cdr["to_number"], cdr["status"], cdr["q850"]) == (number(1), "do not call", None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("recipients", "status", "calls"),
    [
        ([number(1), number(2)], "canceled", {"do not call": 2}),
        (["442079460018", "4930123456"], "finished", {"failed": 2}),
        ([number(1), "442079460018"], "finished", {"do not call": 1, "failed": 1}),
    ],
)
def test_a_shout_with_nobody_to_call_is_settled_at_once(
    client: Client, carrier: Carrier, recipients: list[str], status: str, calls: dict[str, int]
) -> None:
    factories.listed(number(1))
    factories.listed(number(2))
    shout = created(post(client, body(recipients=recipients)))
    assert (shout["status"], shout["calls"]) == (status, calls)
    assert shout["finished"] is not None
    assert carrier.calls == []
    message = Message.objects.get()
    assert message.closed is not None
    assert message.author_call.due_at is None
    *cdrs, bdr = records()
    assert sorted(cdr["to_number"] for cdr in cdrs) == sorted(recipients)
    assert (bdr["pk"], bdr["status"], bdr["recording_call_status"]) == (message.pk, status, "NO_REC_CALL")


# --- The author ----------------------------------------------------------------------------------------------------


def test_the_author_is_rung_at_once(client: Client, carrier: Carrier) -> None:
    shout = created(post(client, body()))
    (call,) = carrier.calls
    assert call.spec.number == AUTHOR
    recording = AuthorCall.objects.get(pk=shout["id"])
    assert (recording.state, recording.sid, recording.attempts) == (RecordingState.PLACED, call.sid, 1)
    assert shout["status"] == "pending"


def test_a_carrier_that_is_away_is_no_fault_of_the_request(client: Client) -> None:
    """The gate of this test is shut: the author waits for the next run."""
    shout = created(post(client, body()))
    recording = AuthorCall.objects.get(pk=shout["id"])
    assert recording.state == RecordingState.NO_REC_CALL
    assert recording.due_at is not None


# --- Another shout's recording -------------------------------------------------------------------------------------


def test_an_old_recording_is_used_again_and_nobody_rings_the_author(client: Client, carrier: Carrier) -> None:
    old = factories.message(status="finished")
    recording = factories.author_call(old, recorded=True)
    shout = created(post(client, body(old_shout_id=old.pk)))
    assert shout["status"] == "ready"
    assert shout["calls"] == {"ready": 2}
    assert shout["voc"]["length"] == recording.length_s
    assert shout["voc"]["url"] == recording.url
    assert carrier.calls == []
    calls = Call.objects.filter(message=shout["id"])
    assert calls.filter(due_at=None).count() == 0
    again = created(post(client, body(old_shout_id=shout["id"])))
    assert again["voc"] == shout["voc"]


def test_an_old_recording_waits_for_its_schedule(client: Client) -> None:
    old = factories.message(status="finished")
    factories.author_call(old, recorded=True)
    at = timezone.now() + timedelta(hours=1)
    shout = created(post(client, body(old_shout_id=old.pk, schedule=at.isoformat())))
    assert shout["status"] == "scheduled"
    assert parse_datetime(shout["schedule"]) == at
    first = Call.objects.filter(message=shout["id"], position=0).get()
    assert first.due_at is not None
    assert abs(first.due_at - at) < timedelta(seconds=1)


# --- What it costs -------------------------------------------------------------------------------------------------


def test_the_number_of_queries_does_not_grow_with_the_recipients(
    client: Client,
) -> None:
    """What is settled at once is part of it."""
    factories.listed(number(3))
    created(post(client, body()))
    queries = []
    for count in (10, 2000):
        told = body(recipients=["442079460018", *(number(index) for index in range(count))])
        with CaptureQueriesContext(connection) as captured:
            post(client, told)
        queries.append(len(captured))
    assert (
        queries[0] == queries[1] <= 22 + 2 * (connection.vendor == "postgresql")
    )  # which is told to look a list up as a whole
    assert Call.objects.count() == 2 + 11 + 2001


def test_a_hundred_thousand_recipients_are_one_request(client: Client) -> None:
    recipients = [f"1555{200 + index // 10000}{index % 10000:04d}" for index in range(100_000)]
    shout = created(post(client, body(recipients=recipients)))
    assert shout["recipients"] == recipients
    assert sum(shout["calls"].values()) == len(recipients)
    assert DoNotCallNumber.objects.count() == 0


def test_a_post_answers_what_a_get_does(client: Client) -> None:
    shout = created(post(client, body(title="again")))
    assert content(client.get(f"/api/v1/shouts/{shout['id']}")) == shout
