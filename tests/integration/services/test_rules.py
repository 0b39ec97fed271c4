from __future__ import annotations

from datetime import UTC, datetime, time

import pytest
from pytest_django import Settings

from blast_api.conf import configuration
from blast_api.domain.rules.window import Window
from blast_api.services import rules
from tests.kits.factories import message

UNTIL = datetime(2030, 1, 31, 17, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def test_a_shout_that_says_nothing_has_the_operators_rules() -> None:
    assert rules.in_force(message()) == configuration().delivery
    assert rules.caller_id(message()) == configuration().did


def test_what_a_shout_says_is_in_force(settings: Settings) -> None:
    settings.CALLING_WINDOW = {"from": "08:00", "to": "21:00"}
    said = {"window": {"from": "09:00", "to": "12:00"}, "attempts": 1, "pause_at": None}
    shout = message(delivery=said, until=UNTIL, calls_per_second=0.5, concurrent_calls=2, did="12125550199")
    shout.refresh_from_db()  # as the database keeps it
    in_force = rules.in_force(shout)
    assert (in_force.window, in_force.calling_window) == (
        Window(time(9), time(12)),
        configuration().calling_window,
    )
    assert (in_force.retry.limit, in_force.pause_at) == (0, None)
    assert (in_force.until, in_force.calls_per_second, in_force.concurrent_calls) == (UNTIL, 0.5, 2)
    assert rules.caller_id(shout) == "12125550199"
