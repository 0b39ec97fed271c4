from __future__ import annotations

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _at_once(settings: Settings) -> None:
    """What failed is due again at once: a test of what comes afterwards need not wait."""
    settings.RETRY_DELAY = 0
