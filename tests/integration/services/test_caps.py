"""What a cap per number counts: for one call as it is claimed, and for many numbers at once, by index."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from blast_api.carrierx.events import Answerer
from blast_api.db import bulk
from blast_api.domain.rules.limits import FrequencyCap, Scope
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call
from blast_api.services import caps
from tests.kits import factories
from tests.kits.factories import USER, number

pytestmark = pytest.mark.django_db

CAP = FrequencyCap(3, 30, Scope.USER)
OF_ALL_USERS = FrequencyCap(3, 30, Scope.APPLICATION)
HEARD: dict[str, Any] = {"status": CallStatus.COMPLETED, "answerer": Answerer.HUMAN.value}


def _call(*, days_ago: int = 1, shout: dict[str, Any] | None = None, **fields: Any) -> Call:
    """A call to the number 1, of a shout of its own, answered so long ago."""
    answered = timezone.now() - timedelta(days=days_ago) if fields.get("answerer") else None
    defaults: dict[str, Any] = {"number": number(1), "answered": answered}
    return factories.call(factories.message(**shout or {}), **defaults | fields)


def _counted(cap: FrequencyCap = CAP) -> int:
    """By the claim's column and by the bulk form, which agree."""
    now, own = timezone.now(), factories.application()
    asked = factories.call(factories.message(), number=number(1), status=CallStatus.READY)
    column = caps.heard_or_up(cap, own.pk, USER, now=now)
    (count,) = Call.objects.filter(pk=asked.pk).annotate(count=column).values_list("count", flat=True)
    numbers = [number(0), number(1)]
    assert caps.heard_or_up_by_number(cap, own.pk, USER, numbers, now=now) == ({number(1): count} if count else {})
    return int(count)


@pytest.mark.parametrize("answerer", ["HUMAN", "MACHINE", "NOTSURE"])
def test_a_call_that_was_heard_counts(answerer: str) -> None:
    _call(status=CallStatus.COMPLETED, answerer=answerer)
    _call(status=CallStatus.TIMED_OUT, answerer=answerer)
    assert _counted() == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"status": CallStatus.READY, "held_since": timezone.now()},
        {"status": CallStatus.PENDING, "sid": "s"},
        {"status": CallStatus.ONGOING},
        {"status": CallStatus.ONGOING, "answerer": "HUMAN"},
    ],
)
def test_a_call_that_the_carrier_has_counts_once(fields: dict[str, Any]) -> None:
    _call(**fields)
    assert _counted() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"status": CallStatus.NO_ANSWER},
        {"status": CallStatus.NO_ANSWER, "answerer": "HANGUP"},
        {"status": CallStatus.READY},
        {"status": CallStatus.PENDING},
        {"status": CallStatus.CAPPED},
        HEARD | {"days_ago": 31},
        HEARD | {"shout": {"userdata": "another"}},
        HEARD | {"number": number(2)},
    ],
)
def test_what_nobody_heard_or_long_ago_or_of_others_does_not_count(fields: dict[str, Any]) -> None:
    _call(**fields)
    assert _counted() == 0


def test_other_users_count_where_the_scope_is_the_application() -> None:
    _call(shout={"userdata": "another"}, **HEARD)
    _call(shout={"application": factories.application_with_token("t")}, **HEARD)
    assert (_counted(OF_ALL_USERS), _counted()) == (1, 0)


def test_however_many_numbers_there_are_one_query_counts(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    own = factories.application()
    with django_assert_num_queries(1):
        caps.heard_or_up_by_number(CAP, own.pk, USER, [number(index) for index in range(5000)], now=timezone.now())


def _column() -> str:
    column = caps.heard_or_up(CAP, factories.application().pk, USER, now=timezone.now())
    latest = Call.objects.order_by("-pk").values_list("pk", flat=True)[:20]
    calls = Call.objects.filter(pk__in=list(latest)).annotate(count=column)
    return str(calls.explain())


def _of_many() -> str:
    numbers = [number(index) for index in range(50)]
    return str(caps._to(numbers, CAP, factories.application().pk, USER, now=timezone.now()).explain())


@pytest.mark.parametrize("asked", [_column, _of_many], ids=["column", "bulk"])
def test_the_calls_to_a_number_are_found_by_it(asked: Callable[[], str]) -> None:
    now = timezone.now()
    for shout in range(40):
        past = factories.message(status=ShoutStatus.FINISHED, closed=now, finished=now)
        rows = [[position, number(500 * shout + position)] for position in range(500)]
        bulk.insert(Call, ["position", "number"], rows, message_id=past.pk, answered=now, finished=now, **HEARD)
    if connection.vendor == "postgresql":  # as the cron jobs have it do; SQLite never does by itself
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    plan = asked()
    assert "call_by_number" in plan, plan
    assert not re.search(r"SCAN (blast_api_call|U0)|Seq Scan on blast_api_call ", plan), plan
