"""Service logs: nothing in a line opens a door or names a whole number, and strangers cannot fill them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from blast_api.carrierx.addresses import address
from blast_api.domain.callbacks import Party
from blast_api.logs.redaction import AtMost, LineFormatter, TextFormatter, discreet

ADDRESS = address(Party.RECIPIENT, 7, 2, "key")
TOKEN = ADDRESS.split("/")[-2]


def record(message: str = "a sentence", **extra: Any) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelname": "ERROR", **extra})


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ("called 15555551010 twice", "called 1555***1010 twice"),
        ('{"called_did": "+442079460123"}', '{"called_did": "4420***0123"}'),
        ("15555551010,15555551011", "1555***1010,1555***1011"),
        (f"for {ADDRESS}?a=1", f"for {ADDRESS.replace(TOKEN, '***')}?a=1"),
        (f"for {ADDRESS.replace(TOKEN, TOKEN[:-1])}", f"for {ADDRESS.replace(TOKEN, '***')}"),
        ("https://storage.example/f/0a0a-1.wav heard", "https://storage.example/f/*** heard"),
        ("https://storage.example/c/0b/private.wav?format=2.wav", "https://storage.example/c/***?format=2.wav"),
        ("/core/v2/storage/files/0a0a-1", "/core/v2/storage/files/***"),
        # No numbers of phones.
        ("0a0a0a0a-0000-4000-8000-100000000001", "0a0a0a0a-0000-4000-8000-100000000001"),
        ("took 0.12345678901 s", "took 0.12345678901 s"),
        ("took 12345678901.5 s", "took 12345678901.5 s"),
        ("shout 1234567890", "shout 1234567890"),
        ("2030-01-01T00:00:00.000000+00:00", "2030-01-01T00:00:00.000000+00:00"),
    ],
)
def test_what_is_secret_or_private_is_struck_out(told: str, written: str) -> None:
    assert discreet(told) == written


def test_a_line_is_discreet_in_every_field_and_one_json_object() -> None:
    try:
        raise ValueError(f"{ADDRESS}\nof 15555551010")
    except ValueError:
        failed = sys.exc_info()
    line = LineFormatter().format(
        record(
            "15555551010\r\n\u2028{",
            exc_info=failed,
            reason={"url": ADDRESS, "numbers": ["15555551010"]},
            row=12345678901234,
            seconds=1.5,
        )
    )
    assert line.splitlines() == [line]
    told = json.loads(line)
    assert TOKEN not in line
    assert "15555551010" not in line
    assert told["message"] == "1555***1010\r\n\u2028{"
    assert (told["row"], told["seconds"]) == (12345678901234, 1.5)


def test_what_a_person_reads_is_as_discreet() -> None:
    line = TextFormatter().format(record("%s of %s", args=(ADDRESS, "15555551010")))
    assert line == f"{ADDRESS.replace(TOKEN, '***')} of 1555***1010"


def test_so_many_records_a_minute_and_the_next_tells_of_the_rest() -> None:
    now = 0.0
    bound = AtMost(3, clock=lambda: now)
    assert [bound.filter(record()) for _ in range(10)] == [True] * 3 + [False] * 7
    now = 59.0
    assert not bound.filter(record())
    now = 61.0
    late = record()
    assert bound.filter(late)
    assert late.__dict__["held_back"] == 8
    again = record()
    assert bound.filter(again)
    assert "held_back" not in again.__dict__
