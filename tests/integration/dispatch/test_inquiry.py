"""Calls whose end was never told: the carrier's detail records are asked, and what they tell counts as a callback would."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.client import CarrierClient
from blast_api.conf import configuration
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.errands import claim_errands
from blast_api.dispatch.inquiry import Inquiry
from blast_api.dispatch.jobs import Job
from blast_api.domain.states import CallStatus
from blast_api.models import Call, Container, LogKind
from blast_api.services import sweeps
from blast_api.simulator import Carrier
from tests.kits import factories
from tests.kits.callbacks import lines
from tests.kits.released import dispatch, released

pytestmark = pytest.mark.django_db(transaction=True)

C = CallStatus
AGO = timedelta(hours=1)
PATH = "/core/v2/calls/call_drs"


@pytest.fixture(autouse=True)
def _no_retries(settings: Settings, carrier: Carrier) -> None:
    settings.MAX_RETRIES = 0


def _silent(count: int = 1, **fields: object) -> list[Call]:
    """Calls that people heard, or may have, an hour ago, and whose end was never told."""
    begun = timezone.now() - AGO
    message = released(count)
    up = {"status": C.ONGOING, "started": begun, "answered": begun, "answerer": "HUMAN", "serial": 1, "attempts": 1}
    message.calls.update(**up | fields)
    if not Container.objects.exists():
        factories.container()  # so that nothing else is asked
    return list(message.calls.order_by("position"))


def _record(call: Call, settings: Settings, **told: object) -> dict[str, object]:
    assert call.started is not None
    after_s = told.pop("after_s", 1)
    assert isinstance(after_s, int)
    started = call.started + timedelta(seconds=after_s)
    date = started.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    numbers = {"number_src": f"+{settings.DID}", "number_dst": f"+{call.number}"}
    return numbers | {"date_start": date, "date_stop": date, "duration": "20.2", "sipcause": "200"} | told


def _told(carrier: Carrier, records: Iterable[object]) -> None:
    body = json.dumps({"items": list(records), "has_more": False})
    carrier.inject("refuse", status=200, body=body, method="GET", path=PATH)


@pytest.mark.parametrize(
    ("told", "ending", "duration"),
    [
        ({}, C.COMPLETED, 21),
        ({"number_dst": "15555550000", "number_src": None}, C.COMPLETED, 21),  # without the plus, and without a caller
        ({"duration": None}, C.COMPLETED, None),
        ({"sipcause": 486}, C.BUSY, 0),
        ({"sipcause": "600"}, C.BUSY, 0),
        ({"sipcause": "480"}, C.NO_ANSWER, 0),
        ({"sipcause": "408"}, C.NO_ANSWER, 0),
        ({"sipcause": "487"}, C.NO_ANSWER, 0),
        ({"sipcause": "404"}, C.FAILED, 0),
        ({"sipcause": "no such cause"}, C.FAILED, 0),
    ],
)
def test_what_the_records_tell_is_how_the_call_ended(
    carrier: Carrier, settings: Settings, told: dict[str, object], ending: CallStatus, duration: int | None
) -> None:
    (call,) = _silent()
    _told(carrier, [{}, [], None, {"number_dst": call.number}, _record(call, settings, **told)])
    dispatch()
    call.refresh_from_db()
    assert (call.status, call.duration, call.held_since) == (ending, duration, None)
    (line,) = lines(LogKind.CDR)
    assert (line["status"], line["carrier_said"]) == (ending, f"SIP {told.get('sipcause', 200)}")


@pytest.mark.parametrize(
    "told",
    [
        {"number_dst": "15555551111"},
        {"number_src": "15555551111"},
        {"sipcause": None},
        {"date_stop": None},
        {"date_start": "yesterday"},
        {"date_start": 7},
        {"after_s": 130},
        {"after_s": -130},
    ],
)
def test_a_call_that_is_not_among_them_is_timed_out(
    carrier: Carrier, settings: Settings, told: dict[str, object]
) -> None:
    (call,) = _silent()
    _told(carrier, [_record(call, settings, **told)])
    dispatch()
    call.refresh_from_db()
    assert (call.status, carrier.injections.waiting) == (C.TIMED_OUT, ())


def test_a_record_is_of_the_call_that_began_closest_to_it(carrier: Carrier, settings: Settings) -> None:
    """Two shouts called the same number within a minute."""
    (first,), (second,) = _silent(), _silent_later()
    _told(
        carrier,
        [
            _record(second, settings, sipcause="486"),
            _record(first, settings, sipcause="404"),
            _record(second, settings, after_s=40),
        ],
    )
    dispatch()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (C.FAILED, C.BUSY)


def _silent_later() -> list[Call]:
    message = released(1)
    begun = timezone.now() - AGO + timedelta(seconds=50)
    message.calls.update(status=C.ONGOING, started=begun, answerer="", serial=1, attempts=1)
    return list(message.calls.all())


@pytest.mark.parametrize(
    "fault", [{"name": "refuse", "status": 403}, {"name": "refuse", "status": 503}, {"name": "drop"}, {"name": "html"}]
)
def test_without_an_answer_a_call_is_timed_out_a_minute_later(carrier: Carrier, fault: dict[str, object]) -> None:
    (call,) = _silent()
    carrier.inject(method="GET", path=PATH, **fault)  # type: ignore[arg-type]
    dispatch()
    now = timezone.now()
    call.refresh_from_db()
    assert (call.status, carrier.injections.waiting) == (C.ONGOING, ())
    assert call.held_since is not None
    assert sweeps.expire(now) == 0
    assert sweeps.expire(now + timedelta(seconds=61)) == 1
    call.refresh_from_db()
    assert call.status == C.TIMED_OUT


def test_what_a_list_told_before_it_broke_off_counts_and_the_rest_is_asked_for_again(
    carrier: Carrier, settings: Settings
) -> None:
    first, second = _silent(2)
    page = json.dumps({"items": [_record(first, settings)], "has_more": True})
    carrier.inject("refuse", status=200, body=page, method="GET", path=PATH)
    carrier.inject("refuse", status=503, method="GET", path=PATH)
    dispatch()
    _told(carrier, [_record(second, settings)])
    dispatch()
    assert list(Call.objects.values_list("status", flat=True)) == [C.COMPLETED, C.COMPLETED]


def test_without_a_token_nobody_is_asked(carrier: Carrier, settings: Settings) -> None:
    settings.CARRIERX_API_TOKEN = ""
    _silent()
    assert _questions() == []
    assert sweeps.expire(timezone.now()) == 1


def test_nobody_is_asked_about_calls_that_may_still_be_up_or_need_no_word(carrier: Carrier) -> None:
    _silent(opted_out=True)
    _silent(started=timezone.now(), answered=timezone.now())
    _silent(status=C.COMPLETED, finished=timezone.now())
    assert _questions() == []
    assert sweeps.expire(timezone.now()) == 1
    assert Call.objects.filter(status=C.OPTED_OUT).count() == 1


def _questions() -> list[Job]:
    return claim_errands(DatabaseClock(), room=10, inquiry=Inquiry(Event()))


def test_one_question_asks_for_many_calls_that_began_together(carrier: Carrier, settings: Settings) -> None:
    many = _silent(300)
    old = _silent()[0]
    Call.objects.filter(pk=old.pk).update(started=timezone.now() - timedelta(hours=9), answered=None)
    old.refresh_from_db()
    _told(carrier, [_record(old, settings)])
    dispatch()
    assert Call.objects.filter(status=C.COMPLETED).count() == 1
    _told(carrier, [_record(call, settings) for call in many])
    dispatch()
    assert Call.objects.filter(status=C.COMPLETED).count() == 301
    assert carrier.injections.waiting == ()


def test_the_carrier_is_asked_for_the_time_in_which_they_began(carrier: Carrier, settings: Settings) -> None:
    _silent(started=datetime(2005, 5, 11, 12, tzinfo=UTC), answered=None)
    (question,) = _questions()
    with CarrierClient(configuration()) as client:
        target = question.prepare(client).target
    assert "order=date_stop+asc" in target
    assert "date_stop+ge+2005-05-11T11%3A58%3A00.000Z+and+date_start+lt+2005-05-11T12%3A02%3A00.000Z" in target
