from __future__ import annotations

import math
from dataclasses import replace

import pytest

from blast_api.simulator import Carrier, Detected, Greeting, Leaves, Person, Taped
from tests.kits.stand_in import SOUNDS, Application, Place, delivers_shouts, play, respond

# Speech to 6, pause to 7.6, speech to 14.6, pause to 16.4, speech to 20, beep to 20.5.
LONG = Greeting((6.0, 1.6, 7.0, 1.8, 3.6), 0.5)


@pytest.mark.parametrize(
    ("greeting", "at_s", "lasting_s", "seconds"),
    [
        (LONG, 2.0, 2.0, 20.5),
        (LONG, 2.0, 1.5, 5.5),
        (LONG, 2.0, 1.7, 14.3),
        (LONG, 6.5, 1.0, 1.0),
        (LONG, 6.5, 1.5, 9.6),  # too little is left of the first pause
        (LONG, 30.0, 2.0, 2.0),
        (Greeting((5.0,), 0.0), 2.0, 2.0, 5.0),
        (Greeting((3.0, 1.0), 0.5), 0.0, 1.5, 6.0),  # a pause, and the beep after it
        (Greeting((3.0, 1.0), 0.5), 0.0, 1.0, 4.0),
        (Greeting(()), 0.0, 2.0, 2.0),
        (Greeting((), 0.5), 0.0, 2.0, 2.5),
    ],
)
def test_silence_follows_the_greeting_as_it_sounds(
    greeting: Greeting, at_s: float, lasting_s: float, seconds: float
) -> None:
    assert greeting.seconds_to_silence(at_s, lasting_s=lasting_s) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("at_s", "lasting_s", "seconds"),
    [
        (2.0, 4.0, 4.0),
        (2.0, 5.0, 10.6),
        (6.5, 0.5, 1.6),
        (15.0, 4.0, 5.4),
        (15.0, 4.2, math.inf),
        (30.0, 0.1, math.inf),
    ],
)
def test_noise_follows_it_too_and_the_beep_is_part_of_the_speech_before_it(
    at_s: float, lasting_s: float, seconds: float
) -> None:
    assert LONG.seconds_to_noise(at_s, lasting_s=lasting_s) == pytest.approx(seconds)


def test_a_tape_runs_from_the_beep_on() -> None:
    assert (LONG.seconds, LONG.tape_from_s) == (20.0, 20.5)
    assert Greeting((5.0,)).tape_from_s == math.inf


MESSAGE = f"{SOUNDS}/message.wav"


@pytest.mark.parametrize(
    ("silence_errs_s", "at_s", "tape"),
    [
        (0.0, 22.5, [Taped("play", MESSAGE, 0.0, 3.0)]),
        (-2.0, 24.5, [Taped("play", MESSAGE, 0.0, 3.0)]),
        (2.0, 20.5, [Taped("play", MESSAGE, 0.0, 3.0)]),
        (3.5, 19.0, [Taped("play", MESSAGE, 1.5, 1.5)]),
        (5.0, 17.5, []),  # over when the tape begins to run
        (30.0, 2.0, []),
    ],
)
def test_a_machine_with_a_long_greeting_has_on_tape_what_follows_its_beep(
    carrier: Carrier,
    application: Application,
    place: Place,
    silence_errs_s: float,
    at_s: float,
    tape: list[Taped],
) -> None:
    delivers_shouts(application)
    carrier.habits = replace(carrier.habits, silence_errs_s=silence_errs_s)
    place("15555550117")
    carrier.advance_until_idle()
    (call,) = carrier.calls
    assert call.heard == [(2.0 + at_s, "play", MESSAGE)]  # rung for 2 s
    assert (call.tape, carrier.faults) == (tape, [])


def test_silence_that_is_too_short_clips_the_message(carrier: Carrier, application: Application, place: Place) -> None:
    application.answers(
        "/first", respond('<Pause length="60" silence="true" minSilence="1700"/>', play("a"), play("b"))
    )
    carrier.script("15555550100", Person(greeting=LONG))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert carrier.calls[0].heard == [(18.3, "play", f"{SOUNDS}/a.wav"), (21.3, "play", f"{SOUNDS}/b.wav")]
    assert carrier.calls[0].tape == [Taped("play", f"{SOUNDS}/b.wav", 1.2, 1.8)]


def test_a_machine_taken_for_a_person_has_no_message_on_its_tape_and_a_person_no_tape(
    carrier: Carrier, application: Application, place: Place
) -> None:
    delivers_shouts(application)
    carrier.script("15555550101", Person(greeting=LONG, detected=Detected.HUMAN, detected_after_s=2.0))
    place("15555550100")
    place("15555550101")
    carrier.advance_until_idle()
    assert [[taped.what for taped in call.tape] for call in carrier.calls] == [[], []]
    assert [len(call.heard) for call in carrier.calls] == [2, 2]


def test_who_hangs_up_has_on_tape_what_was_heard(carrier: Carrier, application: Application, place: Place) -> None:
    application.answers("/first", respond(play("a")))
    carrier.script("15555550100", Person(greeting=Greeting((), 0.0), leaves=Leaves.IN_PLAY))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert carrier.calls[0].tape == [Taped("play", f"{SOUNDS}/a.wav", 0.0, 1.5)]


@pytest.mark.parametrize(("detected_after_s", "asked_at"), [(None, 4.0), (0.0, 2.0), (4.0, 6.0), (99.0, 12.0)])
def test_detection_may_have_its_word_early_or_late(
    carrier: Carrier, application: Application, place: Place, detected_after_s: float | None, asked_at: float
) -> None:
    delivers_shouts(application)
    carrier.script("15555550101", Person(detected=Detected.MACHINE, greeting=LONG, detected_after_s=detected_after_s))
    place("15555550101")
    carrier.advance_until_idle()
    (call,) = carrier.calls
    assert [document.at for document in call.documents] == [2.0, asked_at]
    assert application.at("/amd")[0]["AMDStatus"] == "MACHINE"
    assert call.heard == [(24.5, "play", MESSAGE)]
