"""With 20,000 attempts whose lines are written, nothing that is asked of attempts reads them all, on both databases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from blast_api.db import bulk, state_dir
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, Call
from blast_api.monitoring import exposition
from blast_api.records import writer
from blast_api.services import delivery, history
from tests.kits import factories
from tests.kits.records import attempts
from tests.kits.released import claim, released

pytestmark = pytest.mark.django_db

_PAST = 20_000
_FULL_SCAN = {
    # A partial index, scanned whole, holds nothing but what is looked for.
    "sqlite": r"SCAN (blast_api_attempt|U0)(?! USING (COVERING )?INDEX attempt_(to_write|in_hand))",
    "postgresql": r"Seq Scan on blast_api_attempt",
}


def _past() -> None:
    now = timezone.now()
    past = factories.message(status=ShoutStatus.FINISHED, closed=now, finished=now)
    rows = [[position, factories.number(position)] for position in range(_PAST)]
    bulk.insert(Call, ["position", "number"], rows, message_id=past.pk, status=CallStatus.COMPLETED, finished=now)
    pks = past.calls.values_list("pk", flat=True)
    ended = {"number": 1, "claimed": now, "ended": now, "ending": "completed", "written": now}
    bulk.insert(Attempt, ["call_id", "record"], ([pk, f"r{pk}"] for pk in pks), message_id=past.pk, serial=1, **ended)


@contextmanager
def _plans() -> Iterator[list[tuple[str, str]]]:
    """Every statement about attempts that is run in the block, with the plan the database made for it."""
    plans: list[tuple[str, str]] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not many and "blast_api_attempt" in sql and re.match(r"SELECT|UPDATE|DELETE|WITH", sql):
            prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            written = sql if connection.vendor == "postgresql" else sql.replace("%s", "?")
            cursor = connection.connection.cursor()
            cursor.execute(f"{prefix} {written}", params)
            plans.append((sql, "\n".join(str(row[-1]) for row in cursor.fetchall())))
            cursor.close()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def _write() -> None:
    assert writer.write_due() > 0


def _settle() -> None:
    """What a dead writer had in hand, beside a backlog that nobody has."""
    writer._settle(state_dir.host())


def _place_and_give_back() -> None:
    released(20)
    assert delivery.give_back([job.attempt for job in claim().jobs]) > 0  # type: ignore[attr-defined]  # calls to recipients


def _tell() -> None:
    history.of_call(Call.objects.latest("pk"))


def _count() -> None:
    list(exposition._records(timezone.now()))


@pytest.mark.parametrize("work", [_write, _settle, _place_and_give_back, _tell, _count])
def test_no_question_reads_the_attempts_of_the_past(work: Callable[[], None]) -> None:
    _past()
    attempts(50, timezone.now())
    last = Attempt.objects.latest("pk").pk
    Attempt.objects.filter(pk=last).update(taken=timezone.now(), writer=state_dir.host())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    with _plans() as plans:
        work()
    assert plans
    assert [(sql, plan) for sql, plan in plans if re.search(_FULL_SCAN[connection.vendor], plan)] == []


def test_what_waits_is_found_by_the_index_of_the_outbox() -> None:
    _past()
    attempts(5, timezone.now() - timedelta(hours=1))
    with _plans() as plans:
        assert writer.write_due() == 5
    asked = [plan for sql, plan in plans if sql.startswith("SELECT") and "ORDER BY" in sql]
    assert any("attempt_to_write" in plan for plan in asked), asked
    assert any("attempt_in_hand" in plan for plan in asked), asked
