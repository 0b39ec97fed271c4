"""The carrier in trouble: placing stops as far as it must, goes on by itself, and nobody is rung twice for it."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
import requests
from django.utils import timezone
from pytest_django import Settings

from blast_api.conf import configuration
from blast_api.models import AuthorCall, Call, Gate
from tests.kits import unhurried
from tests.kits.world import World, lines, recipient

_PEOPLE = [recipient(0, index=index) for index in range(5)]


def _gate() -> Gate:
    return Gate.objects.get(pk=Gate.Lane.CALLS)


def _shut_for_s() -> float:
    until = _gate().shut_until
    return 0.0 if until is None else (until - timezone.now()).total_seconds()


def _the_gate_opens() -> None:
    Gate.objects.update(shut_until=timezone.now() - timedelta(seconds=0.001))


@pytest.mark.parametrize(
    ("status", "retry_after", "low_s", "high_s"),
    [(429, 30, 25, 30), (503, None, 0, 1)],
)
def test_a_busy_carrier_is_left_alone_for_as_long_as_it_wishes(
    world: World, status: int, retry_after: int | None, low_s: float, high_s: float
) -> None:
    shout = world.recorded(*_PEOPLE)
    world.carrier.inject("refuse", status=status, retry_after=retry_after, times=-1)
    unhurried.run_once()
    # A second may be over before the run is: then the call on trial was refused too, and the wait is twice as long.
    assert low_s - 1 < _shut_for_s() <= high_s * 2 ** (_gate().troubles - 1)
    in_the_air = len(world.carrier.arrivals) - 1 - (_gate().troubles - 1)
    assert 0 < in_the_air <= len(_PEOPLE)
    assert not Call.objects.in_hand().exists()
    assert set(Call.objects.values_list("attempts", flat=True)) == {0}
    if high_s > 1:
        before = len(world.carrier.arrivals)
        unhurried.run_once()
        assert len(world.carrier.arrivals) == before

    world.carrier.injections.reset()
    _the_gate_opens()
    world.play()
    assert sorted(call.number for call in world.carrier.calls[1:]) == sorted(_PEOPLE)
    assert world.status(shout) == "finished"
    assert (_gate().troubles, _gate().shut_until) == (0, None)


def test_a_number_that_the_carrier_does_not_call_costs_only_itself(world: World, settings: Settings) -> None:
    shout = world.recorded(*_PEOPLE)
    world.carrier.inject("refuse", status=403, number=_PEOPLE[1], times=-1)
    world.play()
    told = world.calls(shout)
    # Nobody knows yet whether it is the number's fault, unless another call left after it.
    assert told.pop(_PEOPLE[1]) in {"ready", "failed"}
    assert set(told.values()) == {"completed"}
    world.shout(recipient(0, index=9), **{"old-shout-id": shout})
    world.play()
    assert world.calls(shout)[_PEOPLE[1]] == "failed"
    assert world.status(shout) == "finished"
    assert (_gate().troubles, _gate().denials) == (0, 0)
    assert len([line for line in lines(settings.CDR_LOGGER_PATH) if line["to_number"] == _PEOPLE[1]]) == 1


@pytest.mark.parametrize("status", [401, 403, 302])
def test_refused_credentials_stop_everything_with_one_critical_line(
    world: World, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    logging.getLogger("blast_api.dispatch").addHandler(caplog.handler)
    try:
        shout = world.recorded(*_PEOPLE)
        world.carrier.inject("refuse", status=status, times=-1)
        unhurried.run_once()
        unhurried.run_once()
        assert requests.get(f"{world.url}/readyz", timeout=30).status_code == 503
    finally:
        logging.getLogger("blast_api.dispatch").removeHandler(caplog.handler)
    critical = {id(record): record for record in caplog.records if record.levelno == logging.CRITICAL}
    assert len(critical) == 1
    assert _gate().cause == Gate.Cause.DENIED
    assert status == 403 or _shut_for_s() > 50  # 403 may have been for the numbers: not so long at first
    assert set(world.calls(shout).values()) == {"ready"}
    assert set(Call.objects.values_list("attempts", flat=True)) == {0}

    world.carrier.injections.reset()
    _the_gate_opens()
    Call.objects.update(due_at=timezone.now())  # what was forbidden was put off
    world.play()
    assert set(world.calls(shout).values()) == {"completed"}
    assert len(world.carrier.calls) == 1 + len(_PEOPLE)
    assert requests.get(f"{world.url}/readyz", timeout=30).status_code == 200


def test_a_call_on_trial_is_the_only_one_until_it_is_answered(world: World) -> None:
    world.recorded(*_PEOPLE)
    world.carrier.inject("refuse", status=401, times=-1)
    unhurried.run_once()
    before = len(world.carrier.arrivals)
    for _ in range(3):
        _the_gate_opens()
        unhurried.run_once()
    assert len(world.carrier.arrivals) == before + 3


def test_a_storm_of_errors_is_met_with_ever_longer_waits(world: World, settings: Settings) -> None:
    people = [recipient(0, index=index) for index in range(8)]
    shout = world.recorded(*people)
    world.carrier.inject("refuse", status=500, times=-1)
    Gate.objects.update(troubles=1, trouble="the first of many")
    waits = []
    for _ in range(6):
        _the_gate_opens()
        unhurried.run_once()
        waits.append(_shut_for_s())
    assert waits[0] <= 2
    assert waits[-1] > 25
    assert max(waits) <= 60
    assert Call.objects.in_hand().count() == len(world.carrier.arrivals) - 1  # unknown, all of them

    world.carrier.injections.reset()
    _the_gate_opens()
    Call.objects.in_hand().update(held_since=timezone.now() - timedelta(seconds=settings.PLACEMENT_CONFIRM_TIMEOUT + 1))
    Call.objects.update(due_at=timezone.now() - timedelta(seconds=settings.PLACEMENT_CONFIRM_TIMEOUT + 1))
    world.play()
    assert set(world.calls(shout).values()) == {"completed"}
    assert len(world.carrier.calls) == 1 + len(people)


@pytest.mark.parametrize("status", [400, 422])
def test_a_call_that_the_carrier_does_not_want_has_failed_and_is_not_tried_again(world: World, status: int) -> None:
    shout = world.recorded(*_PEOPLE[:3])
    world.carrier.inject("refuse", status=status, number=_PEOPLE[1])
    world.play()
    assert world.calls(shout) == {_PEOPLE[0]: "completed", _PEOPLE[1]: "failed", _PEOPLE[2]: "completed"}
    assert len(world.carrier.arrivals) == 1 + 3
    assert world.status(shout) == "finished"


def test_an_author_whom_the_carrier_does_not_ring_is_an_error(world: World) -> None:
    world.carrier.inject("refuse", status=422)
    shout = world.shout(recipient(0))
    assert world.status(shout) == "error"
    assert world.calls(shout) == {recipient(0): "cancelled"}


@pytest.mark.parametrize("fault", ["drop", "no_sid"])
def test_an_answer_that_was_lost_costs_nobody_a_second_call(world: World, settings: Settings, fault: str) -> None:
    shout = world.recorded(*_PEOPLE[:4])
    world.carrier.inject(fault, number=_PEOPLE[2])
    unhurried.run_once()
    assert Call.objects.in_hand().get().number == _PEOPLE[2]
    _the_gate_opens()
    world.play()
    assert sorted(call.number for call in world.carrier.calls[1:]) == sorted(_PEOPLE[:4])
    assert set(world.calls(shout).values()) == {"completed"}


def test_a_waiting_call_whose_answer_was_lost_is_found_in_the_carriers_list(world: World) -> None:
    shout = world.recorded(*_PEOPLE[:2])
    Call.objects.update(due_at=timezone.now() + timedelta(seconds=60))
    world.carrier.inject("drop", number=_PEOPLE[1])
    unhurried.run_once()
    lost = Call.objects.in_hand()
    assert lost.get().number == _PEOPLE[1]
    lost.update(held_since=timezone.now() - timedelta(seconds=20))
    unhurried.run_once()
    assert {(call.status, call.sid) for call in Call.objects.all()} == {
        ("pending", call.sid) for call in world.carrier.calls[1:]
    }
    _the_gate_opens()
    world.play()
    assert len(world.carrier.calls) == 1 + 2
    assert set(world.calls(shout).values()) == {"completed"}


def test_a_call_that_rings_after_it_was_given_up_is_hung_up_on(world: World, settings: Settings) -> None:
    shout = world.recorded(_PEOPLE[0])
    world.carrier.inject("drop")
    unhurried.run_once()
    long_ago = timezone.now() - timedelta(seconds=configuration().placement_confirm_timeout + 1)
    Call.objects.in_hand().update(held_since=long_ago, due_at=long_ago)
    _the_gate_opens()
    unhurried.run_once()
    world.play()
    message = AuthorCall.objects.get().url
    old, new = world.carrier.calls[1:]
    assert (old.number, new.number) == (_PEOPLE[0], _PEOPLE[0])
    assert old.heard == []
    assert [played for played in new.played if played == message] == [message]
    assert world.calls(shout) == {_PEOPLE[0]: "completed"}
    assert [(line["sid"], line["num_retries"]) for line in lines(settings.CDR_LOGGER_PATH)] == [(new.sid, 0)]
    assert world.carrier.faults == []


def test_a_refusal_in_strange_words_is_understood(world: World) -> None:
    shout = world.recorded(recipient(0))
    body = "\x00\ud7ff\x1b[2J"
    world.carrier.inject("refuse", status=503, body=body, content_type="application/octet-stream", times=-1)
    unhurried.run_once()
    assert not Call.objects.in_hand().exists()
    assert "503" in _gate().trouble
    world.carrier.injections.reset()
    _the_gate_opens()
    world.play()
    assert world.status(shout) == "finished"
