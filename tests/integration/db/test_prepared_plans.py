"""Statements that were run while there was nothing read no whole table once it is full, although nobody has analyzed it since.

A plan that is kept is one for the table that was: so PostgreSQL is asked how many rows each way of reading has fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from blast_api.carrierx.events import Answerer, StatusReport
from blast_api.db import bulk, statistics
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, Call, DoNotCallNumber, Message, OperatorsNumber
from blast_api.services import attempts, delivery, dnc, shouts, sweeps
from tests.kits import factories
from tests.kits.released import claim, released

pytestmark = [
    pytest.mark.django_db(transaction=True),  # tables are really empty at first
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans a statement each time that it is run"),
]

_OFTEN = 16  # a statement is prepared after five times, and its plan kept after five more
_MANY = 5_000


@contextmanager
def _nothing_read_whole() -> Iterator[None]:
    """Nobody goes through the tables of calls, attempts and listed numbers in the block, which is one transaction."""
    with transaction.atomic():
        before = _read_whole()
        yield
        assert _read_whole() == before


def _read_whole() -> int:
    """Rows that were read by going through these tables, in this transaction."""
    names = "('blast_api_call', 'blast_api_attempt', 'blast_api_donotcallnumber', 'blast_api_operatorsnumber')"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE relname IN {names}")
        (count,) = cursor.fetchone()
    return int(count)


def _grown() -> Message:
    """Nearly all of them settled long ago, and many numbers are listed, of the user, of all users and of the operator."""
    past = factories.message(status=ShoutStatus.FINISHED, closed=timezone.now(), finished=timezone.now())
    rows = [[position, factories.number(position)] for position in range(_MANY)]
    bulk.insert(Call, ["position", "number"], rows, message_id=past.pk, status="completed", finished=timezone.now())
    now = timezone.now()
    placed = {"serial": 1, "number": 1, "claimed": now, "ended": now, "ending": "completed", "written": now}
    rows = [[pk, f"r{pk}"] for pk in past.calls.values_list("pk", flat=True)]
    bulk.insert(Attempt, ["call_id", "record"], rows, message_id=past.pk, **placed)
    for userdata in (past.userdata, dnc.ALL_USERS):
        listed = [[factories.number(_MANY + index)] for index in range(_MANY)]
        bulk.insert(DoNotCallNumber, ["number"], listed, application_id=past.application_id, userdata=userdata)
    bulk.insert(OperatorsNumber, ["number"], ([factories.number(_MANY + index)] for index in range(_MANY)))
    return released(40)


def _planner_looks() -> None:
    """As `runcrons` has it do each second, once the server has counted the rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert statistics.refresh()
    assert not statistics.refresh()


def turn() -> None:
    now = timezone.now()
    claim()
    delivery.lapse(now)
    delivery.recalled()
    shouts.begin_due(now)
    sweeps.expire(now)
    sweeps.finish(now)


def test_a_dispatcher_that_had_nothing_to_do_finds_what_there_is_by_its_indexes() -> None:
    for _ in range(_OFTEN):
        turn()
    _grown()
    _planner_looks()
    with _nothing_read_whole():
        turn()
        assert Call.objects.in_hand().exists()


def _hear(attempt: delivery.CallAttempt) -> None:
    assert delivery.answered(attempt, now=timezone.now())
    assert delivery.detected(attempt, Answerer.HUMAN, now=timezone.now())


def _end(attempt: delivery.CallAttempt) -> None:
    delivery.settled(attempt, StatusReport(CallStatus.COMPLETED, "completed", "s", 9, {}), now=timezone.now())
    assert Call.objects.get(pk=attempt.call_id).finished


def _keep(attempt: delivery.CallAttempt) -> None:
    delivery.accepted([delivery.Placed(attempt, "s", False, timezone.now())])
    assert Call.objects.get(pk=attempt.call_id).sid


def _give_back(attempt: delivery.CallAttempt) -> None:
    assert delivery.give_back([attempt]) == 1


@pytest.mark.parametrize("work", [_hear, _end, _keep, _give_back])
def test_callbacks_of_a_few_calls_leave_no_plan_to_those_of_many(
    work: Callable[[delivery.CallAttempt], None],
) -> None:
    few = released(_OFTEN)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    _hold_all(few)
    for call in few.calls.all():
        work(delivery.CallAttempt(call.pk, 1))
    many = _grown()
    _hold_all(many)
    _planner_looks()
    one = many.calls.values_list("pk", flat=True)[0]
    with _nothing_read_whole():
        work(delivery.CallAttempt(one, 1))


def _hold_all(message: Message) -> None:
    message.calls.update(held_since=timezone.now() - timedelta(seconds=1), serial=1, attempts=1)


def test_what_callbacks_ask_is_prepared_and_nothing_else() -> None:
    message = released(1)
    _hold_all(message)
    call = message.calls.get()
    turn()
    for _ in range(_OFTEN):
        attempts.to_settle(delivery.CallAttempt(call.pk, 1))
        Message.objects.filter(pk=message.pk).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        prepared = [statement for (statement,) in cursor.fetchall()]
    assert any('"blast_api_call"."serial"' in statement for statement in prepared)
    assert not [statement for statement in prepared if statement.startswith('SELECT 1 AS "a"')]
