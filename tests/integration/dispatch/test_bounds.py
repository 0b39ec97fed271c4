"""Bounds of an application and of a shout, inside those of the whole: calls a second, and calls at once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.dispatch.claims import Claim
from blast_api.dispatch.jobs import PlaceAuthorCall, PlaceCall
from blast_api.domain.pacing import JITTER, LOOKAHEAD
from blast_api.domain.states import CallStatus, RecordingState
from blast_api.models import Application, Call, Message
from blast_api.services import delivery
from tests.kits import factories
from tests.kits.released import claim, placed_of, released
from tests.kits.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wide_gate")]


def _slots(*claims: Claim, of: Message) -> list[float]:
    return [job.slot for one in claims for job in one.jobs if isinstance(job, PlaceCall) and job.message_id == of.pk]


def _accept(*claims: Claim) -> None:
    """The carrier has them all."""
    now = timezone.now()
    for one in claims:
        placed = [job.placed(f"s{job.slot}", now=now) for job in one.jobs if isinstance(job, PlaceCall)]
        delivery.accepted(placed)


# --- Calls a second --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [2.5, 4, 10])
def test_the_calls_of_a_shout_stand_a_step_of_its_own_rate_apart(rate: float) -> None:
    slow, fast = released(40, calls_per_second=rate), released(40)
    first = claim()
    slots = _slots(first, of=slow)
    assert len(slots) == int(LOOKAHEAD / ((1 + JITTER) / rate)) + 1
    assert all(later - earlier >= (1 + JITTER) / rate - 1e-6 for earlier, later in pairwise(slots))
    assert len(_slots(first, of=fast)) > 30  # what the one does not need is for the others
    every = sorted(job.slot for job in first.jobs)
    assert all(later - earlier >= (1 + JITTER) / 100 - 1e-6 for earlier, later in pairwise(every))


def test_it_goes_on_where_the_last_claim_ended() -> None:
    slow = released(40, calls_per_second=1)
    first, second = claim(), claim()
    assert len(first.jobs) == 1
    assert second.jobs == []
    assert second.more  # there is something, in a moment
    slow.refresh_from_db()
    assert slow.next_slot == pytest.approx(_slots(first, of=slow)[-1] + 1 + JITTER)
    assert second.again_at == pytest.approx(slow.next_slot)


def test_a_rate_that_a_clock_set_back_has_left_far_ahead_is_forgotten() -> None:
    slow = released(5, calls_per_second=10, next_slot=timezone.now().timestamp() + 3600)
    assert _slots(claim(), of=slow)


def test_an_applications_rate_is_of_all_its_shouts_and_authors_together() -> None:
    bounded = factories.application(name="bounded", calls_per_second=10)
    one, other = released(20, application=bounded), released(20, application=bounded)
    waits = factories.message(application=bounded)
    factories.call(waits)
    factories.author_call(waits, due_at=timezone.now() - timedelta(seconds=5))
    free = released(20)
    found = claim()
    of_bounded = sorted(job.slot for job in found.jobs if job.message_id != free.pk)  # type: ignore[attr-defined]  # placements all
    assert sum(isinstance(job, PlaceAuthorCall) for job in found.jobs) == 1
    assert len(of_bounded) == 5
    assert all(later - earlier >= (1 + JITTER) / 10 - 1e-6 for earlier, later in pairwise(of_bounded))
    assert min(len(_slots(found, of=each)) for each in (one, other)) >= 1
    assert len(_slots(found, of=free)) == 20


def test_a_bounded_shout_is_handed_over_only_when_it_is_due() -> None:
    soon = timedelta(seconds=30)
    released(3, due=soon, calls_per_second=50)
    released(3, due=soon, concurrent_calls=50)
    released(3, due=soon, application=factories.application(name="bounded", concurrent_calls=50))
    assert claim().jobs == []
    unbounded = released(3, due=soon)
    assert {call.message_id for call in placed_of(claim())} == {unbounded.pk}


# --- Calls at once ---------------------------------------------------------------------------------------------------


def test_no_more_calls_of_a_shout_are_up_than_its_bound() -> None:
    bounded, other = released(20, concurrent_calls=4), released(20)
    first = claim()
    assert Counter(call.message_id for call in placed_of(first)) == {bounded.pk: 4, other.pk: 20}
    _accept(first)
    assert claim().jobs == []
    up = bounded.calls.filter(status=CallStatus.ONGOING)
    assert up.count() == 4
    up.filter(pk__in=[up[0].pk, up[1].pk]).update(status=CallStatus.COMPLETED, finished=timezone.now(), duration=5)
    assert len(placed_of(claim())) == 2


def test_an_answer_that_is_still_out_counts() -> None:
    """In hand: the carrier may have it or not."""
    released(20, concurrent_calls=4)
    claim()
    assert Call.objects.in_hand().count() == 4
    assert claim().jobs == []


@pytest.mark.parametrize("state", [RecordingState.PLACED, RecordingState.PRESSED_STAR])
def test_the_authors_calls_count_to_their_applications_bound(state: RecordingState) -> None:
    bounded = factories.application(name="bounded", concurrent_calls=3)
    on_the_line = factories.message(application=bounded)
    factories.author_call(on_the_line, state=state, sid="a", serial=1, attempts=1)
    released(10, application=bounded)
    assert len(placed_of(claim())) == 2


def test_the_whole_has_a_bound(settings: Settings) -> None:
    settings.MAX_CONCURRENT_CALLS = 6
    released(10), released(10, application=factories.application(name="other"))
    released(10, due=timedelta(seconds=30))
    found = claim()
    assert Counter(call.message.application_id for call in placed_of(found)) == dict.fromkeys(
        Application.objects.values_list("pk", flat=True), 3
    )
    assert claim().jobs == []


def test_applications_that_have_no_room_leave_it_to_others(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 20
    full = factories.application(name="full", concurrent_calls=1)
    released(10, application=full)
    others = released(30)
    found = claim()
    assert Counter(call.message_id == others.pk for call in placed_of(found))[True] == len(found.jobs) - 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bounds", [{"concurrent_calls": 7}, {"calls_per_second": 6}])
def test_two_claimers_together_keep_the_bound(bounds: dict[str, Any]) -> None:
    bounded = released(60, **bounds)
    found: list[Claim] = []

    def claim_some() -> None:
        for _ in range(3):
            found.append(claim())

    at_once(claim_some, times=3)
    slots = sorted(_slots(*found, of=bounded))
    if "concurrent_calls" in bounds:
        assert len(slots) == 7
    else:
        assert all(later - earlier >= (1 + JITTER) / 6 - 1e-6 for earlier, later in pairwise(slots))
