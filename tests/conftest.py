"""What every part of the suite shares: a carrier on loopback, the service on loopback, and a way to let time pass."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from blast_api.callcontrol import views
from blast_api.domain.breaker import Breaker
from blast_api.simulator import Carrier, VirtualClock, serve
from tests.kits.world import World

# How fast examples are made and run says something of the machine, and nothing of the code.
hypothesis.settings.register_profile(
    "blast-api", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None
)
hypothesis.settings.load_profile("blast-api")


_GIVES_ACCESS = {"db", "transactional_db"}  # through whichever fixture of ours; without them pytest-django refuses


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what may differ from one database to another: `-m database` runs that, `-m "not database"` the rest."""
    fixtures = getattr(item, "fixturenames", ())
    if item.get_closest_marker("django_db") or _GIVES_ACCESS & set(fixtures):
        item.add_marker("database")


@pytest.fixture(scope="session", autouse=True)
def _scratch_folder() -> Iterator[None]:
    yield
    shutil.rmtree(settings.SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _emptied_row_by_row() -> Iterator[None]:
    """After a test that commits, PostgreSQL deletes what is there: to truncate nine tables is a hundred times as slow."""

    truncates = type(connection.ops).sql_flush

    def deletes(ops: BaseDatabaseOperations, style: Any, tables: Sequence[str], **options: bool) -> list[str]:
        if options.get("reset_sequences"):
            return truncates(ops, style, tables, **options)
        return [f"DELETE FROM {ops.quote_name(table)}" for table in tables]

    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(type(connection.ops), "sql_flush", deletes)
        yield


@pytest.fixture(autouse=True)
def _own_files(settings: Settings, tmp_path: Path) -> None:
    """Each test has record files and a state of its own."""
    settings.STATE_DIR = tempfile.mkdtemp(dir=settings.SCRATCH)
    settings.CDR_LOGGER_PATH = str(tmp_path / "cdr.log")
    settings.BDR_LOG_PATH = str(tmp_path / "bdr.log")
    settings.REC_CDR_LOG_PATH = str(tmp_path / "rec_cdr.log")


@pytest.fixture(autouse=True)
def _nobody_has_asked_yet() -> None:
    """What is counted for throttling begins anew."""
    cache.clear()


@pytest.fixture(autouse=True)
def _the_database_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test finds away is nobody else's trouble, and is asked again at once."""
    monkeypatch.setattr(views, "breakers", defaultdict(lambda: Breaker(again_s=0.0)))


@pytest.fixture
def carrier(settings: Settings) -> Iterator[Carrier]:
    """The simulated carrier over real HTTP, in time that passes only when the test says so."""
    carrier = Carrier(
        VirtualClock(),
        user=settings.FLEXML_API_USER,
        password=settings.FLEXML_API_PASSWORD,
        token=settings.CARRIERX_API_TOKEN,
    )
    with serve(carrier) as url:
        settings.BASE_CARRIERX_API_URL = url
        yield carrier


@pytest.fixture
def world(
    transactional_db: None,
    live_server: LiveServer,
    carrier: Carrier,
    settings: Settings,
) -> World:
    """The service on loopback with the carrier at its side."""
    settings.BASE_CALLCONTROL_API_URL = f"{live_server.url}/api/v1/call-control"
    settings.MAX_CALLS_PER_SECOND = 1000
    settings.RETRY_DELAY = 0  # what fails is tried again in the same run
    return World(carrier, live_server.url)
