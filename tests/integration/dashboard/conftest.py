from __future__ import annotations

import pytest
from django.core.cache import caches
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """What a page of another test read a moment ago is not this one's."""
    caches["pages"].clear()


@pytest.fixture
def guarded(settings: Settings, db: None) -> None:
    """As in production: people sign in."""
    settings.DASHBOARD_OPEN = False
