"""With 20,000 calls, nearly all of them settled, no hot query reads them all: the planner is asked, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from blast_api.carrierx.events import StatusReport
from blast_api.db import bulk
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.errands import claim_errands
from blast_api.domain.recipients import Recipient
from blast_api.domain.rules.listing import ListedBy
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, DoNotCallNumber, OperatorsNumber
from blast_api.monitoring import exposition
from blast_api.services import creation, delivery, dnc, preflight, shouts, silence, sweeps
from blast_api.services.dnc import DoNotCallList
from tests.kits import factories
from tests.kits.released import claim, hold, released

pytestmark = pytest.mark.django_db

_SETTLED = 20_000
_LISTED = 20_000
_SHOUTS = 20
_HELD = 9_000


def _settled_past() -> None:
    for _ in range(_SHOUTS):
        past = factories.message(status=ShoutStatus.FINISHED, closed=timezone.now(), finished=timezone.now())
        rows = [[position, factories.number(position)] for position in range(_SETTLED // _SHOUTS)]
        ended = {"status": CallStatus.COMPLETED, "finished": timezone.now()}
        bulk.insert(Call, ["position", "number"], rows, message_id=past.pk, **ended)


def _long_lists() -> None:
    """Of one user, of all users of the application, and of the operator."""
    application = factories.application()
    for userdata in (factories.USER, dnc.ALL_USERS):
        rows = [[factories.number(50_000 + index)] for index in range(_LISTED // 2)]
        bulk.insert(DoNotCallNumber, ["number"], rows, application_id=application.pk, userdata=userdata)
    bulk.insert(OperatorsNumber, ["number"], ([factories.number(50_000 + index)] for index in range(_LISTED // 2)))


@contextmanager
def _plans() -> Iterator[list[tuple[str, str]]]:
    """Every statement about calls that is run in the block, with the plan the database made for it."""
    plans: list[tuple[str, str]] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not many and "blast_api_call" in sql and re.match(r"SELECT|UPDATE", sql):
            prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            with connection.connection.cursor() if connection.vendor == "postgresql" else _raw() as cursor:
                written = sql if connection.vendor == "postgresql" else sql.replace("%s", "?")
                cursor.execute(f"{prefix} {written}", params)
                plans.append((sql, "\n".join(str(row[-1]) for row in cursor.fetchall())))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


@contextmanager
def _raw() -> Iterator[Any]:
    cursor = connection.connection.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


def _full_scans(plans: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(sql, plan) for sql, plan in plans if re.search(_FULL_SCAN[connection.vendor], plan, re.MULTILINE)]


_FULL_SCAN = {
    # A partial index, scanned whole, is as good as a search: it holds nothing but what is looked for.
    "sqlite": r"SCAN (blast_api_call|U0)(?! USING (COVERING )?INDEX call_)",
    "postgresql": r"Seq Scan on (blast_api_call|blast_api_donotcallnumber|blast_api_operatorsnumber) ",
}
# Each question about a list is one search for one number: by all columns of its index.
_LIST_SEARCH = {
    "sqlite": (
        r"SEARCH .* \(application_id=\? AND userdata=\? AND number=\?\)",
        r"SEARCH .*operatorsnumber\S* \(number=\?\)",
    ),
    "postgresql": (
        r"using dnc_once on .*\n +Index Cond: .*application_id = .* AND \(userdata = ANY .* AND \(number = ",
        r"using dnc_operators_once on .*\n +Index Cond: \(number = ",
    ),
}


@pytest.fixture
def _many_settled_calls() -> None:
    _settled_past()
    _long_lists()
    released(40)
    call = Call.objects.latest("pk")
    hold(call, since=timezone.now() - timedelta(hours=1), due_at=timezone.now() - timedelta(hours=1))
    canceled = released(3, status=ShoutStatus.CANCELED)
    canceled.calls.update(status=CallStatus.PENDING, sid="s", withdrawn=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _held() -> delivery.CallAttempt:
    return delivery.CallAttempt(Call.objects.in_hand().values_list("pk", flat=True).get(), 1)


def lapse() -> None:
    assert delivery.lapse(timezone.now()) == 1


def status_callback() -> None:
    ended = StatusReport(CallStatus.COMPLETED, "completed", "s", 9, {})
    delivery.settled(_held(), ended, now=timezone.now())


def answer_callback() -> None:
    assert delivery.answered(_held(), now=timezone.now())


def listed_meanwhile() -> None:
    assert not Call.objects.in_hand().filter(dnc.listed()).exists()


def listing_one() -> None:
    dnc.put(DoNotCallList(factories.application().pk), [factories.number(1)], by=ListedBy.API)


def listing_many() -> None:
    numbers = [factories.number(30_000 + index) for index in range(5000)]
    dnc.put(DoNotCallList(), numbers, by=ListedBy.IMPORT)


def errands() -> None:
    assert len(claim_errands(DatabaseClock(), room=10)) == 3


def asking() -> None:
    Call.objects.in_hand().update(
        status=CallStatus.ONGOING, held_since=None, started=timezone.now() - timedelta(hours=1)
    )
    assert len(silence.claim_to_ask(timezone.now())) == 1


def sweep() -> None:
    sweeps.expire(timezone.now())
    sweeps.finish(timezone.now())
    shouts.begin_due(timezone.now())


def scrape() -> None:
    assert b"\nblast_api_database_up 1.0" in exposition.exposition("")[0]


def foretelling() -> None:
    recipients = [Recipient(factories.number(index)) for index in range(50)]
    new = creation.NewShout(userdata=factories.USER, caller=factories.AUTHOR, recipients=recipients)
    with override_settings(CALLING_WINDOW={"from": "09:00", "to": "10:00"}):  # of the cap, `test_caps` asks
        preflight.preflight(factories.application(), new, now=timezone.now())


@pytest.mark.usefixtures("_many_settled_calls")
@pytest.mark.parametrize(
    "work",
    [
        claim,
        lapse,
        status_callback,
        answer_callback,
        errands,
        asking,
        sweep,
        scrape,
        foretelling,
        listing_one,
        listing_many,
    ],
    ids=lambda work: work.__name__,
)
def test_no_hot_query_reads_all_calls(work: Callable[[], object]) -> None:
    with _plans() as plans:
        work()
    assert plans
    assert _full_scans(plans) == []


@pytest.mark.usefixtures("_many_settled_calls")
def test_the_claim_finds_its_calls_by_their_own_index() -> None:
    with _plans() as plans:
        assert claim().jobs
    chosen = [plan for sql, plan in plans if sql.startswith("SELECT") and 'ORDER BY "blast_api_call"."due_at"' in sql]
    assert chosen
    assert all("call_to_claim" in plan for plan in chosen), plans


@pytest.mark.usefixtures("_many_settled_calls")
@pytest.mark.parametrize("work", [claim, answer_callback, listed_meanwhile])
def test_a_list_is_searched_for_one_number_however_long_it_is(work: Callable[[], object]) -> None:
    """That of the user, that of all users of the application, and the operator's."""
    _searches_lists_for_one_number(work)


