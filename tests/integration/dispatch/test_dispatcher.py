"""Many requests at once: every answer is kept, whatever else goes wrong at that moment."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api.carrierx.client import CarrierClient
from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.dispatcher import Dispatcher
from blast_api.domain.states import CallStatus
from blast_api.models import Call, Gate
from blast_api.services import delivery, shouts
from blast_api.simulator import Carrier
from tests.kits import factories, unhurried
from tests.kits.raw_server import raw_server, trickle
from tests.kits.released import dispatch, released
from tests.kits.world import World, recipient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("forty_a_second")]


def _statuses() -> set[tuple[str, bool]]:
    """Status, and whether it is in hand."""
    return {(call.status, call.held_since is not None) for call in Call.objects.all()}


def _turn_until(dispatcher: Dispatcher, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        dispatcher.turn(0.02)


def _out(dispatcher: Dispatcher, carrier: Carrier, count: int) -> None:
    """Claim, and wait until so many requests have reached the carrier, without keeping any answer."""
    dispatcher._claim()  # and not `turn`, which keeps what has come already
    deadline = time.monotonic() + 30
    while len(carrier.arrivals) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_call_is_placed_once_and_its_answer_kept(carrier: Carrier) -> None:
    released(30)
    dispatch()
    assert sorted(call.number for call in carrier.calls) == [factories.number(index) for index in range(30)]
    assert set(Call.objects.values_list("sid", flat=True)) == {call.sid for call in carrier.calls}
    assert _statuses() == {(CallStatus.ONGOING, False)}


def test_calls_placed_ahead_wait_at_the_carrier_for_their_time(carrier: Carrier) -> None:
    released(3, due=timedelta(seconds=60))
    dispatch()
    assert {call.delay for call in carrier.calls} <= {59, 60}
    assert _statuses() == {(CallStatus.PENDING, False)}
    assert all(call.started == call.due_at for call in Call.objects.all())


def test_answers_are_kept_in_one_transaction(
    carrier: Carrier, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    released(10)
    with unhurried.dispatcher() as dispatcher:
        _out(dispatcher, carrier, 10)
        time.sleep(0.2)  # for the answers, which follow at once
        with django_assert_max_num_queries(60) as queries:
            dispatcher.turn()
    begun = [query for query in queries.captured_queries if query["sql"].startswith("BEGIN")]
    assert len(begun) <= 4  # two claims and a batch


# --- A host that does not reach the carrier ------------------------------------------------------------------------


def test_a_host_that_does_not_reach_the_carrier_pauses_and_others_go_on(carrier: Carrier, settings: Settings) -> None:
    released(12)
    url = settings.BASE_CARRIERX_API_URL
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        settings.BASE_CARRIERX_API_URL = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with unhurried.dispatcher() as cut_off:
        settings.BASE_CARRIERX_API_URL = url
        _turn_until(cut_off, lambda: cut_off.unreachable_for_s is not None and not cut_off.is_busy)
        assert _statuses() == {(CallStatus.READY, False)}
        assert set(Call.objects.values_list("attempts", flat=True)) == {0}
        assert cut_off.turn() == 0  # it claims nothing meanwhile
        dispatch()
    assert len(carrier.calls) == 12
    assert Gate.objects.get(pk=Gate.Lane.CALLS).troubles == 0


# --- Callbacks before the answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "status"), [(0, "completed"), (3, "busy"), (5, "failed"), (8, "added to do not call")]
)
def test_the_answer_cannot_overwrite_a_callback_that_came_first(
    world: World, settings: Settings, ending: int, status: str
) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    settings.MAX_RETRIES = 0
    shout = world.recorded(recipient(ending))
    world.carrier.inject("callback_first", number=recipient(ending))
    world.play(rounds=1)
    assert world.calls(shout) == {recipient(ending): status}
    assert len(world.carrier.calls) == 2
    assert world.status(shout) == "finished"
    assert Call.objects.get().sid == world.carrier.calls[-1].sid


# --- Canceled while its request is out -------------------------------------------------------------------------------


@pytest.mark.parametrize(("due_s", "withdrawn"), [(60, True), (0, False)])
def test_a_call_canceled_while_its_request_is_out_is_taken_back(carrier: Carrier, due_s: int, withdrawn: bool) -> None:
    message = released(1, due=timedelta(seconds=due_s))
    carrier.inject("late", seconds=0.5)
    with unhurried.dispatcher() as dispatcher:
        _out(dispatcher, carrier, 1)
        shouts.cancel(message, now=timezone.now())
        _turn_until(dispatcher, lambda: not Call.objects.in_hand().exists())
        if withdrawn:
            _turn_until(dispatcher, lambda: bool(carrier.withdrawn))
    call = Call.objects.get()
    assert call.withdrawn
    assert call.status == (CallStatus.CANCELLED if withdrawn else CallStatus.ONGOING)
    assert carrier.withdrawn == ([call.sid] if withdrawn else [])
    assert not delivery.answered(delivery.CallAttempt(call.pk, call.serial), now=timezone.now())


# --- Slots -----------------------------------------------------------------------------------------------------------


def test_a_missed_slot_is_given_up_and_its_call_placed_once_later(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    released(5)
    with Dispatcher(tolerance_s=0.1) as dispatcher:
        submit, first = dispatcher._pool.submit, Event()

        def slow_start(*arguments: object) -> object:
            if not first.is_set():  # the first sender starts too late for its slot
                first.set()
                threading.Timer(0.6, submit, arguments).start()
                return None
            return submit(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(dispatcher._pool, "submit", slow_start)
        while dispatcher.turn(0.05) or dispatcher.is_busy:
            pass
    assert sorted(call.number for call in carrier.calls) == [factories.number(index) for index in range(5)]
    assert Call.objects.filter(serial=3, attempts=1).count() >= 1
    assert _statuses() == {(CallStatus.ONGOING, False)}


def test_a_clock_that_is_set_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock()
    clock.read()
    for step_s in (-3600, 7200, -5):
        shift, real = timedelta(seconds=step_s), database_now
        monkeypatch.setattr("blast_api.dispatch.clock.database_now", lambda shift=shift, real=real: real() + shift)
        assert abs(clock.read().timestamp() - clock.now()) < 1


# --- Keeping ---------------------------------------------------------------------------------------------------------


@contextmanager
def _failing(parameter: str, error: type[Exception]) -> Iterator[None]:
    """The database refuses every statement with this parameter."""

    def refuse(execute: Callable[..., object], sql: str, params: Any, many: bool, context: object) -> object:
        if parameter in str(params) or parameter in map(str, params or ()):
            raise error("as the test wishes")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def test_an_answer_that_cannot_be_kept_takes_no_other_with_it(carrier: Carrier) -> None:
    released(5)
    with unhurried.dispatcher() as dispatcher:
        _out(dispatcher, carrier, 5)
        with _failing(carrier.calls[2].sid, ValueError):
            _turn_until(dispatcher, lambda: not dispatcher.is_busy)
    unkept = Call.objects.get(number=carrier.calls[2].number)
    assert (unkept.sid, unkept.held_since is None) == ("", False)  # unknown, as if the answer had been lost
    assert Call.objects.filter(status=CallStatus.ONGOING).count() == 4


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_answers_wait_while_the_database_is_away(carrier: Carrier, error: type[Exception]) -> None:
    released(5)
    with unhurried.dispatcher() as dispatcher:
        _out(dispatcher, carrier, 5)
        with _failing(carrier.calls[3].sid, error), pytest.raises(error):
            _turn_until(dispatcher, lambda: not dispatcher.is_busy)
        assert Call.objects.in_hand().count() == 5
        _turn_until(dispatcher, lambda: not dispatcher.is_busy)
    assert _statuses() == {(CallStatus.ONGOING, False)}
    assert len(carrier.arrivals) == 5


def test_answers_survive_the_loss_of_the_connection(carrier: Carrier) -> None:
    released(5)
    with unhurried.dispatcher() as dispatcher:
        _out(dispatcher, carrier, 5)
        with _cut_off(), pytest.raises(OperationalError):
            _turn_until(dispatcher, lambda: not dispatcher.is_busy)
        connection.close()  # as the cron loop does
        _turn_until(dispatcher, lambda: not dispatcher.is_busy)
    assert _statuses() == {(CallStatus.ONGOING, False)}
    assert len(carrier.arrivals) == 5


@contextmanager
def _cut_off() -> Iterator[None]:
    """PostgreSQL ends our session; on SQLite another process has the file for longer than we wait."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        other = connection.copy("other")
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        other.close()
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    locker = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        locker.execute("ROLLBACK")
        locker.close()


