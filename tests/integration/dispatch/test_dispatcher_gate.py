"""What one batch of answers means for the gate: a refusal is heeded, whatever else came at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from blast_api.carrierx.client import Accepted, Outcome, Refusal, Refused
from blast_api.dispatch import gate
from blast_api.dispatch.jobs import PlaceCall, keep_all
from blast_api.domain.breaker import is_shut
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import Call, Gate, LogKind
from tests.kits import factories
from tests.kits.callbacks import lines
from tests.kits.released import claim, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("forty_a_second")]

_TAKEN = Accepted("sid", {})


@pytest.mark.parametrize(
    ("refusal", "low_s", "high_s"),
    [
        (Refused(Refusal.FOR_NOW, "429", 429, retry_after_s=30), 29, 30),
        (Refused(Refusal.ALL_OF_US, "401", 401), 59, 60),
    ],
)
def test_a_refusal_beside_successes_shuts_the_gate(refusal: Outcome, low_s: float, high_s: float) -> None:
    released(3)
    now = timezone.now()
    keep_all(zip(claim().jobs, [_TAKEN, _TAKEN, refusal], strict=True), now=now)
    row = Gate.objects.get(pk=Gate.Lane.CALLS)
    assert row.shut_until is not None
    assert low_s <= (row.shut_until - now).total_seconds() <= high_s
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
    row = Gate.objects.get(pk=Gate.Lane.CALLS)
    assert (row.troubles, row.trouble, row.shut_until) == (0, "", None)


def test_hosts_that_wait_after_the_same_trouble_do_not_come_back_at_the_same_time() -> None:
    waits = []
    Gate.objects.create(lane=Gate.Lane.CALLS)
    for _ in range(20):
        now = timezone.now()
        Gate.objects.update(troubles=3, shut_until=None)
        gate.unclear("lost", most=True, now=now)
        shut_until = Gate.objects.get(pk=Gate.Lane.CALLS).shut_until
        assert shut_until is not None
        waits.append((shut_until - now).total_seconds())
    assert all(4 <= wait <= 8 for wait in waits)
    assert max(waits) - min(waits) > 0.5


# --- Forbidden, for a number or for all of us ------------------------------------------------------------------------

_FORBIDDEN = Refused(Refusal.THIS_OR_ALL, "403", 403)


def _answered(*outcomes: Outcome) -> list[str]:
    """What becomes of the next calls, one after another; answers their numbers."""
    numbers = []
    for outcome in outcomes:
        Gate.objects.update(next_slot=0)
        Gate.objects.exclude(shut_until=None).update(shut_until=timezone.now() - timedelta(seconds=1))
        (job,) = claim(room=1).jobs
        assert isinstance(job, PlaceCall)
        numbers.append(job.number)
        keep_all([(job, outcome)], now=datetime.fromtimestamp(job.slot + 0.01, UTC))
    return numbers


def _statuses() -> dict[str, str]:
    return dict(Call.objects.values_list("number", "status"))


def test_a_call_that_is_forbidden_while_others_are_taken_has_failed_and_costs_nobody_else() -> None:
    released(4)
    barred, taken = _answered(_FORBIDDEN, _TAKEN)
    assert (_statuses()[barred], _statuses()[taken]) == (CallStatus.FAILED, CallStatus.ONGOING)
    row = Gate.objects.get(pk=Gate.Lane.CALLS)
    assert (row.denials, row.troubles, row.shut_until) == (0, 0, None)
    (line,) = lines(LogKind.CDR)
    assert (line["to_number"], line["status"], line["q850"], line["num_retries"]) == (barred, "failed", 41, 0)


def test_an_acceptance_of_before_says_nothing_of_the_number() -> None:
    """The permission was taken from us in between: what is slow to be accepted left before."""
    released(3)
    slow, forbidden = claim(room=2).jobs
    now = datetime.fromtimestamp(forbidden.slot + 0.01, UTC)
    keep_all([(forbidden, _FORBIDDEN)], now=now)
    keep_all([(slow, _TAKEN)], now=now + timedelta(seconds=1))
    assert CallStatus.FAILED not in _statuses().values()
    assert Gate.objects.get(pk=Gate.Lane.CALLS).denials == 1


def test_what_is_forbidden_to_everybody_shuts_the_gate_and_fails_nobody() -> None:
    released(8)
    forbidden = _answered(*[_FORBIDDEN] * 5)
    row = Gate.objects.get(pk=Gate.Lane.CALLS)
    assert (row.cause, row.troubles) == (Gate.Cause.DENIED, 1)
    _answered(_TAKEN)  # somebody has given us the permission back
    assert {_statuses()[number] for number in forbidden} == {CallStatus.READY}
    assert set(Call.objects.values_list("attempts", flat=True)) == {0, 1}
    assert Gate.objects.get(pk=Gate.Lane.CALLS).troubles == 0


@pytest.mark.parametrize("refusal", [_FORBIDDEN, Refused(Refusal.THIS_FOR_NOW, "409", 409)])
def test_a_call_that_is_refused_for_now_again_and_again_has_failed(refusal: Refused) -> None:
    released(1)
    for refusals in range(1, 11):
        assert Call.objects.values_list("status", "refusals").get() == (CallStatus.READY, refusals - 1)
        Call.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        _answered(refusal)
        assert claim().jobs == []  # it waits with us, and others go first
    assert _statuses() == {factories.number(0): CallStatus.FAILED}


def test_an_author_whose_number_is_forbidden_costs_nobody_else(
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    message = factories.message()
    factories.call(message)
    factories.author_call(message, due_at=timezone.now() - timedelta(seconds=5))
    (author,) = claim().jobs
    now = timezone.now()
    keep_all([(author, _FORBIDDEN)], now=now)
    message.refresh_from_db()
    assert message.status == ShoutStatus.PENDING
    released(1)
    (call,) = claim().jobs
    keep_all([(call, _TAKEN)], now=now + timedelta(seconds=2))
    message.refresh_from_db()
    assert (message.status, message.author_call.state) == (ShoutStatus.ERROR, RecordingState.CARRIERX_ERROR)


# --- Lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "troubles", "waits"), [(True, 0, True), (False, 0, False), (False, 1, True)])
def test_a_lost_answer_is_everybodys_trouble_if_most_are_lost_or_on_trial(
    most: bool, troubles: int, waits: bool
) -> None:
    now = timezone.now()
    Gate.objects.create(lane=Gate.Lane.CALLS, troubles=troubles)
    gate.unclear("lost", most=most, now=now)
    row = Gate.objects.get()
    assert is_shut(row.shut_until, now) == waits
    assert row.cause == (Gate.Cause.UNCLEAR if waits else "")
