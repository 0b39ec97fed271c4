"""A shout is heard by one number first, as its recipients hear it afterwards."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone

from blast_api import cron
from blast_api.simulator.calls import Call
from tests.kits.ears import calls_to, heard
from tests.kits.world import AUTHOR, World, lines, recipient

HEARD = ["message", "opt_out"]


def _audition(world: World, shout: int, to: str) -> int:
    answer = world.post(f"/shouts/{shout};audition", {"to": to})
    assert (answer.status_code, answer.json()["audition"]) == (202, True), answer.text
    return int(answer.json()["id"])


def _documents(call: Call) -> list[str]:
    """What the carrier was told to do, but for which call an address names."""
    steps = [(urlsplit(document.url).path.rpartition("/")[2], document.text) for document in call.documents]
    return [re.sub(r"/call-control/[^<\"]*/", "/call-control/", f"{step}: {text}") for step, text in steps]


def _later() -> str:
    return (timezone.now() + timedelta(hours=1)).isoformat()


@pytest.mark.parametrize("ending", [0, 1, 7, 8, 9, 12], ids=lambda ending: f"{ending:02d}")
def test_who_hears_it_first_hears_what_recipients_hear(world: World, ending: int) -> None:
    """A person, a machine, and people who press 0, 5 or another key, or hang up: a paused shout is auditioned, then resumed."""
    first, then = recipient(ending), recipient(ending, index=1)
    shout = world.recorded(then)
    world.post(f"/shouts/{shout};pause", {})
    call = _audition(world, shout, first)
    world.play()
    assert calls_to(world.carrier, then) == []
    told = world.get(f"/calls/{call}")
    assert (told["shout_id"], told["status"], len(told["attempts"])) == (shout, "completed", 1)
    assert (world.status(shout), world.dnc(), lines(settings.CDR_LOGGER_PATH)) == ("paused", [], [])

    world.post(f"/shouts/{shout};resume", {})
    cron.run_once()
    world.play()
    ((of_the_first,), (of_the_other,)) = calls_to(world.carrier, first), calls_to(world.carrier, then)
    assert heard(of_the_first) == heard(of_the_other) != []
    assert _documents(of_the_first) == _documents(of_the_other) != []
    assert set(world.calls(shout)) == {then}
    assert [line["to_number"] for line in lines(settings.CDR_LOGGER_PATH)] == [then]
    assert [line["pk"] for line in lines(settings.BDR_LOG_PATH)] == [shout]
    assert world.carrier.faults == []


def test_the_author_hears_a_shout_that_is_for_later(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=_later())
    _audition(world, shout, AUTHOR)
    world.play()
    _, audition = calls_to(world.carrier, AUTHOR)
    assert heard(audition) == HEARD
    assert {call.number for call in world.carrier.calls} == {AUTHOR}
    assert world.status(shout) == "scheduled"
    assert world.carrier.faults == []


def test_who_presses_5_at_an_audition_is_on_no_list_and_is_called_with_the_others(world: World) -> None:
    number = recipient(8)
    shout = world.recorded(number)
    call = _audition(world, shout, number)
    world.play()
    assert (world.get(f"/calls/{call}")["status"], world.get(f"/calls/{call}")["keys"]) == ("completed", "5")
    assert world.calls(shout) == {number: "added to do not call"}
    assert len(calls_to(world.carrier, number)) == 2
    assert world.dnc() == [number]


def test_what_waits_is_not_heard_any_more_once_the_shout_is_canceled(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=_later())
    call = _audition(world, shout, recipient(0, index=1))
    assert world.delete(f"/shouts/{shout};cancel").status_code == 200
    world.play()
    assert world.get(f"/calls/{call}")["status"] == "cancelled"
    assert [heard(each) for each in world.carrier.calls if each.number != AUTHOR] == []


def test_an_audition_that_rings_as_the_shout_is_canceled_is_not_heard(world: World) -> None:
    shout = world.recorded(recipient(0), schedule=_later())
    call = _audition(world, shout, recipient(0, index=1))
    cron.run_once()
    world.carrier.advance(1)
    world.delete(f"/shouts/{shout};cancel")
    world.play()
    (rung,) = calls_to(world.carrier, recipient(0, index=1))
    assert heard(rung) == []
    assert world.get(f"/calls/{call}")["status"] == "cancelled"
