"""What one batch of answers means for the gate: a refusal is heeded, whatever else came at the same moment."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.client import Accepted, Outcome, Refusal, Refused, Unknown
from blast_api.dispatch.jobs import keep_all
from blast_api.models import Call, Gate

from .released import claim, released

pytestmark = pytest.mark.django_db

_TAKEN = Accepted("sid", {})


@pytest.fixture(autouse=True)
def _pace(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40


@pytest.mark.parametrize(
    ("refusal", "low_s", "high_s"),
    [
        (Refused(Refusal.FOR_NOW, "429", 429, retry_after_s=30), 29, 30),
        (Refused(Refusal.ALL_OF_US, "401", 401), 59, 60),
        (Unknown("lost"), 0.4, 1),
    ],
)
def test_a_refusal_beside_successes_shuts_the_gate(refusal: Outcome, low_s: float, high_s: float) -> None:
    released(3)
    now = timezone.now()
    keep_all(zip(claim().jobs, [_TAKEN, _TAKEN, refusal], strict=True), now=now)
    gate = Gate.objects.get(pk=Gate.Lane.CALLS)
    assert gate.shut_until is not None
    assert low_s <= (gate.shut_until - now).total_seconds() <= high_s
    assert Call.objects.filter(sid="sid").count() == 2


def test_a_request_that_is_refused_for_itself_leaves_the_gate_open() -> None:
    released(2)
    refusal = Refused(Refusal.THIS_REQUEST, "422", 422)
    keep_all(zip(claim().jobs, [refusal, _TAKEN], strict=True), now=timezone.now())
    assert Gate.objects.get(pk=Gate.Lane.CALLS).shut_until is None


def test_the_troubles_in_a_row_end_with_a_success() -> None:
    released(1)
    claimed = claim()
    Gate.objects.update(troubles=4, trouble="?", shut_until=timezone.now())
    keep_all([(claimed.jobs[0], _TAKEN)], now=timezone.now())
    gate = Gate.objects.get(pk=Gate.Lane.CALLS)
    assert (gate.troubles, gate.trouble, gate.shut_until) == (0, "", None)


def test_hosts_that_wait_after_the_same_trouble_do_not_come_back_at_the_same_time() -> None:
    released(1)
    (job,) = claim().jobs
    waits = []
    for _ in range(20):
        now = timezone.now()
        Gate.objects.update(troubles=3, shut_until=None)
        keep_all([(job, Unknown("lost"))], now=now)
        shut_until = Gate.objects.get(pk=Gate.Lane.CALLS).shut_until
        assert shut_until is not None
        waits.append((shut_until - now).total_seconds())
    assert all(4 <= wait <= 8 for wait in waits)
    assert max(waits) - min(waits) > 0.5
