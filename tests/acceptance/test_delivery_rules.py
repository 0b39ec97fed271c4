"""Whole shouts under rules, from their POST to their records: a day passes in seconds, and no phone rings that should not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from pytest_django import Settings

from blast_api.models import Application, Call
from tests.kits import unhurried
from tests.kits.clocks import it_is
from tests.kits.world import AUTHOR, World, lines, recipient

DAY = datetime(2030, 1, 31, tzinfo=UTC)  # a Thursday in winter: New York is five hours behind
ZONES = {
    "New York": ("12125550100", 14),
    "Chicago": ("13125550100", 15),
    "Gary, in Chicago's time or New York's": ("12195550100", 15),
    "Denver": ("13035550100", 16),
    "Phoenix": ("16025550100", 16),
    "Los Angeles": ("12135550100", 17),
    "Anchorage, or the Aleutians": ("19075550100", 19),
    "Honolulu": ("18085550100", 19),
}
HOURS = {"window": {"from": "09:00", "to": "20:30"}}


def _rung(world: World) -> list[str]:
    return [call.number for call in world.carrier.calls if call.number != AUTHOR]


def _a_day(world: World, *, since_h: int = 7, hours: int = 24) -> Iterator[tuple[datetime, set[str]]]:
    """Whom each hour's cron run rings."""
    before = Counter(_rung(world))
    for hour in range(since_h, since_h + hours):
        moment = DAY + timedelta(hours=hour, minutes=1)
        with it_is(moment):
            world.play()
        now = Counter(_rung(world))
        yield moment, set(now - before)
        before = now


def _recorded(world: World, *recipients: Any, at: datetime, **fields: Any) -> int:
    with it_is(at):
        shout = world.shout(*recipients, **fields)
        world.carrier.advance_until_idle()
        world.keep(shout)
    return shout


# --- Windows ---------------------------------------------------------------------------------------------------------


def test_a_national_shout_opens_zone_by_zone(world: World) -> None:
    numbers = [number for number, _ in ZONES.values()]
    shout = _recorded(world, *numbers, delivery=HOURS, at=DAY + timedelta(hours=7))
    rung_at = {number: moment.hour for moment, numbers in _a_day(world) for number in numbers}
    assert rung_at == dict(ZONES.values())
    assert set(world.calls(shout).values()) == {"completed"}
    assert Counter(_rung(world)) == Counter(numbers)
    assert len(lines(settings.CDR_LOGGER_PATH)) == len(numbers)


def test_a_zone_given_with_a_recipient_is_theirs(world: World) -> None:
    """Somebody from New York lives in Los Angeles, and somebody the other way round."""
    west = {"number": "12125550100", "zone": "America/Los_Angeles", "reference": "west"}
    east = {"number": "12135550100", "zone": "America/New_York"}
    _recorded(world, west, east, delivery=HOURS, at=DAY + timedelta(hours=7))
    rung_at = {number: moment.hour for moment, numbers in _a_day(world) for number in numbers}
    assert rung_at == {"12125550100": 17, "12135550100": 14}


def test_a_window_of_its_own_zone_asks_nobodys_clock_and_keeps_its_days(world: World) -> None:
    window = {"from": "10:00", "to": "11:00", "days": ["fri"], "zone": "Europe/London"}
    _recorded(world, "12125550100", "18085550100", delivery={"window": window}, at=DAY + timedelta(hours=7))
    rung = [(moment, numbers) for moment, numbers in _a_day(world, hours=30) if numbers]
    assert rung == [(DAY + timedelta(hours=34, minutes=1), {"12125550100", "18085550100"})]


def test_what_is_closed_when_its_turn_comes_waits_until_the_next_day(world: World, settings: Settings) -> None:
    """A retry that falls into the night: 13 minutes to the hour it closes, and an hour between attempts."""
    rules = HOURS | {"retry": {"no-answer": 3600}, "attempts": 2}
    number = "12125550104"  # does not answer
    shout = _recorded(world, number, delivery=rules, at=DAY + timedelta(hours=25))  # 20:00 in New York
    with it_is(DAY + timedelta(hours=25, minutes=15)):
        world.play()
    assert len(_rung(world)) == 1
    rung = [moment.hour for moment, numbers in _a_day(world, since_h=26) if numbers]
    assert rung == [14]
    assert world.calls(shout) == {number: "no-answer"}


def test_the_operators_window_is_every_shouts(world: World, settings: Settings) -> None:
    settings.CALLING_WINDOW = {"from": "09:00", "to": "20:30"}
    answer = world.post(
        "/shouts",
        {
            "caller": AUTHOR,
            "userdata": "u",
            "recipients": ["12125550100"],
            "delivery": {"window": {"from": "08:00", "to": "12:00"}},
        },
    )
    assert answer.status_code == 400
    assert list(answer.json()) == ["delivery.window"]
    _recorded(world, "12125550100", delivery={"window": {"from": "12:00", "to": "13:00"}}, at=DAY + timedelta(hours=7))
    _recorded(world, "13125550100", at=DAY + timedelta(hours=7))
    rung_at = {number: moment.hour for moment, numbers in _a_day(world) for number in numbers}
    assert rung_at == {"12125550100": 17, "13125550100": 15}


# --- Until, cap, bounds, caller id -----------------------------------------------------------------------------------


