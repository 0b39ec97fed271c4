"""Everybody who may pick up as a recipient: what they heard, how their call ended, and what was written down."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Call, Message
from tests.kits import unhurried
from tests.kits.ears import calls_to, heard
from tests.kits.world import World, lines, recipient

HEARD = ["message", "opt_out"]

# Last two digits: what was heard on each call to the number, its end, and the record of each attempt.
EXPECTED: dict[int, tuple[list[list[str]], str, list[str]]] = {
    0: ([HEARD], "completed", ["completed"]),
    1: ([["message"]], "completed", ["completed"]),
    2: ([["message", "message"]], "completed", ["completed"]),
    3: ([[]], "busy", ["busy"]),
    4: ([[]], "no-answer", ["no-answer"]),
    5: ([[]] * 4, "failed", ["failed"] * 4),
    6: ([[], HEARD], "completed", ["failed", "completed"]),
    7: ([HEARD * 2], "completed", ["completed"]),
    8: ([[*HEARD, "goodbye"]], "added to do not call", ["added to do not call"]),
    9: ([["message"]], "completed", ["completed"]),
    10: ([[]], "no-answer", ["no-answer"]),
    11: ([["message", "goodbye"]], "added to do not call", ["added to do not call"]),
    12: ([HEARD], "completed", ["completed"]),
    13: ([[], [], HEARD], "completed", ["failed", "failed", "completed"]),
    14: ([[]], "cancelled", ["cancelled"]),
    90: ([HEARD], "completed", ["completed"]),  # somebody else's author
}
Q850 = {"completed": 0, "added to do not call": 0, "busy": 17, "no-answer": 18, "failed": 41, "cancelled": None}
ANSWERERS = {1: "MACHINE", 2: "NOTSURE", 10: "HANGUP"}
PEOPLE = {recipient(ending): ending for ending in EXPECTED}
OPTED_OUT = {recipient(8), recipient(11)}


def attempts(field: str) -> dict[str, list[object]]:
    """A field of the records of each number, in order."""
    found: dict[str, list[object]] = defaultdict(list)
    for line in lines(settings.CDR_LOGGER_PATH):
        found[line["to_number"]].append(line[field])
    return dict(found)


@pytest.mark.parametrize("ways", [(), ("repeat_callbacks",), ("callback_first", "nulls"), ("form",)], ids=str)
def test_every_recipient_hears_what_they_should_whatever_the_carriers_ways(world: World, ways: tuple[str, ...]) -> None:
    shout = world.recorded(*PEOPLE)
    for way in ways:
        world.carrier.inject(way, times=-1)
    world.play()

    assert world.carrier.faults == []
    sounds = {number: [heard(call) for call in calls_to(world.carrier, number)] for number in PEOPLE}
    assert sounds == {number: EXPECTED[ending][0] for number, ending in PEOPLE.items()}
    assert world.calls(shout) == {number: EXPECTED[ending][1] for number, ending in PEOPLE.items()}
    assert {call["phone"]: call["Q850"] for call in world.get("/calls", **{"shout-id": shout})} == {
        number: Q850[EXPECTED[ending][1]] for number, ending in PEOPLE.items()
    }
    assert attempts("status") == {number: EXPECTED[ending][2] for number, ending in PEOPLE.items()}
    assert {number: last for number, (*_, last) in attempts("answerer").items() if last} == {
        number: ANSWERERS.get(ending, "HUMAN")
        for number, ending in PEOPLE.items()
        if any(EXPECTED[ending][0]) or ending in ANSWERERS
    }
    assert attempts("num_retries") == {
        number: list(range(len(EXPECTED[ending][2]))) for number, ending in PEOPLE.items()
    }
    assert set(world.dnc()) == OPTED_OUT
    assert world.get(f"/shouts/{shout}")["recipients_requested_dnc"] is True
    assert world.status(shout) == "finished"
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["finished"]


def test_without_detection_everybody_hears_the_message_at_once(world: World, settings: Settings) -> None:
    settings.AMD = False
    people = [recipient(ending) for ending in (0, 1, 7, 8)]
    shout = world.recorded(*people)
    world.play()
    assert world.carrier.faults == []
    assert [heard(*calls_to(world.carrier, number)) for number in people] == [
        HEARD,
        HEARD,
        HEARD * 2,
        [*HEARD, "goodbye"],
    ]
    assert all(call.heard[0].at == call.answered_at for number in people for call in calls_to(world.carrier, number))
    assert world.calls(shout) == dict(zip(people, [*["completed"] * 3, "added to do not call"], strict=True))
    assert attempts("answerer") == {number: ["NOTSURE"] for number in people}


def test_a_machine_is_spoken_to_when_it_has_finished(world: World) -> None:
    world.recorded(recipient(1))
    world.play()
    (call,) = calls_to(world.carrier, recipient(1))
    assert call.answered_at is not None
    assert call.heard[0].at - call.answered_at == 5 + 2 + 2  # its greeting, and silence, asked for twice


def test_the_end_of_a_call_may_overtake_its_last_key(world: World) -> None:
    people = {recipient(ending): EXPECTED[ending][1] for ending in (7, 8, 11, 12)}
    people |= dict.fromkeys((recipient(0), recipient(1)), "no-answer")  # it overtakes AMD's word, so they hear nothing
    shout = world.recorded(*people)
    world.carrier.inject("reorder_callbacks", times=-1)
    world.play()
    assert (world.calls(shout), world.carrier.faults) == (people, [])
    assert set(world.dnc()) == OPTED_OUT
    assert world.status(shout) == "finished"
    assert len(lines(settings.CDR_LOGGER_PATH)) == len(people)


@pytest.mark.parametrize("fault", ["lose_status", "silent"])
def test_a_call_of_which_the_end_is_never_told_is_timed_out_with_its_shout(world: World, fault: str) -> None:
    shout = world.recorded(recipient(0), recipient(0, index=1))
    world.carrier.inject(fault, number=recipient(0))
    world.play()
    assert (world.status(shout), world.calls(shout)[recipient(0)]) == ("ongoing", "ongoing")
    world.sweep(after_s=250)
    assert world.status(shout) == "ongoing"
    world.sweep(after_s=345)
    assert world.status(shout) == "timed-out"
    assert world.calls(shout) == {recipient(0): "timed-out", recipient(0, index=1): "completed"}
    assert attempts("status") == {recipient(0): ["timed-out"], recipient(0, index=1): ["completed"]}
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["timed-out"]
    world.sweep(after_s=345 + 12 * 3600)
    assert (world.status(shout), world.carrier.faults) == ("timed-out", [])


def test_what_ends_after_the_deadline_is_settled_and_written_down_as_late(world: World) -> None:
    shout = world.recorded(recipient(0), recipient(8))
    unhurried.run_once()
    world.carrier.advance(10)
    world.sweep(after_s=400)
    assert set(world.calls(shout).values()) == {"timed-out"}
    world.carrier.advance_until_idle()
    world.sweep()
    assert world.calls(shout) == {recipient(0): "completed", recipient(8): "added to do not call"}
    assert (world.status(shout), world.dnc()) == ("finished", [recipient(8)])
    assert [(line["status"], line["late"]) for line in lines(settings.BDR_LOG_PATH)] == [
        ("timed-out", False),
        ("finished", True),
    ]
    assert world.carrier.faults == []


def test_cancelled_in_mid_flight_nobody_hears_it_who_did_not_already(world: World, settings: Settings) -> None:
    settings.CALL_BATCH_SIZE = 2  # twelve seconds apart: some wait at the carrier, some with us
    people = [recipient(0, index=index) for index in range(30)]
    shout = world.recorded(*people)
    unhurried.run_once()
    world.carrier.advance(7)
    assert len(world.carrier.waiting) > 10
    listening = [call.number for call in world.carrier.calls if "message" in heard(call)]
    assert len(listening) == 2

    assert world.delete(f"/shouts/{shout};cancel").status_code == 200
    world.play()
    assert world.delete(f"/shouts/{shout};cancel").status_code == 200
    assert world.calls(shout) == {number: "completed" if number in listening else "cancelled" for number in people}
    assert {number for number in people if any(heard(call) for call in calls_to(world.carrier, number))} == {*listening}
    assert len(world.carrier.withdrawn) + 1 + len(listening) == len(world.carrier.calls)
    assert (world.status(shout), world.carrier.waiting, world.carrier.faults) == ("canceled", [], [])
    assert [line["status"] for line in lines(settings.BDR_LOG_PATH)] == ["canceled"]
    assert attempts("status") == {number: [status] for number, status in world.calls(shout).items()}


def test_a_call_that_rings_when_its_shout_is_canceled_hangs_up_at_once(world: World) -> None:
    shout = world.recorded(recipient(0))
    unhurried.run_once()
    world.carrier.advance(1)
    world.delete(f"/shouts/{shout};cancel")
    world.play()
    (call,) = calls_to(world.carrier, recipient(0))
    assert (heard(call), call.status) == ([], "completed")
    assert world.calls(shout) == {recipient(0): "cancelled"}
    assert (world.status(shout), world.carrier.faults) == ("canceled", [])


def test_who_wants_no_more_calls_gets_none_from_this_users_other_shouts(world: World, settings: Settings) -> None:
    settings.CALL_BATCH_SIZE = 1
    number, somebody = recipient(11), recipient(0)
    first, same = world.recorded(number), world.recorded(somebody, number)
    another = world.recorded(somebody, number, userdata="another user")
    later = world.recorded(number, somebody, schedule=(timezone.now() + timedelta(days=9)).isoformat())
    unhurried.run_once()
    world.carrier.advance(8)
    assert [call.number for call in world.carrier.waiting] == [number, number]
    assert world.calls(first)[number] == "added to do not call"

    world.play()
    assert world.calls(same) == {number: "do not call", somebody: "completed"}
    assert world.calls(another) == {number: "added to do not call", somebody: "completed"}
    assert len(calls_to(world.carrier, number)) == 3
    assert [heard(call) for call in calls_to(world.carrier, number)].count([]) == 1
    assert (world.dnc(), world.dnc("another user")) == ([number], [number])
    assert world.calls(world.shout(number, somebody))[number] == "do not call"

    Message.objects.filter(pk=later).update(starts_at=timezone.now())  # nine days later
    Call.objects.filter(message=later).update(due_at=timezone.now())
    world.carrier.advance_until_idle()
    world.play()
    assert world.calls(later) == {number: "do not call", somebody: "completed"}
    assert len(calls_to(world.carrier, number)) == 3
    assert world.carrier.faults == []


def test_a_call_the_carrier_refuses_has_failed_and_the_others_go_on(world: World) -> None:
    shout = world.recorded(recipient(0), recipient(0, index=1))
    world.carrier.inject("refuse", status=422, number=recipient(0))
    world.play()
    assert world.calls(shout) == {recipient(0): "failed", recipient(0, index=1): "completed"}
    assert attempts("status") == {recipient(0): ["failed"], recipient(0, index=1): ["completed"]}
    assert (world.status(shout), world.carrier.faults) == ("finished", [])
