"""How long a session waits, and how long it may keep others waiting: on a real server, with a second session."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, connections, transaction

from blast_api.db import sessions
from blast_api.db.clock import AWAY, database_now
from blast_api.dispatch import gate
from blast_api.models import Gate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the suite does not run on PostgreSQL"),
]


def _ask(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (answer,) = cursor.fetchone()
    return answer


def _backend() -> object:
    return _ask("SELECT pg_backend_pid()")


def test_who_has_waited_long_enough_goes_on_in_a_new_session() -> None:
    before = _backend()
    begun = time.monotonic()
    with sessions.patience(0.2), pytest.raises(AWAY):
        _ask("SELECT 1 FROM pg_sleep(30)")
    assert time.monotonic() - begun < 10
    assert _backend() != before
    assert database_now()


def test_an_answer_in_time_is_one_and_the_next_block_has_patience_of_its_own() -> None:
    before = _backend()
    for _ in range(3):
        with sessions.patience(5.0):
            assert _ask("SELECT 7 FROM pg_sleep(0.01)") == 7
    assert _backend() == before


def test_an_error_of_the_statement_costs_no_session() -> None:
    before = _backend()
    with sessions.patience(5.0), pytest.raises(AWAY):
        _ask("SELECT nonsense")
    assert _backend() == before


def test_impatience_within_a_transaction_undoes_it() -> None:
    Gate.objects.create(lane=Gate.Lane.CALLS, next_slot=1)

    def move_on_and_hang() -> None:
        with sessions.patience(0.2), transaction.atomic():
            Gate.objects.update(next_slot=2)
            _ask("SELECT 1 FROM pg_sleep(30)")

    with pytest.raises(AWAY):
        move_on_and_hang()
    assert Gate.objects.get().next_slot == 1


def test_sessions_have_bounds_unless_somebody_has_set_others() -> None:
    assert _ask("SHOW idle_in_transaction_session_timeout") == "1min"
    assert _ask("SHOW client_connection_check_interval") == "2s"
    assert _ask("SHOW tcp_keepalives_idle") == "5"
    user = connection.settings_dict["USER"]
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER ROLE "{user}" IN DATABASE "{name}" SET idle_in_transaction_session_timeout = \'7s\'')
    try:
        connection.close()
        assert _ask("SHOW idle_in_transaction_session_timeout") == "7s"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER ROLE "{user}" IN DATABASE "{name}" RESET ALL')
        connection.close()


def test_the_gate_is_held_by_nobody_who_stands_still_and_waited_for_by_nobody_for_long() -> None:
    Gate.objects.create(lane=Gate.Lane.CALLS)
    held, done = threading.Event(), threading.Event()
    undone: list[BaseException] = []

    def stand_still() -> None:
        try:
            with transaction.atomic():
                gate.locked(Gate.Lane.CALLS)
                held.set()
                done.wait(30)
                Gate.objects.update(next_slot=2)
        except AWAY as error:
            undone.append(error)
        finally:
            connections.close_all()

    other = threading.Thread(target=stand_still)
    other.start()
    assert held.wait(10)
    begun = time.monotonic()
    with transaction.atomic():
        gate.locked(Gate.Lane.CALLS)
    assert time.monotonic() - begun < 5
    assert _ask("SHOW lock_timeout") == "0"  # of that transaction only
    done.set()
    other.join()
    assert undone
    assert Gate.objects.get().next_slot == 0
