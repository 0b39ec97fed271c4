"""What is told, and when: stored with each change, whoever makes it, and in the words of the REST API when it is sent."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from blast_api.carrierx.events import BridgeReport, StatusReport
from blast_api.domain.recipients import Recipient
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import Call, DoNotCallNumber, Message, WebhookDelivery
from blast_api.services import auditions, creation, delivery, pauses, shouts, silence, sweeps, transfers
from blast_api.webhooks import payloads
from tests.kits import factories
from tests.kits.callbacks import delivered
from tests.kits.factories import USER, application, author_call, call, listed, message, number
from tests.kits.receiver import webhook
from tests.kits.released import released
from tests.kits.rest import BASE, CALL_FIELDS, SHOUT_FIELDS, content

pytestmark = pytest.mark.django_db

URL = "https://app.example.org/hooks"
CALL, ATTEMPT = WebhookEvent.CALL_ENDED, WebhookEvent.ATTEMPT_ENDED


@pytest.fixture(autouse=True)
def _told() -> None:
    webhook(URL)


def events() -> list[tuple[str, int]]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("event", "subject"))


def body() -> dict[str, Any]:
    """The last that is to be told, as it is told now."""
    row = WebhookDelivery.objects.select_related("webhook").latest("pk")
    told = payloads._data([row])[row.pk]
    return told


def ends(call: Call, word: CallStatus = CallStatus.COMPLETED, *, serial: int = 1) -> None:
    report = StatusReport(word, str(word), "sid", 9, {})
    delivery.settled(delivery.CallAttempt(call.pk, serial), report, now=timezone.now())


# --- Calls and attempts ------------------------------------------------------------------------------------------------


def test_the_end_of_a_call_tells_its_attempt_first() -> None:
    shout = message(status=ShoutStatus.ONGOING)
    author_call(shout, recorded=True)
    up = call(shout, status=CallStatus.ONGOING, serial=1, attempts=1, sid="sid", answerer="HUMAN")
    call(shout, status=CallStatus.READY)
    ends(up)
    assert events() == [(ATTEMPT, up.pk), (CALL, up.pk)]


def test_of_a_call_that_is_tried_again_the_attempt_is_told_alone() -> None:
    up = delivered(started=timezone.now())
    ends(up, CallStatus.FAILED)
    assert Call.objects.get().status == CallStatus.READY
    assert events() == [(ATTEMPT, up.pk)]


def test_what_ends_twice_is_told_once() -> None:
    up = delivered(answerer="HUMAN")
    call(up.message)
    ends(up)
    ends(up, CallStatus.FAILED)
    assert len(events()) == 2


def test_an_end_that_is_undone_is_not_told() -> None:
    up = delivered(answerer="HUMAN")
    with transaction.atomic():
        ends(up)
        transaction.set_rollback(True)
    assert events() == []


def test_the_last_call_tells_of_its_shout_too() -> None:
    up = delivered(answerer="HUMAN")
    ends(up)
    assert events() == [(ATTEMPT, up.pk), (CALL, up.pk), (WebhookEvent.SHOUT_ENDED, up.message_id)]
    assert body()["status"] == "finished"


@pytest.mark.parametrize("listens_to", [[CALL], [ATTEMPT], [WebhookEvent.DNC_ADDED]])
def test_who_listens_to_less_is_told_less(listens_to: list[WebhookEvent]) -> None:
    other = webhook(URL, events=listens_to)
    up = delivered(answerer="HUMAN")
    call(up.message)
    ends(up)
    told = WebhookDelivery.objects.filter(webhook=other).values_list("event", flat=True)
    assert list(told) == [event for event in listens_to if event != WebhookEvent.DNC_ADDED]


def test_others_and_disabled_ones_are_told_nothing() -> None:
    WebhookDelivery.objects.all().delete()
    of_other = webhook(URL, of=application(name="other"))
    disabled = webhook(URL, disabled=timezone.now())
    up = delivered(answerer="HUMAN")
    call(up.message)
    ends(up)
    assert not WebhookDelivery.objects.filter(webhook__in=[of_other, disabled]).exists()
    assert len(events()) == 2


def test_without_webhooks_an_end_asks_the_database_as_often_as_ever() -> None:
    def queries(of: Call) -> int:
        with CaptureQueriesContext(connection) as captured:
            ends(of)
        return len(captured)

    other = application(name="without")
    shout = message(status=ShoutStatus.ONGOING, application=other)
    author_call(shout, recorded=True)
    up = [call(shout, status=CallStatus.ONGOING, serial=1, attempts=1, sid="sid", answerer="HUMAN") for _ in range(12)]
    queries(up[0])  # what is compiled once is compiled
    savepoints = 0 if connection.vendor == "postgresql" else 2
    assert queries(up[1]) == (2 if connection.vendor == "postgresql" else 3 + savepoints)
    told = [delivered(answerer="HUMAN").message]
    more = [
        call(told[0], status=CallStatus.ONGOING, serial=1, attempts=1, sid="sid", answerer="HUMAN") for _ in range(12)
    ]
    queries(more[0])
    assert queries(more[1]) == (2 if connection.vendor == "postgresql" else 4 + savepoints)


def test_the_words_of_a_call_are_those_of_the_api(client: Client) -> None:
    up = delivered(answerer="HUMAN")
    call(up.message)
    ends(up)
    assert set(body()) == CALL_FIELDS
    (first, _) = content(client.get(f"{BASE}/calls?shout-id={up.message_id}"))
    assert {name: str(value) for name, value in first.items()} == {name: str(value) for name, value in body().items()}


def test_the_words_of_an_attempt_are_those_of_the_api(client: Client) -> None:
    up = delivered(started=timezone.now(), reference="pupil 12")
    ends(up, CallStatus.FAILED)
    told = body()
    assert told.pop("shout_id") == up.message_id
    (attempt,) = content(client.get(f"{BASE}/attempts?shout-id={up.message_id}"))
    assert attempt["reference"] == "pupil 12"
    assert {name: str(value) for name, value in attempt.items()} == {name: str(value) for name, value in told.items()}


def test_the_outcome_of_a_transfer_that_comes_last_tells_both_again() -> None:
    up = delivered(answerer="HUMAN", transfer_outcome="up", transferred=timezone.now())
    call(up.message)
    ends(up)
    transfers.ended(delivery.CallAttempt(up.pk, 1), BridgeReport(CallStatus.COMPLETED, 30), now=timezone.now())
    assert events() == [(ATTEMPT, up.pk), (CALL, up.pk)] * 2
    assert body()["transfer_duration"] == 30


def test_a_call_that_is_timed_out_and_settled_late_is_told_twice() -> None:
    up = delivered(answerer="HUMAN", started=timezone.now() - timedelta(days=1))
    silence.time_out(timezone.now(), only=[up.pk])
    shouts.finish_if_settled(up.message_id, now=timezone.now())
    assert body()["status"] == "timed-out"
    ends(up)
    assert Counter(event for event, _ in events()) == {ATTEMPT: 2, CALL: 2, WebhookEvent.SHOUT_ENDED: 2}
    assert body()["status"] == "finished"


def test_an_opt_out_tells_the_entry_of_the_list_once() -> None:
    up = delivered(answerer="HUMAN")
    for _ in range(2):
        delivery.opt_out(delivery.CallAttempt(up.pk, 1), keys="5")
    entry = DoNotCallNumber.objects.get()
    assert events() == [(WebhookEvent.DNC_ADDED, entry.pk)]
    told = body()
    assert (told["number"], told["userdata"]) == (up.number, USER)


def test_an_opt_out_that_comes_last_tells_the_call_again() -> None:
    up = delivered(answerer="HUMAN")
    call(up.message)
    ends(up)
    delivery.opt_out(delivery.CallAttempt(up.pk, 1), keys="5")
    entry = DoNotCallNumber.objects.get()
    assert events()[2:] == [(WebhookEvent.DNC_ADDED, entry.pk), (CALL, up.pk)]
    assert body()["status"] == CallStatus.OPTED_OUT


# --- Shouts ------------------------------------------------------------------------------------------------------------


def test_a_shout_is_told_from_its_recording_to_its_end() -> None:
    shout = message()
    author_call(shout, recorded=True)
    call(shout)
    sweeps.release(timezone.now())
    shouts.begin_due(timezone.now())
    shout.refresh_from_db()
    pauses.pause(shout, now=timezone.now())
    paused = WebhookDelivery.objects.latest("pk")
    pauses.pause(shout, now=timezone.now())
    pauses.resume(shout, now=timezone.now())
    pauses.resume(shout, now=timezone.now())
    shouts.cancel(shout, now=timezone.now())
    told = [event for event, subject in events() if subject == shout.pk and event.startswith("shout.")]
    assert told == [f"shout.{word}" for word in ("ready", "started", "paused", "resumed", "ended")]
    said = payloads._data([paused])[paused.pk]
    assert set(said) == SHOUT_FIELDS - {"recipients"}
    assert (said["status"], said["paused_because"], said["finished"]) == ("paused", "asked", None)
    facts = WebhookDelivery.objects.filter(facts__isnull=False).order_by("pk").values_list("facts__status", flat=True)
    assert list(facts) == ["ready", "ongoing", "paused", "ongoing", "canceled"]


def test_a_canceled_shout_tells_of_each_of_its_calls() -> None:
    shout = released(20)
    with transaction.atomic():
        shouts.end(shout, ShoutStatus.CANCELED, now=timezone.now())
    shouts.end_open_calls(Message.objects.get(pk=shout.pk), now=timezone.now())
    told = Counter(event for event, _ in events())
    assert told[CALL] == 20
    assert told[ATTEMPT] == 0  # none was placed
    assert told[WebhookEvent.SHOUT_ENDED] == 1


def test_what_ends_as_its_shout_is_made_is_told() -> None:
    listed(number(1))
    recipients = [Recipient(number(1)), Recipient(number(2)), Recipient("1" * 11)]
    new = creation.NewShout(userdata=USER, caller=factories.AUTHOR, recipients=recipients)
    shout, _ = creation.create(application(), new, now=timezone.now())
    ended = shout.calls.filter(finished__isnull=False).order_by("position").values_list("pk", flat=True)
    assert events() == [(CALL, pk) for pk in ended]
    assert len(ended) == 2


def test_of_auditions_nothing_is_told() -> None:
    shout = message(status=ShoutStatus.ONGOING)
    author_call(shout, recorded=True)
    shout.refresh_from_db()
    audition = auditions.audition(shout, number(7), now=timezone.now())
    Call.objects.filter(pk=audition.pk).update(
        status=CallStatus.ONGOING, serial=1, attempts=1, sid="sid", answerer="HUMAN"
    )
    delivery.opt_out(delivery.CallAttempt(audition.pk, 1), keys="5")
    ends(audition)
    assert Call.objects.get(pk=audition.pk).finished
    assert events() == []


# --- Many --------------------------------------------------------------------------------------------------------------


def test_a_webhook_that_comes_later_is_told_of_what_happens_from_then_on() -> None:
    shout = released(2)
    WebhookDelivery.objects.all().delete()
    later = webhook(URL)
    shouts.cancel(Message.objects.get(pk=shout.pk), now=timezone.now())
    assert WebhookDelivery.objects.filter(webhook=later, event=WebhookEvent.SHOUT_ENDED).count() == 1
