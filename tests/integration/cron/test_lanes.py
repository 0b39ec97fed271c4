"""The jobs of a lane: each as often as it has something to do, and none held up by what is wrong with another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from blast_api import cron
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import LogKind, Message
from blast_api.records import writer
from blast_api.services import shouts, sweeps
from tests.kits.callbacks import lines
from tests.kits.records import in_hand, unwritten, waiting
from tests.kits.released import released


class _Job(cron.CronJob):
    """Answers so each time; an error is raised."""

    every_s = 30.0

    def __init__(self, *answers: bool | Exception) -> None:
        super().__init__()
        self.runs = 0
        self._answers = answers

    def run(self) -> bool:
        self.runs += 1
        answer = self._answers[self.runs - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _ticks(jobs: Sequence[cron.CronJob], count: int) -> list[bool]:
    return [cron._tick(jobs, Event()) for _ in range(count)]


def test_a_job_is_due_again_at_once_while_there_is_more_of_it() -> None:
    busy, idle = _Job(True, True, False), _Job(False)
    assert _ticks([busy, idle], 5) == [True, True, False, False, False]
    assert (busy.runs, idle.runs) == (3, 1)


def test_what_is_wrong_with_one_job_holds_up_no_other_and_nobody_says_that_all_is_well() -> None:
    told: list[int] = []
    failing, other = _Job(RuntimeError("as the test wishes")), _Job(True, True, True)
    telling = cron.TellOfIt(lambda: told.append(1))
    assert _ticks([failing, other, telling], 3) == [True, True, True]
    assert (failing.runs, told) == (1, [])


@pytest.mark.django_db(transaction=True)
def test_a_shout_that_was_canceled_ends_its_calls_a_piece_at_a_time() -> None:
    message = released(1250)
    shouts.cancel(message, now=timezone.now())
    left = [Message.objects.get().calls.unfinished().count()]
    while left[-1]:
        sweeps.sweep(timezone.now())
        left.append(message.calls.unfinished().count())
    assert left == [1150, 650, 150, 0]
    assert len(lines(LogKind.CDR)) == 1250
    assert Message.objects.get().closed is not None


@pytest.mark.django_db(transaction=True)
def test_what_is_wrong_with_one_shout_costs_that_one() -> None:
    """It cannot be ended, whatever it is."""
    wrong, other = released(1), released(1)
    for message in (wrong, other):
        message.calls.update(status=CallStatus.COMPLETED, finished=timezone.now())

    def fault(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if sql.startswith('UPDATE "blast_api_message"') and wrong.pk in params:
            raise RuntimeError("as the test wishes")
        return execute(sql, params, *rest)

    canceled = released(1, status=ShoutStatus.CANCELED, finished=timezone.now())
    with connection.execute_wrapper(fault):
        sweeps.sweep(timezone.now())
    assert {message.pk: message.status for message in Message.objects.all()} == {
        wrong.pk: ShoutStatus.ONGOING,
        other.pk: ShoutStatus.FINISHED,
        canceled.pk: ShoutStatus.CANCELED,
    }
    assert canceled.calls.get().status == CallStatus.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_turn_of_the_sweeps_writes_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_BATCH", 2)
    waiting(5)
    job = cron.CheckMessageStatuses()
    assert [job.run_if_due() for _ in range(4)] == [True, True, True, False]


@pytest.mark.django_db(transaction=True)
def test_who_places_calls_sweeps_nothing_and_writes_no_record() -> None:
    waiting(1)
    message = released(0, status=ShoutStatus.SCHEDULED)
    cron.place_for(0.5, Event())
    assert Message.objects.get(pk=message.pk).status == message.status
    assert (unwritten(), in_hand()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_shouts_whose_time_has_come_begin_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shouts, "_BEGUN_AT_ONCE", 2)
    for index in range(3):
        released(0, status=ShoutStatus.SCHEDULED, starts_at=timezone.now() - timedelta(seconds=index))
    assert [shouts.begin_due(timezone.now()) for _ in range(3)] == [2, 1, 0]


class _Busy(cron.CronJob):
    """Has always more to do, for a while each time."""

    every_s = 0.0

    def __init__(self, stop: Event, runs: int) -> None:
        super().__init__()
        self._stop, self._left = stop, runs

    def run(self) -> bool:
        time.sleep(0.02)
        self._left -= 1
        if not self._left:
            self._stop.set()
        return True


@pytest.mark.parametrize("gives_way", [True, False])
def test_the_sweeps_rest_for_as_long_as_they_worked_where_there_is_one_writer(*, gives_way: bool) -> None:
    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(timeout)
            return self.is_set()

    rests: list[float | None] = []
    stop = Stop()
    cron.stay((_Busy(stop, runs=5),), stop, gives_way=gives_way)
    assert len(rests) == (5 if gives_way else 0)
    assert all(rest is not None and rest >= 0.02 for rest in rests)
