"""A shout canceled at each stage: nothing more is placed, what waits is withdrawn, and it is closed in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Call, Message
from tests.kits import unhurried
from tests.kits.world import AUTHOR, World, lines, recipient


def _cancel(world: World, shout: int) -> None:
    answer = world.delete(f"/shouts/{shout};cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert world.delete(f"/shouts/{shout};cancel").status_code == 200


def _is_over(world: World, shout: int, *statuses: str) -> None:
    """Every call has ended so, with a record each, the shout has one, and no sweep looks at it again."""
    world.sweep()
    assert sorted(world.calls(shout).values()) == sorted(statuses)
    assert Message.objects.get(pk=shout).closed is not None
    assert sorted(line["status"] for line in lines(settings.CDR_LOGGER_PATH)) == sorted(statuses)
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["canceled"]
    assert world.carrier.faults == []


def _soon(seconds: float) -> str:
    return (timezone.now() + timedelta(seconds=seconds)).isoformat()


def test_while_it_is_being_recorded(world: World) -> None:
    shout = world.shout(recipient(0))
    _cancel(world, shout)
    world.play()
    assert [call.number for call in world.carrier.calls] == [AUTHOR]
    assert "recording_saved" not in "".join(world.carrier.calls[0].played)
    _is_over(world, shout, "cancelled")


def test_while_it_is_ready(world: World) -> None:
    shout = world.recorded(recipient(0), recipient(3))
    _cancel(world, shout)
    world.play()
    assert len(world.carrier.calls) == 1
    _is_over(world, shout, "cancelled", "cancelled")


def test_while_it_is_scheduled(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=_soon(86400))
    assert world.status(shout) == "scheduled"
    _cancel(world, shout)
    world.play()
    assert len(world.carrier.calls) == 1
    _is_over(world, shout, "cancelled")


def test_while_its_calls_wait_at_the_carrier(world: World) -> None:
    shout = world.recorded(*(recipient(0, index=index) for index in range(4)), schedule=_soon(60))
    unhurried.run_once()
    assert len(world.carrier.waiting) == 4
    _cancel(world, shout)
    assert world.carrier.withdrawn  # within the request, as far as its bound allows
    unhurried.run_once()
    assert len(world.carrier.withdrawn) == 4
    world.play()
    assert all(call.heard == [] for call in world.carrier.calls[1:])
    _is_over(world, shout, *["cancelled"] * 4)


def test_while_its_calls_ring(world: World) -> None:
    shout = world.recorded(recipient(0), recipient(4))
    unhurried.run_once()
    world.carrier.advance(1)
    _cancel(world, shout)
    world.play()
    assert all(call.played == [] for call in world.carrier.calls[1:])
    _is_over(world, shout, "cancelled", "cancelled")


def test_who_listens_already_hears_the_message_to_its_end(world: World) -> None:
    shout = world.recorded(recipient(0))
    unhurried.run_once()
    world.carrier.advance(8)
    assert len(world.carrier.calls[-1].played) == 1
    _cancel(world, shout)
    world.play()
    _is_over(world, shout, "completed")


def test_a_call_whose_placement_is_unknown(world: World, settings: Settings) -> None:
    shout = world.recorded(recipient(0), recipient(1))
    world.carrier.inject("drop", number=recipient(0))
    world.carrier.inject("drop_before", number=recipient(1))
    unhurried.run_once()
    _cancel(world, shout)
    assert Call.objects.in_hand().count() == 2
    world.play()  # the one that the carrier has rings, hears nothing, and is reported
    assert world.carrier.calls[-1].played == []
    world.sweep(after_s=settings.PLACEMENT_CONFIRM_TIMEOUT + 5)
    assert len(world.carrier.calls) == 2
    _is_over(world, shout, "cancelled", "cancelled")


@pytest.mark.parametrize("fault", ["silent", "lose_status"])
def test_a_call_that_is_never_heard_of_again_is_timed_out_with_the_deadline(world: World, fault: str) -> None:
    shout = world.recorded(recipient(0))
    world.carrier.inject(fault, number=recipient(0))
    unhurried.run_once()
    _cancel(world, shout)
    world.play()
    assert world.calls(shout) == {recipient(0): "ongoing"}
    world.sweep(after_s=3600)
    assert world.status(shout) == "canceled"
    _is_over(world, shout, "timed-out")


def test_a_withdrawal_that_the_carrier_refuses_for_now_is_tried_again(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=_soon(100))
    unhurried.run_once()
    world.carrier.inject("refuse", status=503, method="DELETE", path="/flexml/v1/calls")
    _cancel(world, shout)
    assert world.carrier.withdrawn == []
    Call.objects.update(held_since=timezone.now() - timedelta(seconds=16))
    unhurried.run_once()
    assert len(world.carrier.withdrawn) == 1
    _is_over(world, shout, "cancelled")


def test_a_finished_shout_cannot_be_canceled(world: World) -> None:
    shout = world.recorded(recipient(0))
    world.play()
    answer = world.delete(f"/shouts/{shout};cancel")
    assert answer.status_code == 409
    assert world.status(shout) == "finished"
