from __future__ import annotations

import pytest

from blast_api.domain.rules import said, typed
from blast_api.domain.rules.said import Faults

WORKING_DAYS = ["mon", "tue", "wed", "thu", "fri"]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("09:00-20:30", {"from": "09:00", "to": "20:30"}),
        ("09:00-20:30 mon-fri", {"from": "09:00", "to": "20:30", "days": WORKING_DAYS}),
        ("09:00-24:00 Sat,sun", {"from": "09:00", "to": "24:00", "days": ["sat", "sun"]}),
        ("22:00-02:00 sat-mon", {"from": "22:00", "to": "02:00", "days": ["mon", "sat", "sun"]}),
        ("9:00-12:00", {"from": "9:00", "to": "12:00"}),
        (
            "09:00-12:00 mon,wed-thu America/Chicago",
            {"from": "09:00", "to": "12:00", "days": ["mon", "wed", "thu"], "zone": "America/Chicago"},
        ),
        ("09:00-12:00 recipient", {"from": "09:00", "to": "12:00", "zone": "recipient"}),
        ('{"from": "09:00", "to": "12:00"}', {"from": "09:00", "to": "12:00"}),
        ("", ""),
        ("always", "always"),
        ("09:00-12:00 mon tue", "09:00-12:00 mon tue"),
        ("09:00-12:00 UTC UTC", "09:00-12:00 UTC UTC"),
        ('{"from":', '{"from":'),
    ],
)
def test_hours(word: str, written: object) -> None:
    assert typed.window(word) == written


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("busy=300,no-answer=1800", {"busy": 300, "no-answer": 1800}),
        ("busy=0.5, machine=60", {"busy": 0.5, "machine": 60}),
        ('{"busy": 300}', {"busy": 300}),
        ("never", {}),
        ("busy", {"busy": ""}),
        ("busy=soon", {"busy": "soon"}),
        ("", {"": ""}),
    ],
)
def test_retries(word: str, written: object) -> None:
    assert typed.retry(word) == written


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("80/50", {"failed_percent": 80, "of": 50}),
        ("80%/50", {"failed_percent": 80, "of": 50}),
        ("never", None),
        ('{"failed_percent": 80, "of": 50}', {"failed_percent": 80, "of": 50}),
        ("80", "80"),
        ("x/y", {"failed_percent": "x", "of": "y"}),
    ],
)
def test_when_a_shout_is_paused(word: str, written: object) -> None:
    assert typed.pause_at(word) == written


@pytest.mark.parametrize(("word", "written"), [("3", 3), ("2.5", 2.5), ("many", "many"), ("", "")])
def test_numbers(word: str, written: object) -> None:
    assert typed.number(word) == written


@pytest.mark.parametrize(
    "word", ["", "never", "9", "{", "[]", "nan", "1e999", "09:00-09:00", "09:00-25:00 mon", "=", "1/2/3"]
)
def test_what_is_no_rule_is_refused_where_it_is_read(word: str) -> None:
    for key, read in (("window", typed.window), ("concurrent_calls", typed.number)):
        if key == "concurrent_calls" and word == "9":
            continue
        with pytest.raises(Faults):
            said.application({key: read(word)})