def test_what_was_not_placed_by_its_time_expires(world: World) -> None:
    until = (DAY + timedelta(hours=16, minutes=30)).isoformat()
    numbers = ["12125550100", "13035550100", "12135550100"]  # New York, Denver, Los Angeles
    shout = _recorded(world, *numbers, delivery=HOURS | {"until": until}, at=DAY + timedelta(hours=7))
    rung = {number for _, numbers in _a_day(world) for number in numbers}
    assert rung == {"12125550100", "13035550100"}
    assert world.calls(shout) == dict(zip(numbers, ["completed", "completed", "expired"], strict=True))
    assert world.status(shout) == "finished"
    (expired,) = [line for line in lines(settings.CDR_LOGGER_PATH) if line["status"] == "expired"]
    assert (expired["to_number"], expired["q850"], expired["attempt"]) == ("12135550100", None, 0)


def test_nobody_is_called_more_often_than_the_cap(world: World, settings: Settings) -> None:
    settings.FREQUENCY_CAP = {"calls": 2, "days": 30}
    number = recipient(0)
    shouts = [world.recorded(number) for _ in range(4)]
    world.play()
    assert Counter(world.calls(shout)[number] for shout in shouts) == {"completed": 2, "capped": 2}
    assert _rung(world) == [number, number]
    assert {world.status(shout) for shout in shouts} == {"finished"}
    told = world.get("/calls", phone=number, userdata="user")
    heard = [call["id"] for call in told if call["status"] == "completed"]
    assert [call["reason"] for call in told if call["status"] == "capped"] == [
        f"the cap of 2 in 30 days is reached: {min(heard)}, {max(heard)}"
    ] * 2


def test_a_shout_keeps_its_own_bounds(world: World) -> None:
    """Four at once: the fifth is rung when the first has hung up."""
    numbers = [recipient(0, index=index) for index in range(10)]
    shout = world.recorded(*numbers, delivery={"concurrent_calls": 4})
    for _ in range(10):
        unhurried.run_once()
        up = Call.objects.with_carrier().count()
        assert up <= 4
        world.carrier.advance_until_idle()
    assert set(world.calls(shout).values()) == {"completed"}


def test_a_shout_is_from_one_of_its_applications_own_numbers(world: World, settings: Settings) -> None:
    settings.DIDS = ("15555550199",)
    refused = world.post(
        "/shouts", {"caller": AUTHOR, "userdata": "u", "recipients": [recipient(0)], "from": "15555550199"}
    )
    assert (refused.status_code, list(refused.json())) == (400, ["from"])
    Application.objects.update(dids=["15555550199"])
    world.recorded(recipient(0), **{"from": "+1 555 555 0199"})
    world.recorded(recipient(0, index=1))
    world.play()
    called_from = {call.number: call.caller for call in world.carrier.calls if call.number != AUTHOR}
    assert called_from == {recipient(0): "15555550199", recipient(0, index=1): settings.DID}
    assert {line["to_number"]: line["did"] for line in lines(settings.CDR_LOGGER_PATH)} == called_from


# --- Machines, retries, a pause by itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(("machines", "status", "played"), [("message", "completed", 1), ("hang up", "no-answer", 0)])
def test_machines_hear_what_the_shout_says(world: World, machines: str, status: str, played: int) -> None:
    machine, person = recipient(1), recipient(0)
    shout = world.recorded(machine, person, delivery={"machines": machines})
    world.play()
    assert world.calls(shout) == {machine: status, person: "completed"}
    assert sum(bool(call.played) for call in world.carrier.calls if call.number == machine) == played


def test_a_machine_may_be_tried_again(world: World) -> None:
    machine = recipient(1)
    rules = {"machines": "retry", "retry": {"machine": 0}, "attempts": 3}
    shout = world.recorded(machine, delivery=rules)
    world.play()
    assert Counter(_rung(world)) == {machine: 3}
    assert world.calls(shout) == {machine: "no-answer"}


def test_what_is_tried_again_is_what_was_named(world: World) -> None:
    busy, silent = recipient(3), recipient(4)
    shout = world.recorded(busy, silent, delivery={"retry": {"busy": 0}, "attempts": 2})
    world.play()
    assert Counter(_rung(world)) == {busy: 2, silent: 1}
    assert world.calls(shout) == {busy: "busy", silent: "no-answer"}


def test_a_shout_whose_calls_fail_pauses_by_itself_and_goes_on_when_it_is_told_to(world: World) -> None:
    failing = [recipient(5, index=index) for index in range(6)]
    later = [recipient(0, index=index) for index in range(3)]
    rules = {"pause_at": {"failed_percent": 80, "of": 5}, "retry": {}, "concurrent_calls": 6}
    shout = world.recorded(*failing, *later, delivery=rules)
    world.play()
    told = world.get(f"/shouts/{shout}")
    assert (told["status"], told["paused_because"]) == ("paused", "pause_at")
    assert not set(later) & set(_rung(world))
    assert world.post(f"/shouts/{shout};resume", {}).status_code == 200
    world.play()
    assert world.calls(shout) == dict.fromkeys(failing, "failed") | dict.fromkeys(later, "completed")


def test_the_rules_are_told_as_they_are_in_force(world: World) -> None:
    rules = {"window": {"from": "00:00", "to": "24:00"}, "attempts": 2, "retry": {"busy": 60}, "machines": "hang up"}
    shout = world.shout(recipient(0), delivery=rules)
    told = world.get(f"/shouts/{shout}")["delivery"]
    assert told["window"]["zone"] == "recipient"
    assert (told["attempts"], told["retry"], told["machines"], told["until"]) == (2, {"busy": 60}, "hang up", None)
    assert told["pause_at"] == {"failed_percent": 80, "of": 50}
