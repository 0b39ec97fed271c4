"""GET /calls/{id} tells what became of each attempt, and why a call ended without one."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from blast_api.carrierx.client import Accepted
from blast_api.carrierx.events import StatusReport
from blast_api.dispatch.jobs import PlaceCall, keep_all
from blast_api.domain.states import CallStatus
from blast_api.models import Attempt, Call, Message
from blast_api.services import delivery
from tests.kits import factories
from tests.kits.factories import number
from tests.kits.released import claim, released
from tests.kits.rest import body, code, content, created, faults, next_page, post

pytestmark = pytest.mark.django_db


def _told(client: Client) -> Any:
    return content(client.get(f"/api/v1/calls/{Call.objects.get().pk}"))


def _place() -> PlaceCall:
    (job,) = (job for job in claim().jobs if isinstance(job, PlaceCall))
    keep_all([(job, Accepted(f"sid {job.attempts}", {}))], now=timezone.now())
    return job


def _end(job: PlaceCall, word: CallStatus) -> None:
    delivery.settled(job.attempt, StatusReport(word, word, "", 0, {}), now=timezone.now())


def test_attempts_are_told_in_their_order_and_the_open_one_as_far_as_it_is(
    client: Client, settings: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = ("failed", "busy"), 0
    message = released(1)
    for word in (CallStatus.FAILED, CallStatus.BUSY):
        _end(_place(), word)
    job = _place()
    delivery.answered(job.attempt, now=timezone.now())
    with django_assert_max_num_queries(5):
        told = _told(client)
    assert [(each["number"], each["sid"], each["ending"], each["Q850"]) for each in told["attempts"]] == [
        (1, "sid 1", "failed", 41),
        (2, "sid 2", "busy", 17),
        (3, "sid 3", None, None),
    ]
    assert set(told["attempts"][0]) == {
        "number",
        "claimed",
        "slot",
        "sid",
        "started",
        "answered",
        "ended",
        "ending",
        "Q850",
        "duration",
        "answerer",
        "keys",
        "transferred",
        "transfer_outcome",
        "transfer_duration",
        "reason",
    }
    assert told["reason"] is None
    assert [each["reason"] for each in told["attempts"]] == ["failed", "busy", ""]
    (listed,) = content(client.get(f"/api/v1/calls?shout-id={message.pk}"))
    assert listed["attempts"] == 3


def test_the_attempts_of_a_shout_are_a_list(
    client: Client, settings: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = ("failed", "busy"), 0
    message = released(1)
    Call.objects.update(reference="pupil 12")
    jobs = [_place()]
    for word in (CallStatus.FAILED, CallStatus.BUSY):
        _end(jobs[-1], word)
        jobs.append(_place())
    delivery.answered(jobs[-1].attempt, now=timezone.now())
    address = f"/api/v1/attempts?shout-id={message.pk}"
    with django_assert_max_num_queries(6):
        told = content(client.get(address))
    of_call = _told(client)["attempts"]
    call = Call.objects.get()
    about = {"call_id": call.pk, "phone": call.number, "reference": "pupil 12"}
    assert told == [{"id": each["id"], **about, **one} for each, one in zip(told, of_call, strict=True)]
    seen: list[Any] = []
    where: str | None = f"{address}&limit=2"
    while where:
        answer = client.get(where)
        assert answer["X-Total-Count"] == "3"
        seen += content(answer)
        where = next_page(answer)
    assert seen == told
    answer = client.get(f"{address}&format=csv")
    assert answer["Content-Disposition"] == f'attachment; filename="attempts-of-shout-{message.pk}.csv"'
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert [(row["number"], row["phone"], row["ending"]) for row in rows] == [
        (str(each["number"]), each["phone"], each["ending"] or "") for each in told
    ]


def test_attempts_of_others_are_not_told(client: Client) -> None:
    created(post(client, body(recipients=["442079460018"])))  # never placed
    mine, others = Message.objects.get(), factories.message(application=factories.application(name="another"))
    factories.call(others)
    assert content(client.get(f"/api/v1/attempts?shout-id={mine.pk}")) == []
    assert code(client.get(f"/api/v1/attempts?shout-id={others.pk}")) == (404, "not_found")
    assert set(faults(client.get("/api/v1/attempts"))) == {"shout-id"}


def test_what_was_never_placed_has_no_attempts_and_tells_the_reason(client: Client) -> None:
    created(post(client, body(recipients=["442079460018"])))
    told = _told(client)
    assert (told["status"], told["attempts"]) == ("failed", [])
    assert told["reason"] == "is not a number that this service calls"
    assert Attempt.objects.get().ending == "failed"


def test_an_opt_out_after_the_end_is_the_end_that_is_told(client: Client) -> None:
    released(1)
    job = _place()
    _end(job, CallStatus.BUSY)
    delivery.pressed(job.attempt, "5", now=timezone.now())
    told = _told(client)
    (attempt,) = told["attempts"]
    assert told["status"] == attempt["ending"] == "added to do not call"
    assert told["keys"] == attempt["keys"] == "5"
    assert Attempt.objects.get().ending == "busy"


def test_a_call_that_waits_tells_its_former_attempts(client: Client, settings: Any) -> None:
    settings.RETRY_STATUSES, settings.RETRY_DELAY = ("failed",), 60
    released(1)
    _end(_place(), CallStatus.FAILED)
    told = _told(client)
    assert told["waiting"]["because"] == "retry"
    assert [(each["number"], each["ending"]) for each in told["attempts"]] == [(1, "failed")]
    assert told["phone"] == number(0)
