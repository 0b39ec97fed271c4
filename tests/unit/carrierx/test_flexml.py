"""Whole documents as they leave, and texts that must survive the way through XML."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.carrierx.flexml import Amd, Gather, Hangup, Pause, Play, RecordVerb, Redirect, Say, Verb, document

DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"
URL = "https://example.com/a?b=1&c=2"


@pytest.mark.parametrize(
    ("verbs", "expected"),
    [
        ([], "<Response />"),
        ([Hangup()], "<Response><Hangup /></Response>"),
        ([Say(text="Hello"), Hangup()], "<Response><Say>Hello</Say><Hangup /></Response>"),
        ([Say(text="Hallo", voice="de")], '<Response><Say voice="de">Hallo</Say></Response>'),
        ([Play(text=URL)], "<Response><Play>https://example.com/a?b=1&amp;c=2</Play></Response>"),
        ([Pause(length=1)], '<Response><Pause length="1" /></Response>'),
        (
            [Pause(length=60, silence=True, min_silence=2000)],
            '<Response><Pause length="60" silence="true" minSilence="2000" /></Response>',
        ),
        (
            [
                Gather(
                    verbs=(Play(text="u"), Pause(length=1), Say(text="t")),
                    action=URL,
                    timeout=5,
                    num_digits=1,
                    finish_on_key="#",
                    action_on_empty_result=False,
                )
            ],
            '<Response><Gather action="https://example.com/a?b=1&amp;c=2" method="POST" timeout="5" numDigits="1"'
            ' finishOnKey="#" actionOnEmptyResult="false"><Play>u</Play><Pause length="1" /><Say>t</Say></Gather>'
            "</Response>",
        ),
        (
            [RecordVerb(direction="out", lifecycle_action="delete", lifecycle_ttl=86400)],
            '<Response><Record direction="out" lifecycleAction="delete" lifecycleTtl="86400" /></Response>',
        ),
        (
            [
                RecordVerb(
                    action="a",
                    method="POST",
                    error_action="e",
                    error_method="POST",
                    direction="out",
                    finish_on_key="#",
                    play_beep=True,
                    trim="do-not-trim",
                    container_sid="c",
                    file_sid="f",
                    file_mode="overwrite",
                    record_session=True,
                    lifecycle_action="delete",
                    lifecycle_ttl=1,
                )
            ],
            '<Response><Record action="a" method="POST" errorAction="e" errorMethod="POST" direction="out"'
            ' finishOnKey="#" playBeep="true" trim="do-not-trim" containerSid="c" fileSid="f" fileMode="overwrite"'
            ' recordSession="true" lifecycleAction="delete" lifecycleTtl="1" /></Response>',
        ),
        (
            [
                Amd(
                    action="a",
                    initial_silence=5000,
                    greeting=2000,
                    after_greeting_silence=500,
                    total_analysis_time=10000,
                )
            ],
            '<Response><Amd action="a" method="POST" initialSilence="5000" greeting="2000"'
            ' afterGreetingSilence="500" totalAnalysisTime="10000" /></Response>',
        ),
        ([Redirect(text="a")], '<Response><Redirect method="POST">a</Redirect></Response>'),
    ],
)
def test_verbs_are_written_as_the_carrier_reads_them(verbs: list[Verb], expected: str) -> None:
    assert document(*verbs).decode() == DECLARATION + expected


def test_markup_in_a_text_stays_text() -> None:
    evil = "</Play></Response><!-- & \"'"
    assert b"&lt;/Play&gt;" in document(Play(text=evil))
    assert ElementTree.fromstring(document(Play(text=evil)))[0].text == evil
    assert ElementTree.fromstring(document(Redirect(text="x", method=evil)))[0].get("method") == evil


@pytest.mark.parametrize("text", ["\0", "a\x01b", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff", "a\rb"])
def test_what_xml_cannot_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in XML"):
        document(Say(text=text))
    with pytest.raises(ValueError, match="cannot stand in XML"):
        document(Redirect(text="x", method=text))


@given(st.text() | st.text(alphabet="<>&\"'\t\n\r ]\0\x85\u2028\ufeff\U0001f4de"))
def test_whatever_is_written_is_read_back_or_refused(text: str) -> None:
    try:
        written = document(Say(text=text, voice=text))
    except ValueError:
        return
    (say,) = ElementTree.fromstring(written)
    assert (say.text or "", say.get("voice")) == (text, text)


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        (Say, {"text": "x", "langauge": "de"}),
        (Play, {"text": "x", "loop": 2}),
        (Pause, {}),
        (Gather, {"action": "x"}),
        (Hangup, {"reason": "busy"}),
    ],
)
def test_an_attribute_that_the_carrier_does_not_know_cannot_be_written(
    verb: type[Verb], fields: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        verb(**fields)


def test_a_verb_does_not_change_once_written() -> None:
    with pytest.raises(FrozenInstanceError):
        Pause(length=1).length = 2  # type: ignore[misc]
