"""Everybody who may pick up as an author, and what becomes of the shout; real HTTP both ways, virtual time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models import F
from pytest_django import Settings

from blast_api.models import AuthorCall, Gate
from tests.kits import unhurried
from tests.kits.ears import calls_to, heard
from tests.kits.world import AUTHOR, World, lines, recipient

AUTHORS = [f"155555520{ending}" for ending in range(90, 100)]
TAKE = ["start_recording", "beep"]
AGAIN = ["record_verification", *TAKE]
WRONG_KEY = ["record_verification", "invalid_entry"]
SAVED = ["recording_saved", "ready_for_delivery", "goodbye"]
FILES = "/core/v2/storage/files"


def ended(shout: int) -> dict[str, Any]:
    """The record of a shout."""
    (line,) = [line for line in lines(settings.BDR_LOG_PATH) if line["pk"] == shout]
    return line


def wait_a_while() -> None:
    """As if the errands in hand had been there for long."""
    AuthorCall.objects.update(held_since=F("held_since") - timedelta(seconds=20))


# --- The table -------------------------------------------------------------------------------------------------------

# Author: what they heard, the shout's status, the recording call's state and the carrier's word on the call.
EXPECTED: dict[str, tuple[list[str], str, str, str]] = {
    "89": (["record_welcome", *TAKE, *TAKE, "record_verification", *SAVED], "finished", "CONFIRMED", "completed"),
    "90": (["record_welcome", *TAKE, "record_verification", *SAVED], "finished", "CONFIRMED", "completed"),
    "91": (
        ["record_welcome", *TAKE, "record_verification", "message", *AGAIN, "record_verification", *SAVED],
        "finished",
        "CONFIRMED",
        "completed",
    ),
    "92": (
        ["record_welcome", *TAKE, "record_verification", "recording_cancelled", "goodbye"],
        "canceled",
        "RECORDED",
        "completed",
    ),
    "93": (["record_welcome", "no_key_pressed"], "canceled", "USER_ANSWERED", "completed"),
    "94": ([], "canceled", "PLACED", "busy"),
    "95": ([], "canceled", "PLACED", "noanswer"),
    "96": (
        ["record_welcome", "invalid_entry", "record_welcome", *TAKE, *WRONG_KEY, "record_verification", *SAVED],
        "finished",
        "CONFIRMED",
        "completed",
    ),
    "97": (["record_welcome", *TAKE], "canceled", "PRESSED_STAR", "completed"),
    "99": (["record_welcome", *TAKE, "goodbye"], "error", "CARRIERX_ERROR", "completed"),
}


@pytest.mark.parametrize("ways", [(), ("repeat_callbacks",), ("callback_first", "nulls"), ("get",)], ids=str)
def test_every_author_hears_what_they_should_whatever_the_carriers_ways(world: World, ways: tuple[str, ...]) -> None:
    for way in ways:
        world.carrier.inject(way, times=-1)
    shouts = {ending: world.shout(recipient(0), caller=f"155555520{ending}") for ending in EXPECTED}
    world.carrier.advance_until_idle()
    world.play()
    world.sweep(after_s=6)  # who hung up undecided has had their chance

    assert world.carrier.faults == []
    records = {line["message_id"]: line for line in lines(settings.REC_CDR_LOG_PATH)}
    assert len(lines(settings.REC_CDR_LOG_PATH)) == len(EXPECTED)
    for ending, (sounds, status, state, word) in EXPECTED.items():
        shout = shouts[ending]
        (call,) = calls_to(world.carrier, f"155555520{ending}")
        assert (ending, heard(call)) == (ending, sounds)
        assert (ending, world.status(shout)) == (ending, status)
        line = ended(shout)
        assert (ending, line["status"], line["recording_call_status"]) == (ending, status, state)
        assert (ending, records[shout]["CallStatus"]) == (ending, word)
        assert [call["status"] for call in world.get("/calls", **{"shout-id": shout})] == [
            "completed" if status == "finished" else "cancelled"
        ]


@pytest.mark.parametrize("fault", [{"name": "refuse", "status": 503}, {"name": "drop"}, {"name": "half"}], ids=str)
def test_a_take_that_the_carrier_does_not_hand_out_is_verified_by_its_author(
    world: World, fault: dict[str, Any]
) -> None:
    world.carrier.inject(**fault, path=FILES, method="GET", times=-1)
    shout = world.shout(recipient(0), caller="15555552089")
    world.carrier.advance(21)
    (call,) = world.carrier.calls
    assert heard(call) == ["record_welcome", *TAKE, "record_verification"]
    world.carrier.advance_until_idle()
    assert (world.status(shout), world.carrier.faults) == ("pending", [])


def test_a_long_take_is_not_examined(world: World, settings: Settings) -> None:
    settings.RECORDING_SILENCE = 5
    world.shout(recipient(0), caller="15555552089")
    world.carrier.advance_until_idle()
    assert heard(world.carrier.calls[0]) == ["record_welcome", *TAKE, "record_verification", *SAVED]


def test_who_records_nothing_is_asked_again_until_the_time_is_over(world: World, settings: Settings) -> None:
    settings.MAX_RECORDING_SECONDS = 540
    shout = world.shout(recipient(0), caller=AUTHORS[8])
    world.carrier.advance(60)
    (call,) = world.carrier.calls
    assert heard(call)[:7] == ["record_welcome", *TAKE * 3]
    assert world.status(shout) == "pending"
    world.sweep(after_s=601)
    world.carrier.advance_until_idle()
    assert heard(call)[-1] == "goodbye"
    assert ended(shout)["recording_call_status"] == "PRESSED_STAR"
    assert world.calls(shout) == {recipient(0): "timed-out"}
    assert (world.status(shout), world.carrier.faults) == ("timed-out", [])


# --- The file --------------------------------------------------------------------------------------------------------


def test_a_confirmed_recording_is_permanent(world: World) -> None:
    shout = world.recorded(recipient(0))
    (file,) = world.carrier.files.values()
    assert file.ttl_s == -1
    world.carrier.advance(10 * 86400)
    assert list(world.carrier.files) == [file.sid]
    voc = world.get(f"/shouts/{shout}")["voc"]
    assert (voc["length"], voc["url"]) == (8, world.carrier.storage.publish_uri(file))


def test_a_recording_that_nobody_confirmed_is_gone_after_a_day(world: World) -> None:
    world.recorded(recipient(0), caller=AUTHORS[2])
    (file,) = world.carrier.files.values()
    assert file.ttl_s == 86400
    world.carrier.advance(86400)
    assert world.carrier.files == {}


def test_recording_again_keeps_one_file_and_delivers_the_last_take(world: World) -> None:
    shout = world.recorded(recipient(0), caller=AUTHORS[1])
    (file,) = world.carrier.files.values()
    assert file.ttl_s == -1
    assert world.get(f"/shouts/{shout}")["voc"]["url"].partition("?")[0] == world.carrier.storage.publish_uri(file)
    world.play()
    (call,) = calls_to(world.carrier, recipient(0))
    assert heard(call) == ["message?format=2.wav", "opt_out"]
    assert world.carrier.faults == []


@pytest.mark.parametrize("status", [503, 429, 409, 500])
def test_a_file_that_cannot_be_kept_for_a_while_delays_the_shout_and_nothing_else(world: World, status: int) -> None:
    world.carrier.inject("refuse", status=status, path=FILES, method="PATCH", times=2)
    shout = world.recorded(recipient(0))
    assert world.status(shout) == "pending"
    for expected in ("pending", "ready"):
        wait_a_while()
        unhurried.run_once()
        released = world.status(shout)
        assert (released == "pending") is (expected == "pending")
    world.play()
    assert (world.status(shout), world.carrier.faults) == ("finished", [])
    assert world.calls(shout) == {recipient(0): "completed"}


@pytest.mark.parametrize("status", [404, 422])
def test_a_file_that_the_carrier_lost_is_an_error(world: World, status: int) -> None:
    world.carrier.inject("refuse", status=status, path=FILES, method="PATCH")
    shout = world.recorded(recipient(0))
    world.play()
    assert world.status(shout) == "error"
    line = ended(shout)
    assert (line["status"], line["recording_call_status"]) == ("error", "CARRIERX_ERROR")
    assert world.calls(shout) == {recipient(0): "cancelled"}
    assert (len(world.carrier.calls), world.carrier.faults) == (1, [])


# --- Trouble ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 422])
def test_an_authors_call_that_the_carrier_refuses_is_an_error(world: World, status: int) -> None:
    world.carrier.inject("refuse", status=status, number=AUTHOR)
    shout = world.recorded(recipient(0))
    world.play()
    assert world.status(shout) == "error"
    assert ended(shout)["recording_call_status"] == "CARRIERX_ERROR"
    assert lines(settings.REC_CDR_LOG_PATH) == []
    assert (len(world.carrier.arrivals), world.carrier.faults) == (1, [])


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_end_no_shout(world: World, status: int) -> None:
    world.carrier.inject("refuse", status=status, number=AUTHOR)
    shout = world.recorded(recipient(0))
    assert (world.status(shout), world.calls(shout)) == ("pending", {recipient(0): "pending"})


def test_a_lost_answer_does_not_ring_the_author_twice(world: World) -> None:
    world.carrier.inject("drop", number=AUTHOR)
    shout = world.recorded(recipient(0))
    world.play()
    assert len(calls_to(world.carrier, AUTHOR)) == 1
    Gate.objects.update(shut_until=None, trouble="", troubles=0)  # the carrier was left alone for long enough
    world.play()
    assert (world.status(shout), world.carrier.faults) == ("finished", [])


@pytest.mark.parametrize(
    ("until_s", "limit_s", "state"),
    [(4, 15, "USER_ANSWERED"), (11, 600, "PRESSED_STAR"), (19, 600, "RECORDED")],
)
def test_an_author_who_takes_too_long_is_timed_out_and_told_goodbye(
    world: World, settings: Settings, until_s: float, limit_s: float, state: str
) -> None:
    settings.MAX_RECORDING_SECONDS = 540  # a longer take, and the time around it, would move the limit of PRESSED_STAR
    shout = world.shout(recipient(0))
    world.carrier.advance(until_s)
    world.sweep(after_s=limit_s - 2)
    assert world.status(shout) == "pending"
    world.sweep(after_s=limit_s + 1)
    assert world.status(shout) == "timed-out"
    assert ended(shout)["recording_call_status"] == state
    world.carrier.advance_until_idle()
    (call,) = world.carrier.calls
    assert heard(call)[-1] == "goodbye"
    assert world.carrier.faults == []


def test_an_author_of_whom_nothing_is_ever_heard_is_timed_out(world: World) -> None:
    world.carrier.inject("silent", number=AUTHOR)
    shout = world.recorded(recipient(0))
    world.sweep(after_s=299)
    assert world.status(shout) == "pending"
    world.sweep(after_s=301)
    assert (world.status(shout), ended(shout)["recording_call_status"]) == ("timed-out", "PLACED")
    assert world.carrier.faults == []


def test_a_confirmed_shout_needs_no_word_on_how_the_call_ended(world: World) -> None:
    world.carrier.inject("lose_status", number=AUTHOR)
    shout = world.recorded(recipient(0))
    world.play()
    assert (world.status(shout), world.carrier.faults) == ("finished", [])
    assert lines(settings.REC_CDR_LOG_PATH) == []


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [(1, "canceled", "PRESSED_STAR"), (2, "canceled", "RECORDED"), (3, "finished", "CONFIRMED")],
)
def test_a_key_that_the_end_of_the_call_overtook_still_counts(
    world: World, action: int, status: str, state: str
) -> None:
    world.carrier.inject("reorder_callbacks", number=AUTHOR, action=action)
    shout = world.recorded(recipient(0))
    world.play()
    world.sweep(after_s=6)
    assert (world.status(shout), world.carrier.faults) == (status, [])
    assert ended(shout)["recording_call_status"] == state
    assert len(lines(settings.REC_CDR_LOG_PATH)) == 1


def test_an_author_whose_shout_is_canceled_hears_goodbye_at_the_next_key(world: World) -> None:
    shout = world.shout(recipient(0))
    world.carrier.advance(11)
    assert world.delete(f"/shouts/{shout};cancel").status_code == 200
    world.carrier.advance_until_idle()
    world.sweep()
    (call,) = world.carrier.calls
    assert heard(call) == ["record_welcome", *TAKE, "goodbye"]
    assert (world.status(shout), world.carrier.faults) == ("canceled", [])
    assert len(lines(settings.REC_CDR_LOG_PATH)) == 1
