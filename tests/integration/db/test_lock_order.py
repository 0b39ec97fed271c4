"""Two sessions that need the same rows: one waits for the other, and what the database undoes is run again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from blast_api.carrierx.client import Accepted
from blast_api.db.undone import again_if_undone
from blast_api.dispatch.jobs import PlaceCall, keep_all
from blast_api.domain.states import CallStatus
from blast_api.models import Call
from blast_api.services import shouts
from tests.kits.processes import wait_until
from tests.kits.released import claim, released
from tests.kits.rest import shut_the_gate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]


class Other:
    """Another session, in a thread of its own; what it raised comes up when it is joined."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,))
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            self._error = error
        finally:
            connections.close_all()

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()
        if self._error:
            raise self._error

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        return cursor.fetchone() is not None


def test_answers_are_kept_while_their_shout_is_canceled() -> None:
    """The last call's answer is there first; the first call's comes to nothing; the cancellation comes between them."""
    shout = released(2)
    first, last = (job for job in claim().jobs if isinstance(job, PlaceCall))
    begun, go_on = threading.Event(), threading.Event()

    def keep() -> None:
        def pause(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            result = execute(sql, params, many, context)
            if "blast_api_call" in sql:
                begun.set()
                go_on.wait(20)
            return result

        with connection.execute_wrapper(pause), transaction.atomic():
            keep_all([(last, Accepted("sid", {})), (first, None)], now=timezone.now())

    keeping = Other(keep)
    assert begun.wait(10)
    canceling = Other(lambda: shouts.cancel.__wrapped__(shout, now=timezone.now()))  # type: ignore[attr-defined]
    wait_until(lambda: canceling.is_over or _somebody_waits())
    go_on.set()
    keeping.join()
    canceling.join()
    shout.refresh_from_db()
    assert shout.status == "canceled"
    withdrawn = Call.objects.get(pk=last.attempt.call_id)
    assert (withdrawn.sid, withdrawn.withdrawn) == ("sid", True)
    assert Call.objects.get(pk=first.attempt.call_id).status == CallStatus.CANCELLED


def test_a_cancellation_that_the_database_undoes_is_run_again(client: Client) -> None:
    """Somebody locks its calls the other way round, and waits for longer."""
    shut_the_gate()
    shout = released(2)
    first, last = shout.calls.order_by("pk").values_list("pk", flat=True)
    Call.objects.update(held_since=timezone.now(), serial=1)
    answers: list[int] = []
    lock = "SELECT 1 FROM blast_api_call WHERE id = %s FOR UPDATE"
    of_test = connection.settings_dict
    with psycopg.connect(
        host=of_test["HOST"], port=of_test["PORT"], user=of_test["USER"], dbname=of_test["NAME"]
    ) as other:
        other.execute(lock, [last])
        canceling = Other(lambda: answers.append(client.delete(f"/api/v1/shouts/{shout.pk};cancel").status_code))
        wait_until(lambda: canceling.is_over or _somebody_waits())
        with suppress(psycopg.errors.DeadlockDetected):  # on a busy machine it may be the one that is undone
            other.execute(lock, [first])
        other.rollback()
    canceling.join()
    assert answers == [200]


def _undone(code: str) -> OperationalError:
    error = OperationalError("undone")
    error.__cause__ = psycopg.errors.lookup(code)()
    return error


@pytest.mark.parametrize(("code", "times"), [("40P01", 3), ("40001", 3), ("55P03", 1)])
def test_only_what_was_undone_is_run_again_and_not_for_ever(code: str, times: int) -> None:
    runs: list[int] = []

    @again_if_undone
    def transact() -> None:
        runs.append(1)
        raise _undone(code)

    with pytest.raises(OperationalError):
        transact()
    assert len(runs) == times


def test_within_a_transaction_the_outermost_one_is_run_again() -> None:
    runs: list[str] = []

    @again_if_undone
    def inner() -> None:
        runs.append("inner")
        if runs.count("inner") == 1:
            raise _undone("40P01")

    @again_if_undone
    def outer() -> None:
        runs.append("outer")
        with transaction.atomic():
            inner()

    outer()
    assert runs == ["outer", "inner", "outer", "inner"]
