"""A shout from POST to record, over real HTTP on both sides."""

from __future__ import annotations

import pytest
from django.conf import settings

from blast_api.dispatch import dispatcher
from tests.kits import unhurried
from tests.kits.world import World, lines, recipient


def test_a_shout_travels_from_post_to_record(world: World) -> None:
    people = {recipient(ending): ending for ending in (0, 1, 2, 3, 4, 5, 6, 8, 9)}
    shout = world.recorded(*people)
    assert world.status(shout) == "ready"
    world.play()

    assert world.carrier.faults == []
    assert world.calls(shout) == {
        recipient(0): "completed",
        recipient(1): "completed",
        recipient(2): "completed",
        recipient(3): "busy",
        recipient(4): "no-answer",
        recipient(5): "failed",
        recipient(6): "completed",
        recipient(8): "added to do not call",
        recipient(9): "completed",
    }
    assert world.status(shout) == "finished"
    assert world.dnc() == [recipient(8)]
    cdr = lines(settings.CDR_LOGGER_PATH)
    # Five attempts are one line each: four of the number that always fails, two of the one that fails once.
    assert len(cdr) == 9 + 3 + 1
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["finished"]
    assert [line["message_id"] for line in lines(settings.REC_CDR_LOG_PATH)] == [shout]


def test_one_run_keeps_what_an_author_has_confirmed_and_calls_everybody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a sweep has made ready is not left to the next run, however long who finds nothing looks away."""
    monkeypatch.setattr(dispatcher, "_IDLE_S", 60.0)
    shout = world.shout(recipient(0), recipient(0, index=1))
    world.carrier.advance_until_idle()
    assert world.status(shout) == "pending"
    unhurried.run_once()
    assert len(world.carrier.calls) == 1 + 2