def _searches_lists_for_one_number(work: Callable[[], object]) -> None:
    with _plans() as plans:
        work()
    asked = [plan for sql, plan in plans if "blast_api_donotcallnumber" in sql]
    assert asked
    for plan in asked:
        for search in _LIST_SEARCH[connection.vendor]:
            assert re.search(search, plan), plan
    assert _full_scans(plans) == []


@pytest.mark.usefixtures("_many_settled_calls")
def test_so_it_is_when_a_shout_has_very_many_calls_of_which_a_few_are_claimed() -> None:
    """A planner that expects many questions would rather read the whole list, for each claim anew."""
    Call.objects.in_hand().update(held_since=None)
    released(_SETTLED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    _searches_lists_for_one_number(claim)


@pytest.fixture
def _many_held_calls() -> None:
    """They wait for the morning, within every other bound that a shout may have; and a few are due."""
    _settled_past()
    _long_lists()
    due = timedelta(days=1)
    until = timezone.now() + timedelta(days=2)
    bounds: dict[str, Any] = {"concurrent_calls": 30, "calls_per_second": 5, "until": until}
    released(_HELD, due=due, delivery={"window": {"from": "09:00", "to": "20:30"}}, **bounds)
    released(_HELD, due=due)
    released(5, concurrent_calls=3)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@pytest.mark.usefixtures("_many_held_calls")
@pytest.mark.parametrize("work", [claim, sweep], ids=lambda work: work.__name__)
def test_what_is_held_is_not_read(work: Callable[[], object]) -> None:
    with _plans() as plans:
        work()
    assert plans
    assert _full_scans(plans) == []


@pytest.mark.usefixtures("_many_settled_calls")
def test_the_lapse_finds_its_calls_by_their_own_index() -> None:
    with _plans() as plans:
        lapse()
    assert "call_unconfirmed" in plans[0][1]


@pytest.mark.usefixtures("_many_settled_calls")
def test_metrics_read_indexes_only_each_the_one_that_was_made_for_it() -> None:
    with _plans() as plans:
        scrape()
    named = ("call_open_by_status", "call_to_claim", "call_unconfirmed")
    assert all(any(name in plan for name in named) for _, plan in plans), plans
    assert all("LIMIT" in sql for sql, _ in plans)
    by_status = [plan for sql, plan in plans if '"finished" IS NULL' in sql]
    assert len(by_status) == 3
    assert all("call_open_by_status" in plan for plan in by_status)
