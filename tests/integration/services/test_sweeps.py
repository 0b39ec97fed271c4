"""What a crash has left is found: placements nobody confirmed, shouts nobody finished, calls nobody will place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import AuthorCall, Call, LogKind, Message
from blast_api.services import authors, delivery, sweeps
from tests.kits import factories
from tests.kits.callbacks import lines
from tests.kits.released import hold, released

pytestmark = pytest.mark.django_db

_CONFIRM_S = 100


@pytest.fixture(autouse=True)
def _confirm(settings: Settings) -> None:
    settings.PLACEMENT_CONFIRM_TIMEOUT = _CONFIRM_S
    settings.CARRIERX_API_TOKEN = ""  # nobody can be asked what became of a call


# Ring timeout, the recording's 8 s times the ratio, and the carrier's time to tell.
_SILENCE = timedelta(seconds=30 + 8 * 1.5 + 300)


def _ago(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


# --- Placements that nothing confirmed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held_ago_s", "due_ago_s", "lapses"),
    [
        (_CONFIRM_S + 1, _CONFIRM_S + 1, True),
        (_CONFIRM_S - 1, 1000, False),
        (1000, _CONFIRM_S - 1, False),
        (1000, _CONFIRM_S + 1, True),
        (1000, -50, False),
    ],
)
def test_a_placement_lapses_so_long_after_it_was_held_and_due(
    held_ago_s: float, due_ago_s: float, lapses: bool
) -> None:
    now = timezone.now()
    call = released(1).calls.get()
    hold(call, since=now - _ago(held_ago_s), due_at=now - _ago(due_ago_s))
    assert delivery.lapse(now) == lapses
    call.refresh_from_db()
    assert (call.held_since is None, call.attempts, call.serial) == (lapses, 0 if lapses else 1, 2 if lapses else 1)


@pytest.mark.parametrize("status", [CallStatus.ONGOING, CallStatus.PENDING])
def test_only_calls_in_hand_lapse(status: str) -> None:
    now = timezone.now()
    hold(released(1).calls.get(), since=now - _ago(1000), due_at=now - _ago(1000), status=status, sid="s")
    assert delivery.lapse(now) == 0


@pytest.mark.parametrize(("held_ago_s", "lapses"), [(_CONFIRM_S + 1, True), (_CONFIRM_S - 1, False)])
def test_the_call_to_an_author_lapses_as_well(held_ago_s: float, lapses: bool) -> None:
    now = timezone.now()
    message = factories.message()
    held = {"due_at": now - _ago(2000), "held_since": now - _ago(held_ago_s), "attempts": 1, "serial": 1}
    factories.author_call(message, **held)
    assert authors.lapse(now) == lapses
    assert (AuthorCall.objects.get().held_since is None) == lapses


def test_a_lapsed_address_is_dead() -> None:
    now = timezone.now()
    call = hold(released(1).calls.get(), since=now - _ago(1000), due_at=now - _ago(1000))
    delivery.lapse(now)
    assert not delivery.answered(delivery.CallAttempt(call.pk, call.serial), now=now)


# --- Shouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [ShoutStatus.READY, ShoutStatus.SCHEDULED, ShoutStatus.ONGOING])
def test_a_live_shout_whose_calls_have_all_ended_is_finished(status: str) -> None:
    message = released(2, status=status)
    message.calls.update(status=CallStatus.COMPLETED, finished=timezone.now())
    assert sweeps.finish(timezone.now()) == 1
    message.refresh_from_db()
    assert message.status == ShoutStatus.FINISHED
    assert message.closed is not None
    assert len(lines(LogKind.BDR)) == 1
    assert sweeps.finish(timezone.now()) == 0


@pytest.mark.parametrize("open_", [CallStatus.PENDING, CallStatus.READY, CallStatus.ONGOING])
def test_a_shout_with_an_open_call_is_not_finished(open_: str) -> None:
    message = released(2)
    message.calls.filter(position=0).update(status=CallStatus.COMPLETED, finished=timezone.now())
    message.calls.filter(position=1).update(status=open_)
    assert sweeps.finish(timezone.now()) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("another_is_open", [False, True])
def test_a_shout_of_silent_calls_is_finished_if_all_whose_calls_are_up_have_opted_out(*, another_is_open: bool) -> None:
    message = released(2, status=ShoutStatus.ONGOING)
    up = {"status": CallStatus.ONGOING, "sid": "s", "serial": 1, "attempts": 1, "started": timezone.now()}
    message.calls.update(**up)
    message.calls.filter(position=0).update(opted_out=True)
    if not another_is_open:
        message.calls.filter(position=1).update(status=CallStatus.COMPLETED, finished=timezone.now())
    sweeps.expire(timezone.now() + _SILENCE)
    sweeps.finish(timezone.now() + _SILENCE)
    message.refresh_from_db()
    assert message.status == (ShoutStatus.TIMED_OUT if another_is_open else ShoutStatus.FINISHED)
    assert message.calls.get(position=0).status == CallStatus.OPTED_OUT
    (line,) = lines(LogKind.BDR)
    assert (line["status"], line["late"]) == (message.status, False)


def test_a_call_that_comes_back_after_its_shout_was_canceled_is_cancelled() -> None:
    message = released(1, status=ShoutStatus.CANCELED)
    sweeps.finish(timezone.now())
    message.refresh_from_db()
    assert message.calls.get().status == CallStatus.CANCELLED
    assert message.closed is not None


def test_a_canceled_shout_gives_its_silent_calls_up_and_not_before() -> None:
    message = released(3, status=ShoutStatus.CANCELED)
    now = timezone.now()
    message.calls.update(status=CallStatus.ONGOING, sid="s", serial=1, attempts=1, started=now)
    sweeps.expire(now + _SILENCE - _ago(1))
    assert set(message.calls.values_list("status", flat=True)) == {CallStatus.ONGOING}
    sweeps.expire(now + _SILENCE + _ago(1))
    sweeps.finish(now + _SILENCE + _ago(1))
    assert set(message.calls.values_list("status", flat=True)) == {CallStatus.TIMED_OUT}
    assert len(lines(LogKind.CDR)) == 3
    assert lines(LogKind.BDR) == []  # it had its own when it was canceled
    assert Message.objects.get().closed is not None


def test_closed_shouts_are_left_alone() -> None:
    released(1, closed=timezone.now())
    assert sweeps.expire(timezone.now()) == 0
    assert sweeps.finish(timezone.now()) == 0
    assert Call.objects.get().status == CallStatus.READY


def test_an_author_who_hung_up_undecided_gets_a_moment_of_grace() -> None:
    now = timezone.now()
    message = factories.message()
    factories.author_call(message, state=RecordingState.RECORDED, state_since=now, ended=now - _ago(4))
    assert sweeps.expire(now) == 0
    assert sweeps.expire(now + _ago(2)) == 1
    message.refresh_from_db()
    assert message.status == ShoutStatus.CANCELED
