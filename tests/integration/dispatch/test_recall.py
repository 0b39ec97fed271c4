"""What is claimed looks again before it is sent: on this host at once, on others as soon as they look into the rows."""

from __future__ import annotations

import os
import time

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.dispatch import recall
from blast_api.dispatch.dispatcher import Dispatcher
from blast_api.domain.states import ShoutStatus
from blast_api.models import Call
from blast_api.services import dnc, shouts
from blast_api.simulator import Carrier
from tests.kits import factories, unhurried
from tests.kits.released import dispatch, released

pytestmark = pytest.mark.django_db(transaction=True)


def _claimed(carrier: Carrier, dispatcher: Dispatcher, *, calls: int = 20) -> int:
    """Calls in hand whose slots lie ahead, of a shout; how many have left."""
    message = released(calls)
    dispatcher.turn()
    assert Call.objects.in_hand().filter(message=message).exists()
    return len(carrier.arrivals)


@pytest.fixture
def slow(settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 25


@pytest.mark.usefixtures("slow")
def test_after_the_answer_to_a_cancellation_nothing_leaves_this_host(client: Client, carrier: Carrier) -> None:
    with unhurried.dispatcher() as dispatcher:
        _claimed(carrier, dispatcher)
        message = Call.objects.first().message  # type: ignore[union-attr]  # there is one
        assert client.delete(f"/api/v1/shouts/{message.pk};cancel").status_code == 200
        left = len(carrier.arrivals)
        time.sleep(0.7)  # the slots of all that was claimed are over
        dispatch(dispatcher)
        assert len(carrier.arrivals) == left < 20


@pytest.mark.usefixtures("slow")
def test_another_host_sees_it_in_the_rows(carrier: Carrier) -> None:
    with unhurried.dispatcher() as dispatcher:
        _claimed(carrier, dispatcher)
        message = Call.objects.first().message  # type: ignore[union-attr]
        shouts.cancel(message, now=timezone.now())  # without a mark here
        while not dispatcher._recalled:
            dispatcher.turn(0.02)
        left = len(carrier.arrivals)
        dispatch(dispatcher)
        assert len(carrier.arrivals) <= left + 1
        assert not Call.objects.in_hand().exists()


@pytest.mark.usefixtures("slow")
def test_so_does_an_opt_out_hold_back_what_is_claimed_for_the_number(carrier: Carrier) -> None:
    with unhurried.dispatcher() as dispatcher:
        _claimed(carrier, dispatcher, calls=10)
        last = Call.objects.in_hand().order_by("-position").first()
        assert last
        dnc.add(last.message.application_id, last.message.userdata, last.number)
        dnc.recall(last.message.application_id, last.message.userdata, last.number)
        while not dispatcher._recalled:
            dispatcher.turn(0.02)
        dispatch(dispatcher)
    last.refresh_from_db()
    assert last.number not in {call.number for call in carrier.calls}
    assert last.status == "do not call"
    assert len(carrier.calls) == 9


def test_an_author_is_not_rung_for_a_shout_that_was_canceled_meanwhile() -> None:
    message = factories.message()
    held = {"due_at": timezone.now(), "held_since": timezone.now(), "attempts": 1, "serial": 1}
    recording = factories.author_call(message, **held)
    assert recall.in_rows() == frozenset()
    message.status = ShoutStatus.CANCELED
    message.save()
    assert {key[1:] for key in recall.in_rows()} == {(recording.pk, 1)}


def test_marks_are_forgotten_when_they_have_done_their_work() -> None:
    for shout in (1, 2):
        recall.mark(shout, for_good=True)
    os.utime(recall._mark_of(1, for_good=True), (time.time() - 100, time.time() - 100))
    recall.forget()
    assert (recall.is_marked(1), recall.is_marked(2)) == (False, True)


def test_a_disk_that_is_away_is_no_error(settings: Settings) -> None:
    settings.STATE_DIR = "/nowhere/at/all"
    recall.mark(1, for_good=True)
    recall.mark(1, for_good=False)
    recall.unmark(1)
    recall.forget()
    assert not recall.is_marked(1)


def test_the_mark_of_a_pause_counts_for_a_moment_and_until_the_shout_goes_on() -> None:
    recall.mark(1, for_good=False)
    assert recall.is_marked(1)
    os.utime(recall._mark_of(1, for_good=False), (time.time() - 3, time.time() - 3))
    assert not recall.is_marked(1)  # the rows are seen by now, and somebody may have resumed it elsewhere
    recall.mark(1, for_good=False)
    recall.unmark(1)
    assert not recall.is_marked(1)
