"""`manage.py applications set` and `show`: what an application's shouts do if they say nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from blast_api.conf import configuration
from blast_api.models import Application
from tests.kits import factories
from tests.kits.commands import run
from tests.kits.rest import body, created, post, shut_the_gate

pytestmark = pytest.mark.django_db

SCHOOL = "school"
HOURS = {"from": "09:00", "to": "20:30", "days": ["mon", "tue", "wed", "thu", "fri"], "zone": "recipient"}
EVERYTHING = [
    *("--calls-per-second", "2.5", "--concurrent-calls", "10", "--window", "09:00-20:30 mon-fri"),
    *("--retry", "busy=300,no-answer=1800", "--attempts", "2", "--machines", "hang up", "--pause-at", "never"),
]


@pytest.fixture(autouse=True)
def school() -> Application:
    return factories.application_with_token("token", name=SCHOOL)


def row() -> dict[str, Any]:
    return dict(Application.objects.values("calls_per_second", "concurrent_calls", "dids", "delivery").get(name=SCHOOL))


NOTHING: dict[str, Any] = {"calls_per_second": None, "concurrent_calls": None, "dids": None, "delivery": None}


def test_all_settings_are_stored_and_told() -> None:
    ran = run("applications", "set", SCHOOL, *EVERYTHING)
    assert (ran.code, ran.err) == (0, "")
    assert row() == {
        "calls_per_second": 2.5,
        "concurrent_calls": 10,
        "dids": None,
        "delivery": {
            "window": HOURS,
            "attempts": 2,
            "retry": {"busy": 300.0, "no-answer": 1800.0},
            "machines": "hang up",
            "pause_at": None,
        },
    }
    shown = run("applications", "show", SCHOOL)
    assert shown.out == ran.out
    told = [line.split("\t") for line in shown.out.splitlines()]
    assert told == [
        ["setting", "value", "whose"],
        ["calls_per_second", "2.5", "its own"],
        ["concurrent_calls", "10", "its own"],
        ["dids", configuration().did, "the operator's"],
        ["window", "09:00 to 20:30 on mon, tue, wed, thu, fri, by the recipient's clock", "its own"],
        ["attempts", "2", "its own"],
        ["retry", "busy=300,no-answer=1800", "its own"],
        ["machines", "hang up", "its own"],
        ["pause_at", "never", "its own"],
    ]


def test_what_is_not_named_stays_and_none_takes_it_back() -> None:
    run("applications", "set", SCHOOL, *EVERYTHING)
    assert run("applications", "set", SCHOOL, "--attempts", "3").code == 0
    assert (row()["delivery"]["attempts"], row()["delivery"]["window"], row()["calls_per_second"]) == (3, HOURS, 2.5)
    words = [word if word.startswith("--") else "none" for word in EVERYTHING]
    assert run("applications", "set", SCHOOL, *words, "--did", "none").code == 0
    assert row() == NOTHING
    assert run("applications", "show", SCHOOL, "--json").json["own"] == []


def test_show_tells_a_program_what_holds_and_what_is_its_own(settings: Settings) -> None:
    settings.CALLING_WINDOW = {"from": "08:00", "to": "21:00"}
    run("applications", "set", SCHOOL, "--attempts", "2", "--pause-at", "70/20")
    told = run("applications", "show", SCHOOL, "--json").json
    assert (told["name"], told["state"]) == (SCHOOL, "active")
    assert told["own"] == ["attempts", "pause_at"]
    assert (told["attempts"], told["pause_at"]) == (2, {"failed_percent": 70, "of": 20})
    assert (told["window"]["from"], told["calls_per_second"], told["machines"]) == ("08:00", None, "message")


@pytest.mark.parametrize("own", [["15555550101"], ["15555550102", "15555550101"]])
def test_caller_ids_are_those_of_the_sheet(settings: Settings, own: list[str]) -> None:
    settings.DIDS = ("15555550101", "15555550102")
    assert run("applications", "set", SCHOOL, "--did", *(f"+{number}" for number in own)).code == 0
    assert row()["dids"] == own
    assert run("applications", "set", SCHOOL, "--did", configuration().did, *own).code == 0
    assert row()["dids"] == [configuration().did, *own]
    refused = run("applications", "set", SCHOOL, "--did", own[0], "15555550199")
    assert (refused.code, refused.err) == (
        2,
        "--did: 15555550199: neither DID nor among DIDS in the operator's sheet.",
    )
    assert row()["dids"] == [configuration().did, *own]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--calls-per-second", "0"], "--calls-per-second: 0 is not a number from 0.01 to 10000."),
        (["--calls-per-second", "nan"], "--calls-per-second: nan is not a number from 0.01 to 10000."),
        (["--concurrent-calls", "1.5"], "--concurrent-calls: 1.5 is not a whole number from 1 to 1000000."),
        (["--did", "x"], "--did: 'x' is not a phone number with country code."),
        (["--window", "always"], "--window: Expected an object."),
        (["--window", "9:00-20:30"], "--window from: '9:00' is not a time of day, as 09:00."),
        (["--window", "07:00-20:30"], "--window: It is wider than the operator's hours: 08:00 to 21:00"),
        (["--window", "09:00-10:00 Mars/X"], "--window zone: 'Mars/X' is no time zone that this system knows"),
        (["--retry", "completed=3"], "--retry completed: There is no such key."),
        (["--retry", "busy=soon"], "--retry busy: 'soon' is not a number from 0 to 86400."),
        (["--attempts", "0"], "--attempts: 0 is not a whole number from 1 to 101."),
        (["--machines", "shout"], "--machines: 'shout' is none of message, hang up, retry."),
        (["--pause-at", "80"], "--pause-at: Expected an object."),
        (["--pause-at", "0/50"], "--pause-at failed_percent: 0 is not a number from 1 to 100."),
    ],
)
def test_a_bad_value_is_named_by_its_option_and_nothing_is_changed(
    settings: Settings, words: list[str], fault: str
) -> None:
    settings.CALLING_WINDOW = {"from": "08:00", "to": "21:00"}
    ran = run("applications", "set", SCHOOL, *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(fault)
    assert row() == NOTHING
    good = ["--attempts", "2"] if words[0] != "--attempts" else ["--machines", "retry"]
    assert run("applications", "set", SCHOOL, *words, *good).code == 2
    assert row() == NOTHING


def test_each_fault_has_a_line() -> None:
    ran = run("applications", "set", SCHOOL, "--attempts", "0", "--machines", "x", "--did", "y", "--window", "9-12")
    assert ran.code == 2
    assert [line.split(":")[0] for line in ran.err.splitlines()] == [
        "--window from",
        "--window to",
        "--attempts",
        "--machines",
        "--did",
    ]


def test_who_names_no_setting_is_told_which_there_are() -> None:
    ran = run("applications", "set", SCHOOL)
    assert ran.code == 2
    assert "--calls-per-second" in ran.err


@pytest.mark.parametrize("words", [("show", "church"), ("set", "church", "--attempts", "1")])
def test_an_application_that_is_not_there_is_refused(words: tuple[str, ...]) -> None:
    ran = run("applications", *words)
    assert (ran.code, ran.err) == (1, 'There is no application "church".')


def test_its_shouts_go_by_its_settings_and_keep_those_that_they_were_made_with() -> None:
    shut_the_gate()
    run("applications", "set", SCHOOL, "--window", "09:00-20:30 mon-fri", "--attempts", "2")
    shout = created(post(Client(), body(delivery={"attempts": 1}), Authorization="Token token"))
    assert (shout["delivery"]["window"], shout["delivery"]["attempts"]) == (HOURS, 1)
    run("applications", "set", SCHOOL, "--window", "none")
    later = created(post(Client(), body(), Authorization="Token token"))
    assert (later["delivery"]["window"], later["delivery"]["attempts"]) == (None, 2)
    earlier = Client().get(f"/api/v1/shouts/{shout['id']}", headers={"Authorization": "Token token"}).json()
    assert earlier["delivery"] == shout["delivery"]
