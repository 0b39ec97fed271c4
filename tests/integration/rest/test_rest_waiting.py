"""What calls and shouts tell of why they wait, and until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Message
from tests.kits import factories
from tests.kits.factories import USER
from tests.kits.rest import content, shut_the_gate

pytestmark = pytest.mark.django_db

NEW_YORK, HONOLULU = "12125550150", "18085550150"
NEVER = datetime(2090, 1, 1, tzinfo=UTC)


def shout(**fields: Any) -> Message:
    now = timezone.now()
    defaults = {"status": ShoutStatus.ONGOING, "starts_at": now, "started": now}
    message = factories.message(**defaults | fields)
    factories.author_call(message, recorded=True)
    return message


def ready(message: Message, count: int = 1, **fields: Any) -> int:
    """So many calls that are due; the key of the last."""
    defaults = {"status": CallStatus.READY, "due_at": timezone.now() - timedelta(seconds=1)}
    return [factories.call(message, **defaults | fields).pk for _ in range(count)][-1]


def told(client: Client, message: Message) -> dict[str, Any]:
    """The shout, alone as in the list."""
    alone = content(client.get(f"/api/v1/shouts/{message.pk}"))
    listed = {each["id"]: each for each in content(client.get("/api/v1/shouts", {"userdata": USER}))}
    assert listed[message.pk]["waiting"] == alone["waiting"]
    assert isinstance(alone, dict)
    return alone


def waiting(client: Client, pk: int) -> Any:
    return content(client.get(f"/api/v1/calls/{pk}"))["waiting"]


def hours_shut_in(zone: str, *others: str) -> dict[str, object]:
    """From an hour that is not now in any of these zones, and is over soon."""
    now = timezone.now()
    taken = {now.astimezone(ZoneInfo(name)).hour for name in (zone, *others)}
    hour = next(hour for hour in range(23) if not {hour, (hour - 1) % 24} & taken)
    return {"from": f"{hour:02d}:00", "to": f"{hour + 1:02d}:00"}


def test_a_call_and_a_shout_wait_for_hours(client: Client) -> None:
    window = hours_shut_in("America/New_York", "Pacific/Honolulu")
    message = shout(delivery={"window": window})
    calls = {
        zone: ready(message, number=phone)
        for zone, phone in (("America/New_York", NEW_YORK), ("Pacific/Honolulu", HONOLULU))
    }
    openings = {}
    for zone, pk in calls.items():
        because = waiting(client, pk)
        assert (because["because"], because["zone"]) == ("window", zone)
        openings[zone] = because["until"]
    assert told(client, message)["waiting"] == {"because": "window", "until": min(openings.values())}
    assert told(client, message)["expected_finish"] > min(openings.values())


def test_the_zone_that_was_given_counts(client: Client) -> None:
    window = hours_shut_in("Asia/Tokyo")
    pk = ready(shout(delivery={"window": window}), number=NEW_YORK, zone="Asia/Tokyo")
    assert (waiting(client, pk)["because"], waiting(client, pk)["zone"]) == ("window", "Asia/Tokyo")


@pytest.mark.parametrize("whose", ["whole", "application", "shout"])
def test_where_as_many_are_up_as_may_be_the_others_wait_for_them(
    client: Client, settings: Settings, whose: str
) -> None:
    message = shout(concurrent_calls=2 if whose == "shout" else None)
    if whose == "whole":
        settings.MAX_CONCURRENT_CALLS = 2
    if whose == "application":
        type(message.application).objects.update(concurrent_calls=2)
    pk = ready(message)
    ready(message, status=CallStatus.ONGOING, started=timezone.now())
    assert waiting(client, pk)["because"] == "rate"
    assert told(client, message)["waiting"]["because"] == "rate"
    ready(message, status=CallStatus.ONGOING, started=timezone.now())
    assert waiting(client, pk) == {"because": "concurrency", "until": None, "zone": None}
    assert told(client, message)["waiting"] == {"because": "concurrency", "until": None}


def test_while_the_gate_is_shut_a_shout_waits_for_the_carrier(client: Client) -> None:
    message = shout()
    ready(message)
    shut_the_gate()
    assert told(client, message)["waiting"]["because"] == "carrier"


@pytest.mark.parametrize(
    ("fields", "calls", "because"),
    [
        ({"status": ShoutStatus.PENDING}, {"status": CallStatus.PENDING, "due_at": None}, "recording"),
        ({"status": ShoutStatus.SCHEDULED, "starts_at": NEVER}, {"due_at": NEVER}, "scheduled"),
        ({"paused_at": timezone.now()}, {}, "paused"),
        ({}, {"due_at": NEVER}, "batch"),
        ({}, {"due_at": NEVER, "attempts": 1}, "retry"),
        ({}, {"status": CallStatus.ONGOING}, None),
        ({}, {"status": CallStatus.PENDING, "sid": "s", "attempts": 1, "due_at": NEVER}, "batch"),
        ({}, {"status": CallStatus.READY, "held_since": timezone.now()}, None),
        ({"status": ShoutStatus.FINISHED}, {"status": CallStatus.BUSY}, None),
    ],
)
def test_a_shout_waits_as_its_calls_do(
    client: Client, fields: dict[str, Any], calls: dict[str, Any], because: str | None
) -> None:
    message = shout(**fields)
    ready(message, 2, **calls)
    outlook = told(client, message)
    assert (outlook["waiting"] and outlook["waiting"]["because"]) == because
    assert (outlook["expected_finish"] is None) == (
        because in ("recording", "paused") or message.status == ShoutStatus.FINISHED
    )


def test_the_finish_is_expected_by_what_is_left_and_how_calls_have_ended(client: Client, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND, settings.RETRY_STATUSES = 2, ()
    message = shout()
    ready(message, 21)
    before = timezone.now()
    finish = datetime.fromisoformat(told(client, message)["expected_finish"])
    # 21 leave within 10 s; the last rings for 30, and 8 s of message take 12.
    assert timedelta(seconds=52) <= finish - before < timedelta(seconds=60)
    Message.objects.update(calls_per_second=0.5)
    finish = datetime.fromisoformat(told(client, message)["expected_finish"])
    assert timedelta(seconds=82) <= finish - before < timedelta(seconds=90)


def test_however_many_shouts_there_are_the_queries_are_as_many(client: Client, settings: Settings) -> None:
    settings.MAX_CONCURRENT_CALLS = 1000

    def asked(many: int) -> int:
        for _ in range(many):
            message = shout(delivery={"window": {"from": "09:00", "to": "10:00"}}, concurrent_calls=3)
            ready(message, 3)
        with CaptureQueriesContext(connection) as queries:
            content(client.get("/api/v1/shouts", {"userdata": USER}))
        return len(queries)

    assert asked(2) == asked(20)
