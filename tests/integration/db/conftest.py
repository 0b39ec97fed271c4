from __future__ import annotations

import pytest

from blast_api.callcontrol import views


@pytest.fixture
def impatient_callbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks give a database that does not answer up soon: a test need not wait as long as a carrier does."""
    monkeypatch.setattr(views, "_PATIENCE_S", 0.2)
