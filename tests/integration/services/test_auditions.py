"""An audition counts for nothing: whatever is told or decided is the same with one as without."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from blast_api.carrierx.events import Answerer
from blast_api.db.clock import database_now
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, AuthorCall, Call, LogKind, Message
from blast_api.records import writer
from blast_api.services import auditions, silence, sweeps
from tests.kits import factories
from tests.kits.callbacks import Callbacks, lines, texts
from tests.kits.commands import run
from tests.kits.factories import USER, number
from tests.kits.released import claim, placed_of
from tests.kits.rest import BASE, body, content

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wide_gate")]

TO = number(1)
TOMORROW, AFTERWARDS = (timezone.now() + timedelta(days=days) for days in (1, 2))


@pytest.fixture(autouse=True)
def _one_call_for_each(settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 1, "days": 30}


@pytest.fixture
def line(client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Callbacks:
    """The carrier of whoever hears an audition."""
    return Callbacks(client, django_capture_on_commit_callbacks)


@pytest.fixture
def shout() -> Message:
    """For later, to a number that hears it first; of the same user one has ended, which nobody has answered."""
    ended = factories.message(status=ShoutStatus.FINISHED, finished=timezone.now(), closed=timezone.now())
    factories.author_call(ended, recorded=True)
    factories.call(ended, status=CallStatus.NO_ANSWER, number=number(2), attempts=1)
    shout = factories.message(status=ShoutStatus.SCHEDULED, schedule=AFTERWARDS, starts_at=AFTERWARDS)
    factories.author_call(shout, recorded=True)
    for index in (1, 3):
        factories.call(shout, status=CallStatus.READY, number=number(index), due_at=AFTERWARDS)
    return shout


def heard(line: Callbacks, shout: Message, *, key: str = "", end: str = "completed") -> Call:
    """An audition that was placed, and has ended as the carrier says."""
    asked = auditions.audition(shout, TO, now=database_now())
    (call,) = placed_of(claim())
    assert call.pk == asked.pk
    if end == "completed":
        line.of_call(call, "answered", CallSid="s")
        line.of_call(call, "detected", CallSid="s", AMDStatus=Answerer.HUMAN.value)
        line.of_call(call, "key", CallSid="s", Digits=key)
    line.of_call(call, "status", CallSid="s", CallStatus=end, CallDuration=9)
    return Call.objects.select_related("message").get(pk=call.pk)


def told(client: Client, shout: Message) -> dict[str, Any]:
    """Whatever tells of shouts, calls, lists and records."""
    writer.write_due()
    asks: dict[str, tuple[str, dict[str, str | int]]] = {
        "shouts": ("shouts", {"userdata": USER}),
        "a page of them": ("shouts", {"userdata": USER, "limit": 1, "offset": 1}),
        "shout": (f"shouts/{shout.pk}", {}),
        "calls": ("calls", {"shout-id": shout.pk}),
        "to a phone": ("calls", {"phone": TO, "userdata": USER}),
        "listed": ("dnc", {"userdata": USER}),
    }
    answers = {name: client.get(f"{BASE}/{path}", query) for name, (path, query) in asks.items()}
    what_if = body(recipients=[TO], schedule=TOMORROW.isoformat())
    answers["preflight"] = client.post(f"{BASE}/shouts;preflight", what_if, content_type="application/json")
    commands = {
        "progress": ("shouts", "--json"),
        "progress of all": ("shouts", "--json", "--all"),
        "report": ("report", "--json"),
        "replayed": ("replay_records", "--since", "2000-01-01", "--dry-run"),
    }
    outputs = {name: run(*words) for name, words in commands.items()}
    return {
        **{
            name: (answer.status_code, answer.headers.get("X-Total-Count"), content(answer))
            for name, answer in answers.items()
        },
        **{name: (outputs[name].json["shouts"]) for name in ("progress", "progress of all")},
        **{name: (outputs[name].code, outputs[name].out) for name in ("report", "replayed")},
        **{kind: texts(kind) for kind in LogKind},
    }


@pytest.mark.parametrize("key", ["", "5"])
def test_nothing_tells_of_one_that_was_heard(client: Client, line: Callbacks, shout: Message, key: str) -> None:
    before = told(client, shout)
    assert before["preflight"][2]["counts"]["call"] == 1
    call = heard(line, shout, key=key)
    assert (call.status, call.answerer, call.keys, call.message.status) == ("completed", "HUMAN", key, "finished")
    assert told(client, shout) == before


def test_nothing_tells_of_one_that_is_under_way(client: Client, shout: Message) -> None:
    before = told(client, shout)
    assert before["preflight"][2]["estimate"]["assumes"]["queued_ahead"] == 0
    auditions.audition(shout, TO, now=database_now())
    assert told(client, shout) == before
    claim()
    assert told(client, shout) == before


def _no_line_will_be_written(shout: Message, *, of: str) -> bool:
    """Of the only audition, which has ended so."""
    (audition,) = shout.auditions.all()
    assert audition.status == of
    rows = (shout.auditions, AuthorCall.objects.filter(message=audition), Attempt.objects.filter(message=audition))
    return {record for each in rows for record in each.values_list("record", flat=True)} == {""}


def test_one_that_is_not_placed_soon_expires_and_nothing_tells_of_it(
    client: Client, shout: Message, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    before = told(client, shout)
    auditions.audition(shout, TO, now=database_now())
    with django_capture_on_commit_callbacks(execute=True):
        sweeps.expire(timezone.now() + timedelta(minutes=11))
    assert _no_line_will_be_written(shout, of="finished")
    assert told(client, shout) == before


def test_one_of_which_the_carrier_is_silent_times_out_and_nothing_tells_of_it(
    client: Client,
    shout: Message,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.CARRIERX_API_TOKEN = ""
    before = told(client, shout)
    call, now = auditions.audition(shout, TO, now=database_now()), timezone.now()
    claim()
    Call.objects.filter(pk=call.pk).update(status=CallStatus.ONGOING, sid="s", held_since=None, started=now)
    with django_capture_on_commit_callbacks(execute=True):
        silence.time_out(now + timedelta(hours=9))
    assert _no_line_will_be_written(shout, of="timed-out")
    assert told(client, shout) == before


def test_one_that_is_canceled_with_its_shout_is_not_written(
    client: Client, shout: Message, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    auditions.audition(shout, TO, now=database_now())
    with django_capture_on_commit_callbacks(execute=True):
        client.delete(f"{BASE}/shouts/{shout.pk};cancel")
    assert _no_line_will_be_written(shout, of="canceled")
    assert {line["pk"] for line in lines(LogKind.CDR)} == set(shout.calls.values_list("pk", flat=True))
    assert [line["pk"] for line in lines(LogKind.BDR)] == [shout.pk]


def test_it_is_tried_once(line: Callbacks, shout: Message) -> None:
    call = heard(line, shout, end="failed")
    assert (call.status, call.attempts, call.message.status) == (CallStatus.FAILED, 1, ShoutStatus.FINISHED)


def test_who_has_heard_enough_hears_an_audition_all_the_same(line: Callbacks, shout: Message) -> None:
    """And as often as somebody asks; a list that the number comes onto meanwhile binds."""
    capped = factories.message(status=ShoutStatus.FINISHED)
    factories.call(capped, number=TO, status=CallStatus.COMPLETED, answerer="HUMAN", answered=timezone.now())
    for _ in range(2):
        assert heard(line, shout).status == CallStatus.COMPLETED
    auditions.audition(shout, TO, now=database_now())
    factories.listed(TO)
    assert placed_of(claim()) == []
    assert Call.objects.order_by("-pk").values_list("status", flat=True)[0] == CallStatus.DO_NOT_CALL