def test_calls_in_hand_are_begun_even_if_the_errands_cannot_be_claimed(carrier: Carrier) -> None:
    released(2)
    with unhurried.dispatcher() as dispatcher:
        with _failing("errands", OperationalError), pytest.raises(OperationalError):
            dispatcher.turn()
        _turn_until(dispatcher, lambda: not dispatcher.is_busy)
    assert len(carrier.calls) == 2
    assert _statuses() == {(CallStatus.ONGOING, False)}


# --- Closing ---------------------------------------------------------------------------------------------------------


def test_closing_keeps_the_answers_that_are_out(carrier: Carrier) -> None:
    released(3)
    carrier.inject("late", seconds=0.7, times=3)
    with unhurried.dispatcher() as dispatcher:
        _out(dispatcher, carrier, 3)
    assert _statuses() == {(CallStatus.ONGOING, False)}


def test_closing_waits_for_no_trickle(settings: Settings) -> None:
    released(3)
    with raw_server(trickle(b"HTTP/1.1 200 OK\r\nX: ", *[b"x"] * 300, seconds=30)) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        with unhurried.dispatcher() as dispatcher:
            dispatcher.client = CarrierClient(configuration(), answer_timeout_s=1.0)
            dispatcher.turn()
            deadline = time.monotonic() + 30
            while len([request for request in server.requests if request.startswith("POST /flexml/v1/calls")]) < 3:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            begun = time.monotonic()
        assert time.monotonic() - begun < 4  # the bound is a second; the rest is a busy machine's
    assert Call.objects.in_hand().count() == 3  # unknown, and that was kept


def test_closing_gives_back_what_was_not_sent(carrier: Carrier, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 10
    released(5)
    with unhurried.dispatcher() as dispatcher:
        assert dispatcher.turn() > 1
    assert len(carrier.arrivals) < 5
    assert Call.objects.in_hand().count() == 0
    assert set(Call.objects.filter(sid="").values_list("attempts", flat=True)) == {0}
    Gate.objects.update(next_slot=0)
    dispatch()
    assert len(carrier.arrivals) == 5


def test_a_stopped_dispatcher_claims_nothing(carrier: Carrier) -> None:
    released(1)
    stop = Event()
    stop.set()
    with unhurried.dispatcher(stop) as dispatcher:
        assert dispatcher.turn() == 0
    assert Call.objects.get().serial == 0
