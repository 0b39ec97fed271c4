from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from blast_api.callcontrol import views
from blast_api.monitoring import health


@pytest.fixture(autouse=True)
def _at_once(settings: Settings) -> None:
    """What failed is due again at once: a test of what comes afterwards need not wait."""
    settings.RETRY_DELAY = 0


@pytest.fixture
def forty_a_second(settings: Settings) -> None:
    """A pace of calls for which no test waits long."""
    settings.MAX_CALLS_PER_SECOND = 40


@pytest.fixture
def migrations_asked_anew() -> Iterator[None]:
    """A process that has seen all migrations applied asks no more: here it has not."""
    health._see_all_migrations_applied.cache_clear()
    yield
    health._see_all_migrations_applied.cache_clear()


@pytest.fixture
def impatient_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks give a database that does not answer up soon: a test need not wait as long as a carrier does."""
    monkeypatch.setattr(views, "_PATIENCE_S", 0.2)


@pytest.fixture
def wide_gate(settings: Settings) -> None:
    """Some fifty calls are claimed at once."""
    settings.MAX_CALLS_PER_SECOND = 100
