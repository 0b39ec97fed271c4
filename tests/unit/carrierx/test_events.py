"""Callbacks as they may come: any type, any size, any spelling; nothing raises, nothing harmful gets through."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.carrierx import events
from blast_api.carrierx.events import Answerer, RecordingReport
from blast_api.domain.states import CallStatus

C = CallStatus
# What may stand where a text is expected, and is none.
NO_TEXT: list[object] = [None, True, False, [], ["5"], {}, {"5": "5"}]


def parameters(body: bytes, query: str) -> events.Parameters:
    return events.read(body, query)[0]


def read(told: object) -> events.Parameters:
    return parameters(json.dumps(told).encode(), "")


# --- From bytes to parameters --------------------------------------------------------------------------------------

TOLD = {"CallSid": "0a0a", "CallStatus": "completed", "Digits": "*"}


def test_json_form_and_query_say_the_same() -> None:
    form = urlencode(TOLD)
    assert parameters(json.dumps(TOLD).encode(), "") == TOLD
    assert parameters(form.encode(), "") == TOLD
    assert parameters(b"", form) == TOLD
    assert parameters(form.encode(), "Digits=5") == TOLD  # the body counts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"NaN",
        b"{",
        b"\xff\xfe\x00",
        b"\0",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b"&" * 10_000,
        b"=" * 10_000,
        b"a=1&" * 10_000,
        b"<Response/>",
        b"%ff%fe=%00",
    ],
)
def test_what_says_nothing_is_read_as_nothing(body: bytes) -> None:
    told = parameters(body, "")
    assert events.digits(told) == ""
    assert events.answerer(told) is Answerer.NOT_SURE
    assert events.recording(told) == RecordingReport(url="", file_sid="", duration_s=None)
    report = events.status(told)
    assert (report.ending, report.word, report.sid, report.duration_s) == (None, "", "", None)


def test_a_nested_body_keeps_its_shape_for_the_records() -> None:
    told = {"CallStatus": "busy", "extra": {"list": [1, {"deep": None}], "text": "\u00fc"}}
    report = events.status(read(told))
    assert report.ending is C.BUSY
    assert report.body == told


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_what_is_no_json_number_never_reaches_a_record(number: str) -> None:
    report = events.status(parameters(b'{"CallDuration": %s, "x": [%s]}' % ((number.encode(),) * 2), ""))
    assert report.duration_s is None
    json.dumps(dict(report.body), allow_nan=False)


@given(st.binary(max_size=200), st.text(max_size=50))
def test_no_body_raises(body: bytes, query: str) -> None:
    told = parameters(body, query)
    events.digits(told), events.answerer(told), events.recording(told), events.status(told)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_keys = (
    "Digits",
    "AMDStatus",
    "RecordingUrl",
    "RecordingFileSid",
    "RecordingDuration",
    "CallStatus",
    "CallSid",
    "CallDuration",
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_keys, _anything)))
def test_no_value_raises_and_all_texts_fit_into_a_database(told: dict[str, Any]) -> None:
    recording, status = events.recording(told), events.status(told)
    events.answerer(told)
    for text in (events.digits(told), recording.url, recording.file_sid, status.word, status.sid):
        assert "\0" not in text
        text.encode()  # no lone surrogate
    assert len(status.sid) <= 64
    assert len(status.word) <= 64
    assert len(recording.url) <= 2048
    for seconds in (recording.duration_s, status.duration_s):
        assert seconds is None or 0 <= seconds <= 7 * 86400


# --- Keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "digits"), [("*", "*"), ("0", "0"), (5, "5"), ("12", "12"), ("", ""), ("#", "#")])
def test_digits_come_as_text_or_number(told: object, digits: str) -> None:
    assert events.digits(read({"Digits": told})) == digits


@pytest.mark.parametrize("told", NO_TEXT)
def test_digits_of_another_type_are_none(told: object) -> None:
    assert events.digits(read({"Digits": told})) == ""


@pytest.mark.parametrize("word", ["HUMAN", "MACHINE", "NOTSURE", "HANGUP"])
def test_the_carrier_knows_four_answerers(word: str) -> None:
    assert events.answerer(read({"AMDStatus": word})) is Answerer(word)
    assert events.answerer(read({"AMDStatus": f" {word.lower()}\n"})) is Answerer(word)


@pytest.mark.parametrize("word", ["", "PERSON", "NOT SURE", 1, "HUMAN\u0000X", *NO_TEXT])
def test_an_unknown_answerer_is_not_sure(word: object) -> None:
    assert events.answerer(read({"AMDStatus": word})) is Answerer.NOT_SURE


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("completed", C.COMPLETED),
        ("busy", C.BUSY),
        ("no-answer", C.NO_ANSWER),
        ("noanswer", C.NO_ANSWER),
        ("no_answer", C.NO_ANSWER),
        ("failed", C.FAILED),
        ("cancel", C.CANCELLED),
        ("canceled", C.CANCELLED),
        ("cancelled", C.CANCELLED),
        ("app-error", C.APP_ERROR),
        ("apperror", C.APP_ERROR),
        ("app_error", C.APP_ERROR),
        ("ringing", None),
        ("in-progress", None),
        ("queued", None),
        ("", None),
        ("complete", None),
        (0, None),
        *((no_text, None) for no_text in NO_TEXT),
    ],
)
def test_endings_are_known_in_both_spellings(word: object, ending: CallStatus | None) -> None:
    assert events.status(read({"CallStatus": word})).ending is ending
    if isinstance(word, str):
        assert events.status(read({"CallStatus": f" {word.upper()} "})).ending is ending


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (0, 0),
        ("0", 0),
        (21, 21),
        ("21", 21),
        ("21.0", 21),
        (20.1, 21),  # a second that began counts
        ("20.000001", 21),
        (604800, 604800),
        (604801, None),
        (-1, None),
        ("-0.5", None),
        ("1:30", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        (10**300, None),
        ("9" * 5000, None),
        *((no_text, None) for no_text in NO_TEXT),
    ],
)
def test_durations_are_whole_seconds_within_reason(told: object, seconds: int | None) -> None:
    assert events.status(read({"CallDuration": told})).duration_s == seconds
    assert events.recording(read({"RecordingDuration": told})).duration_s == seconds


def test_long_texts_are_cut() -> None:
    long = "9" * 100_000
    report = events.status(read({"CallSid": long, "CallStatus": long}))
    assert (len(report.sid), len(report.word)) == (64, 64)
    assert events.recording(read({"RecordingUrl": long})).url == ""  # half an address leads nowhere


def test_surrogates_and_nul_are_cleaned() -> None:
    told = parameters(rb'{"CallSid": "a\ud800b\u0000c", "RecordingUrl": "\udfff"}', "")
    assert events.status(told).sid == "a?bc"
    assert events.recording(told).url == "?"
