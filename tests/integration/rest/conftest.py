from __future__ import annotations

import pytest

from tests.kits.rest import shut_the_gate


@pytest.fixture
def shut_gate(request: pytest.FixtureRequest, db: None) -> None:
    """Nothing goes to the carrier, but in tests that have one."""
    if "carrier" not in request.fixturenames:
        shut_the_gate()
