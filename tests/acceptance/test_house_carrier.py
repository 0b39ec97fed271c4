"""A carrier whose answers are no answers, to each kind of request: whoever may have been called is not called again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from blast_api.conf import configuration
from blast_api.models import AuthorCall, Call, Gate
from blast_api.services import delivery
from tests.kits import unhurried
from tests.kits.world import World, recipient

_PEOPLE = [recipient(0, index=index) for index in range(4)]
# What the carrier did what it was asked for, and what it did not.
_DONE: list[dict[str, Any]] = [
    {"name": "html"},
    {"name": "half"},
    {"name": "huge", "size": 50},
    {"name": "drop"},
]
_NOT_DONE: list[dict[str, Any]] = [
    {"name": "drop_before"},
    {"name": "redirect", "location": "http://127.0.0.1:9/login"},
    {"name": "refuse", "status": 200, "body": "<html>It works!</html>", "content_type": "text/html"},
    {"name": "refuse", "status": 200, "body": ""},
    {"name": "refuse", "status": 200, "body": "[1, 2]"},
    {"name": "refuse", "status": 303, "body": ""},
    {"name": "refuse", "status": 408, "body": ""},
]


def _name(fault: dict[str, Any]) -> str:
    return " ".join(str(value) for value in fault.values())[:40]


every_fault = pytest.mark.parametrize("fault", _DONE + _NOT_DONE, ids=_name)


def _later(world: World) -> None:
    """The gate opens again, what was put off is due, and what nothing has confirmed by then is taken as not placed."""
    Gate.objects.update(shut_until=timezone.now() - timedelta(seconds=0.001))
    Call.objects.filter(refusals__gt=0).update(due_at=timezone.now())
    world.carrier.advance_until_idle()
    delivery.lapse(timezone.now() + timedelta(seconds=configuration().placement_confirm_timeout + 1))


@every_fault
def test_to_a_placement(world: World, fault: dict[str, Any]) -> None:
    shout = world.recorded(*_PEOPLE)
    world.carrier.inject(**fault, number=_PEOPLE[2])
    unhurried.run_once()
    _later(world)
    world.play()
    assert Counter(call.number for call in world.carrier.calls[1:]) == Counter(_PEOPLE)
    assert set(world.calls(shout).values()) == {"completed"}
    assert world.status(shout) == "finished"


@every_fault
def test_to_a_withdrawal(world: World, fault: dict[str, Any]) -> None:
    shout = world.recorded(*_PEOPLE[:2])
    Call.objects.update(due_at=timezone.now() + timedelta(seconds=90))
    unhurried.run_once()
    assert len(world.carrier.waiting) == 2
    world.carrier.inject(**fault, method="DELETE", path="/flexml/v1/calls")
    assert world.delete(f"/shouts/{shout};cancel").status_code == 200
    Call.objects.filter(held_since__isnull=False).update(held_since=timezone.now() - timedelta(seconds=20))
    _later(world)
    world.play()
    assert world.carrier.waiting == []
    assert set(world.calls(shout).values()) == {"cancelled"}
    assert [call.heard for call in world.carrier.calls[1:]] in ([[], []], [])


@every_fault
def test_to_a_question_of_what_waits(world: World, fault: dict[str, Any]) -> None:
    shout = world.recorded(*_PEOPLE)
    Call.objects.update(due_at=timezone.now() + timedelta(seconds=90))
    world.carrier.inject("drop", number=_PEOPLE[1])
    unhurried.run_once()
    lost = Call.objects.in_hand()
    assert lost.get().number == _PEOPLE[1]
    lost.update(held_since=timezone.now() - timedelta(seconds=20))
    world.carrier.inject(**fault, method="GET", path="/flexml/v1/calls")
    unhurried.run_once()
    assert lost.get().number == _PEOPLE[1]
    unhurried.run_once()
    assert not lost.exists()
    _later(world)
    world.play()
    assert Counter(call.number for call in world.carrier.calls[1:]) == Counter(_PEOPLE)
    assert set(world.calls(shout).values()) == {"completed"}


@every_fault
def test_to_the_keeping_of_a_recording(world: World, fault: dict[str, Any]) -> None:
    world.carrier.inject(**fault, method="PATCH", path="/core/v2/storage/files")
    shout = world.recorded(*_PEOPLE)
    assert world.status(shout) == "pending"
    AuthorCall.objects.update(held_since=timezone.now() - timedelta(seconds=20))
    unhurried.run_once()
    world.play()
    assert Counter(call.number for call in world.carrier.calls[1:]) == Counter(_PEOPLE)
    assert world.status(shout) == "finished"
