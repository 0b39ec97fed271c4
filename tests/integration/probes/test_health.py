"""What a probe is told: whether the process is up, and whether the service can do its work."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations import Migration
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api import __version__
from blast_api.carrierx.client import Outcome, Refusal, Refused
from blast_api.dispatch import gate
from blast_api.models import Container, CronHost, Gate
from blast_api.monitoring import health
from tests.kits import factories

pytestmark = pytest.mark.django_db

_RAN = {"state": "ok", "last_run": ANY}
_AWAITED = {"state": "awaited", "free": None, "checked": None}
_WELL = {"state": "ok", "cause": None, "since": None, "until": None}
_DENIED = Refused(Refusal.ALL_OF_US, "401 Unauthorized {'password': 'swordfish'}", 401)


@pytest.fixture(autouse=True)
def _all_is_well(settings: Settings, migrations_asked_anew: None) -> None:
    settings.API_TOKEN_REQUIRED = True
    Gate.objects.get_or_create(pk=Gate.Lane.CALLS)
    health.cron_ran("a host", now=timezone.now())


def _ready(client: Client) -> tuple[int, Any]:
    answer = client.get("/readyz")
    assert "no-store" in answer["Cache-Control"]
    return answer.status_code, answer.json()


@contextmanager
def _database(answer: Callable[..., object]) -> Iterator[None]:
    with connection.execute_wrapper(answer):
        yield


def test_a_process_that_is_up_says_so_without_a_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_questions_are_only_asked(client: Client, path: str) -> None:
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_a_service_that_can_do_its_work_is_ready(client: Client) -> None:
    told: dict[str, object] = {"status": "ok", "database": "ok", "migrations": "ok"}
    told |= {"cron": _RAN, "carrier": _WELL, "storage": _AWAITED}
    assert _ready(client) == (200, told)
    Gate.objects.all().delete()  # as it is before the first call
    assert _ready(client) == (200, told)


def test_to_be_asked_often_costs_four_short_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    _ready(client)
    with django_assert_max_num_queries(4):
        _ready(client)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_told(client: Client, error: type[Exception]) -> None:
    def refuse(*_: object) -> object:
        raise error("password=swordfish")

    with _database(refuse):
        assert _ready(client) == (
            503,
            {"status": "failing", "database": "away"} | dict.fromkeys(("migrations", "cron", "carrier", "storage")),
        )
    assert _ready(client)[0] == 200


def test_migrations_that_are_not_applied_are_told_until_they_are(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        later = Migration("0009_later", "blast_api")
        context.setattr("django.db.migrations.executor.MigrationExecutor.migration_plan", lambda *_: [(later, False)])
        status, told = _ready(client)
        assert (status, told["migrations"], told["carrier"]) == (503, "unapplied", None)
    assert _ready(client)[0] == 200


@pytest.mark.parametrize(
    ("outcome", "cause", "status"),
    [
        (_DENIED, "denied", 503),
        (Refused(Refusal.ALL_OF_US, "302 Found swordfish", 302), "denied", 503),
        (Refused(Refusal.FOR_NOW, "429 swordfish", 429, retry_after_s=30), "busy", 200),
    ],
)
def test_trouble_with_the_carrier_is_told_in_our_own_words(
    client: Client, outcome: Outcome, cause: str, status: int
) -> None:
    now = timezone.now()
    gate.heed(outcome, now=now)
    found, told = _ready(client)
    assert (found, told["status"]) == (status, "ok" if status == 200 else "failing")
    assert (told["carrier"]["state"], told["carrier"]["cause"]) == ("shut", cause)
    assert told["carrier"]["since"] < told["carrier"]["until"]
    assert "swordfish" not in str(told)


def test_who_was_denied_is_failing_until_a_call_is_taken(client: Client) -> None:
    first = timezone.now() - timedelta(minutes=3)
    gate.heed(_DENIED, now=first)
    status, told = _ready(client)
    assert (status, told["carrier"]["state"], told["carrier"]["until"]) == (503, "on trial", None)
    since = told["carrier"]["since"]
    gate.heed(_DENIED, now=timezone.now())
    status, told = _ready(client)
    assert (status, told["carrier"]["state"], told["carrier"]["since"]) == (503, "shut", since)
    Gate.objects.update(shut_until=timezone.now() - timedelta(seconds=1))
    gate.taken(timezone.now().timestamp(), now=timezone.now())
    status, told = _ready(client)
    assert (status, told["carrier"]) == (200, _WELL)


@pytest.mark.parametrize(
    ("ago_s", "state", "status"), [(0, "ok", 200), (170, "ok", 200), (190, "late", 503), (86400, "late", 503)]
)
def test_cron_jobs_that_do_not_run_any_more_are_a_failure(
    client: Client, ago_s: float, state: str, status: int
) -> None:
    last_run = timezone.now() - timedelta(seconds=ago_s)
    CronHost.objects.update(last_run=last_run)
    health.cron_ran("another host", now=last_run - timedelta(hours=1))
    found, told = _ready(client)
    assert (found, told["cron"]["state"]) == (status, state)
    assert told["cron"]["last_run"][:19] == last_run.isoformat()[:19]


def test_the_operator_says_how_long_cron_may_be_silent(client: Client, settings: Settings) -> None:
    CronHost.objects.update(last_run=timezone.now() - timedelta(seconds=190))
    settings.CRON_TIMEOUT = 600
    assert _ready(client)[0] == 200


def test_where_one_host_runs_the_jobs_another_may_be_silent(client: Client) -> None:
    health.cron_ran("another host", now=timezone.now() - timedelta(hours=1))
    assert _ready(client)[0] == 200


def test_a_new_service_has_time_for_its_first_cron_run(client: Client) -> None:
    CronHost.objects.all().delete()
    migrations = MigrationRecorder.Migration.objects.all()
    migrations.update(applied=timezone.now() - timedelta(days=1))
    migrations.filter(name__startswith="0001").update(applied=timezone.now() - timedelta(seconds=100))
    status, told = _ready(client)
    assert (status, told["cron"]) == (200, {"state": "awaited", "last_run": None})
    migrations.update(applied=timezone.now() - timedelta(seconds=190))
    status, told = _ready(client)
    assert (status, told["cron"]) == (503, {"state": "never ran", "last_run": None})


# --- Room for recordings ---------------------------------------------------------------------------------------------


def _container(**fields: object) -> Container:
    """One that is known, and as full as the fields say."""
    numbers = {"quota_files": 1000, "total_files": 0, "quota_bytes": 10**9, "total_bytes": 0}
    return factories.container(**numbers | fields)


@pytest.mark.parametrize(
    ("fields", "state", "free", "status"),
    [
        ({}, "ok", 1.0, 200),
        ({"total_files": 800}, "ok", 0.2, 200),
        ({"total_files": 801}, "short", 0.199, 200),
        ({"total_files": 900}, "short", 0.1, 200),
        ({"total_files": 901}, "nearly full", 0.099, 503),
        ({"total_files": 1001}, "nearly full", 0.0, 503),
        ({"total_bytes": 95 * 10**7}, "nearly full", 0.05, 503),
        ({"quota_files": 0}, "nearly full", 0.0, 503),
        ({"quota_files": None, "quota_bytes": None, "total_files": 10**6}, "ok", 1.0, 200),
        ({"refused": True}, "refused", 1.0, 503),
        ({"refused": True, "sid": "", "checked": None}, "refused", None, 503),
        ({"sid": "", "checked": None}, "awaited", None, 200),
    ],
)
def test_a_store_that_fills_up_is_a_failure_before_it_is_full(
    client: Client, fields: dict[str, object], state: str, free: float | None, status: int
) -> None:
    _container(**fields)
    found, told = _ready(client)
    assert (found, told["status"]) == (status, "ok" if status == 200 else "failing")
    assert (told["storage"]["state"], told["storage"]["free"]) == (state, free)


@pytest.mark.parametrize(("minutes", "state", "status"), [(59, "ok", 200), (61, "unwatched", 503)])
def test_a_store_of_which_nothing_is_heard_for_an_hour_is_a_failure(
    client: Client, minutes: int, state: str, status: int
) -> None:
    _container(since=timezone.now() - timedelta(minutes=minutes))
    found, told = _ready(client)
    assert (found, told["storage"]["state"]) == (status, state)


def test_only_the_container_in_use_is_told_of(client: Client, settings: Settings) -> None:
    _container(total_files=1000)
    settings.RECORDING_CONTAINER = "another"
    assert _ready(client)[1]["storage"] == _AWAITED
    _container(key="another")
    assert _ready(client)[1]["storage"]["state"] == "ok"


@pytest.mark.parametrize(("minutes", "status"), [(1, 200), (6, 503)])
def test_a_host_that_does_not_reach_the_carrier_says_so_and_others_do_not(
    client: Client, minutes: int, status: int
) -> None:
    now = timezone.now()
    since = now - timedelta(minutes=minutes)
    health.cron_ran("another host", now=now, unreachable_since=since)
    assert _ready(client)[1]["carrier"]["state"] == "ok"
    health.cron_ran(socket.gethostname()[:64], now=now, unreachable_since=since)
    found, told = _ready(client)
    assert (found, told["carrier"]["state"]) == (status, "unreachable")
    health.cron_ran(socket.gethostname()[:64], now=now)
    assert _ready(client)[1]["carrier"]["state"] == "ok"
