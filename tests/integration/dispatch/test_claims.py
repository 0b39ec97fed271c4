"""Who is claimed when, in which slot, and who is not: all of it decided in one transaction behind the gate."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.dispatch.clock import AFTER_A_JUMP
from blast_api.dispatch.jobs import PlaceAuthorCall, PlaceCall
from blast_api.domain.pacing import LEAD, LOOKAHEAD, Pace
from blast_api.domain.states import OPEN_CALLS, CallStatus, ShoutStatus
from blast_api.models import AuthorCall, Call, Gate, LogKind, Message
from blast_api.services import shouts
from tests.kits import factories
from tests.kits.callbacks import lines
from tests.kits.released import claim, hold, placed_of, released
from tests.kits.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wide_gate")]


ROOM = 50  # slots of half a second at 100 a second, about


def _waiting_author(**fields: object) -> AuthorCall:
    message = factories.message()
    factories.call(message)
    return factories.author_call(message, **{"due_at": timezone.now() - timedelta(seconds=5)} | fields)


# --- The claim itself ------------------------------------------------------------------------------------------------


def test_a_claim_is_a_stamp_and_a_new_address() -> None:
    released(1)
    (call,) = placed_of(claim())
    assert (call.status, call.serial, call.attempts, call.sid) == (CallStatus.READY, 1, 1, "")
    assert call.held_since is not None
    assert claim().jobs == []


@pytest.mark.django_db(transaction=True)
def test_two_claimers_never_take_the_same_call() -> None:
    released(60)
    released(60)
    taken: list[int] = []
    lock = threading.Lock()

    def take() -> None:
        for _ in range(20):
            jobs = claim(room=5).jobs
            with lock:
                taken.extend(job.attempt.call_id for job in jobs if isinstance(job, PlaceCall))
            Gate.objects.update(next_slot=0)  # no waiting for slots

    at_once(take, times=4)
    assert Counter(taken) == Counter(Call.objects.values_list("pk", flat=True))
    assert set(Call.objects.values_list("serial", "attempts")) == {(1, 1)}


# --- Who goes first --------------------------------------------------------------------------------------------------


def test_authors_go_before_recipients_and_the_longest_waiting_first() -> None:
    released(3)
    late = _waiting_author()
    early = _waiting_author(due_at=timezone.now() - timedelta(seconds=60))
    jobs = claim(room=3).jobs
    assert [type(job) for job in jobs] == [PlaceAuthorCall, PlaceAuthorCall, PlaceCall]
    authors = [job.attempt.message_id for job in jobs if isinstance(job, PlaceAuthorCall)]
    assert authors == [early.pk, late.pk]


@pytest.mark.parametrize(
    ("sizes", "room", "shares"),
    [
        ([100], 10, [10]),
        ([100, 100], 10, [5, 5]),
        ([100, 2], 10, [8, 2]),
        ([2, 100], 10, [2, 8]),
        ([1, 1, 1], 10, [1, 1, 1]),
        ([100, 1, 100], 9, [4, 1, 4]),
        ([5, 5, 5, 5, 5], 3, [1, 1, 1, 0, 0]),
        ([100, 100, 100], 10, [4, 3, 3]),
        ([0, 3], 10, [0, 3]),
    ],
)
def test_shouts_share_the_room_and_leave_to_others_what_they_do_not_need(
    sizes: list[int], room: int, shares: list[int]
) -> None:
    messages = [released(size) for size in sizes]
    claimed = Counter(call.message_id for call in placed_of(claim(room)))
    assert [claimed[message.pk] for message in messages] == shares


def test_applications_share_first_then_authors_and_recipients_of_each() -> None:
    """Many shouts, and many authors, of one application cost another one nothing."""
    for _ in range(12):
        released(5)
    for _ in range(12):
        _waiting_author()
    other = factories.application(name="another")
    released(50, application=other)
    jobs = claim(room=20).jobs
    rows = Message.objects.in_bulk([job.message_id for job in jobs])  # type: ignore[attr-defined]  # of both kinds
    shares = Counter((rows[job.message_id].application_id == other.pk, type(job)) for job in jobs)  # type: ignore[attr-defined]
    assert shares == {(True, PlaceCall): 10, (False, PlaceCall): 5, (False, PlaceAuthorCall): 5}


def test_applications_take_turns_where_there_is_room_for_one() -> None:
    applications = [factories.application(name=name) for name in ("one", "two", "three")]
    for application in applications:
        released(10, application=application)
    turns = []
    for _ in range(6):
        turns += [call.message.application_id for call in placed_of(claim(room=1))]
        Gate.objects.update(next_slot=0)
    assert turns == [application.pk for application in applications] * 2


def test_who_waited_longest_for_a_turn_is_next() -> None:
    messages = [released(10) for _ in range(4)]
    turns = []
    for _ in range(4):
        turns += [call.message_id for call in placed_of(claim(room=2))]
        Gate.objects.update(next_slot=0)
    assert Counter(turns) == {message.pk: 2 for message in messages}
    assert turns[:4] == [message.pk for message in messages]


def test_what_is_due_goes_before_what_is_only_near(settings: Settings) -> None:
    settings.PLACEMENT_HORIZON = 120
    near = released(10, due=timedelta(seconds=60), served=None)
    due = released(4, served=timezone.now())
    claimed = [call.message_id for call in placed_of(claim(room=6))]
    # One at least of those who are near: not every slot suits a delay.
    assert claimed in ([due.pk] * 4 + [near.pk] * near_ones for near_ones in (1, 2))


@pytest.mark.parametrize(("ahead_s", "claimed"), [(119, 1), (121, 0), (86400, 0)])
def test_nothing_is_claimed_beyond_the_horizon(settings: Settings, ahead_s: float, claimed: int) -> None:
    settings.PLACEMENT_HORIZON = 120
    released(1, due=timedelta(seconds=ahead_s), status=ShoutStatus.SCHEDULED, started=None)
    assert len(claim().jobs) == claimed


@pytest.mark.parametrize("ahead_s", [-100, 0, 0.3, 1, 59.2, 119])
def test_the_delay_brings_each_call_to_its_time_in_whole_seconds(ahead_s: float) -> None:
    released(1, due=timedelta(seconds=ahead_s))
    due_at = Call.objects.values_list("due_at", flat=True).get()
    assert due_at is not None
    (job,) = claim().jobs
    assert isinstance(job, PlaceCall)
    assert isinstance(job.delay_s, int)
    rings_at = job.slot + job.delay_s
    assert 0 <= rings_at - max(due_at.timestamp(), job.slot) < 1


@pytest.mark.parametrize("status", sorted(set(ShoutStatus) - {"ready", "scheduled", "ongoing"}))
def test_a_shout_that_is_not_live_gives_nothing(status: ShoutStatus) -> None:
    released(3, status=status)
    assert claim().jobs == []
    assert set(Call.objects.values_list("serial", flat=True)) == {0}


@pytest.mark.parametrize("status", sorted(set(CallStatus) - {"ready"}))
def test_only_ready_calls_are_claimed(status: CallStatus) -> None:
    released(1)
    Call.objects.update(status=status, finished=None if status in OPEN_CALLS else timezone.now())
    assert claim().jobs == []


# --- Asked again in the transaction of the claim ---------------------------------------------------------------------


def test_a_number_listed_a_moment_ago_is_settled_with_a_record_and_not_called() -> None:
    message = released(3)
    factories.listed(factories.number(1))
    claimed = placed_of(claim())
    assert [call.position for call in claimed] == [0, 2]
    call = message.calls.get(position=1)
    assert (call.status, call.attempts, call.q850) == (CallStatus.DO_NOT_CALL, 0, None)
    assert call.finished is not None
    assert [line["status"] for line in lines(LogKind.CDR)] == ["do not call"]


def test_another_users_list_does_not_count() -> None:
    released(1)
    factories.listed(factories.number(0), userdata="somebody else")
    factories.listed(factories.number(0), application=factories.application(name="another"))
    assert len(claim().jobs) == 1


def test_a_shout_whose_last_calls_are_listed_is_finished(
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    message = released(2)
    for index in (0, 1):
        factories.listed(factories.number(index))
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]  # a context manager
        assert claim().jobs == []
    message.refresh_from_db()
    assert message.status == ShoutStatus.FINISHED


def test_an_author_whose_shout_was_canceled_a_moment_ago_is_not_rung() -> None:
    recording = _waiting_author()
    shouts.cancel(recording.message, now=timezone.now())
    assert claim().jobs == []


def test_a_shout_canceled_a_moment_ago_gives_nothing() -> None:
    message = released(3)
    shouts.cancel(message, now=timezone.now())
    assert claim().jobs == []
    assert set(message.calls.values_list("serial", flat=True)) == {0}


# --- Slots -----------------------------------------------------------------------------------------------------------


def test_slots_stand_one_step_apart_over_all_claimers(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 25
    released(100)
    claims = [[job.slot for job in claim(room).jobs] for room in (3, 1, 2, 100)]
    step = Pace(25).step
    for slots in claims:
        assert all(after - before == pytest.approx(step, abs=1e-5) for before, after in pairwise(slots))
    for one, next_ in pairwise(claims):  # further apart if this machine takes its time
        assert next_[0] - one[-1] > step - 1e-5
    assert len(claims[-1]) >= math.floor(LOOKAHEAD / step) + 1 - sum(map(len, claims[:-1]))


def test_a_claim_takes_no_more_slots_than_lie_within_half_a_second() -> None:
    released(500)
    before = timezone.now().timestamp()
    first = claim()
    assert 0 < len(first.jobs) <= ROOM + 1
    assert first.jobs[0].slot >= before + LEAD
    assert first.more
    second = claim(room=1000)
    assert len(first.jobs) + len(second.jobs) <= ROOM + 1 + 100 * (timezone.now().timestamp() - before)
    assert second.more


@pytest.mark.parametrize("ahead_s", [31, 3600, 10**9])
def test_a_slot_far_ahead_was_written_by_a_clock_that_has_been_set_back(ahead_s: float) -> None:
    released(1)
    now = timezone.now().timestamp()
    Gate.objects.create(lane=Gate.Lane.CALLS, next_slot=now + ahead_s)
    first = claim()
    assert (first.jobs, first.more) == ([], True)  # what was taken before may be on its way, at the same rate
    next_slot = Gate.objects.get(pk=Gate.Lane.CALLS).next_slot
    assert now + AFTER_A_JUMP <= next_slot < now + 30
    Gate.objects.update(next_slot=now)
    (job,) = claim().jobs
    assert job.slot < now + 30


def test_the_lane_being_full_is_not_the_end_of_the_work() -> None:
    released(1)
    Gate.objects.create(lane=Gate.Lane.CALLS, next_slot=timezone.now().timestamp() + 5)
    full = claim()
    assert full.jobs == []
    assert full.more


def test_calls_of_the_same_time_begin_to_ring_at_the_rate(settings: Settings) -> None:
    """Handed over with whole seconds of delay, they would all begin in the same second."""
    settings.MAX_CALLS_PER_SECOND = 25
    due_at = timezone.now() + timedelta(seconds=60)
    released(30, due=timedelta(seconds=60))
    released(30, due=timedelta(seconds=60))
    released(10, due=timedelta(seconds=65))
    starts: list[float] = []
    while len(starts) < 70:
        starts += [job.slot + job.delay_s for job in claim().jobs if isinstance(job, PlaceCall)]
        Gate.objects.update(next_slot=0)
    starts.sort()
    assert all(after - before > Pace(25).step - 1e-5 for before, after in pairwise(starts))
    assert min(starts) >= due_at.timestamp() - 1
    assert max(starts) < due_at.timestamp() + 30
    told = [moment.timestamp() for (moment,) in Call.objects.order_by("due_at").values_list("due_at") if moment]
    assert told == pytest.approx(starts, abs=1e-3)


def test_who_is_rung_at_once_waits_for_no_start_that_is_taken() -> None:
    gate = Gate.objects.create(lane=Gate.Lane.CALLS)
    now = timezone.now().timestamp()
    Gate.objects.filter(pk=gate.pk).update(starts=[[now - 5, now + 0.45], [now + 900, now + 901]])
    released(5)
    (first, *_) = claim(room=5).jobs
    assert first.slot > now + 0.45
    released(1, due=timedelta(seconds=60))
    Gate.objects.update(next_slot=0)
    claim()
    ahead = Gate.objects.values_list("starts", flat=True).get()
    assert ahead is not None
    assert all(start < now + 400 for start, _ in ahead)  # a clock that has been set back left the other


def test_what_is_more_than_the_gate_can_remember_waits_with_us() -> None:
    now = timezone.now().timestamp()
    Gate.objects.create(lane=Gate.Lane.CALLS, starts=[[now + 1 + each / 5] * 2 for each in range(500)])
    released(1, due=timedelta(seconds=60))
    assert claim().jobs == []
    released(1)
    assert len(claim().jobs) == 1


# --- The gate shut, and on trial -------------------------------------------------------------------------------------


def _trouble(shut_for_s: float) -> None:
    until = timezone.now() + timedelta(seconds=shut_for_s)
    Gate.objects.update_or_create(lane=Gate.Lane.CALLS, defaults={"shut_until": until, "troubles": 3, "trouble": "?"})


def test_nothing_passes_a_shut_gate() -> None:
    released(3)
    _waiting_author()
    _trouble(shut_for_s=60)
    shut = claim()
    assert (shut.jobs, shut.more) == ([], False)


def test_one_call_at_a_time_is_on_trial_after_trouble() -> None:
    released(3)
    _trouble(shut_for_s=-1)
    first = claim()
    assert len(first.jobs) == 1
    again = claim()
    assert again.jobs == []
    assert again.more


def test_an_author_may_be_the_trial() -> None:
    _waiting_author()
    released(3)
    _trouble(shut_for_s=-1)
    assert [type(job) for job in claim().jobs] == [PlaceAuthorCall]
    assert claim().jobs == []


def test_a_trial_that_was_given_back_makes_room_for_the_next() -> None:
    released(2)
    _trouble(shut_for_s=-1)
    (trial,) = claim().jobs
    trial.give_back()
    assert len(claim().jobs) == 1


@pytest.mark.parametrize(("held_for_s", "shut_for_s"), [(60, -90), (5, -1)])
def test_an_old_unknown_call_is_no_trial(held_for_s: float, shut_for_s: float) -> None:
    """One held before the gate opened, or for longer than any answer takes, does not stand in the way."""
    message = released(2)
    call = message.calls.first()
    assert call is not None
    hold(call, since=timezone.now() - timedelta(seconds=held_for_s))
    _trouble(shut_for_s=shut_for_s)
    assert len(claim().jobs) == 1


def test_the_first_success_opens_the_gate_to_all() -> None:
    released(5)
    _trouble(shut_for_s=-1)
    assert len(claim().jobs) == 1
    Gate.objects.update(shut_until=None, trouble="", troubles=0)
    assert len(claim().jobs) == 4


def test_the_turn_of_a_shout_is_remembered() -> None:
    message = released(1)
    assert message.served is None
    claim()
    assert Message.objects.get().served is not None
