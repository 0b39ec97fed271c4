"""What people and machines hear of a shout that nobody recorded by phone: an upload, a text, and a person to speak to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests
from pytest_django import Settings

from blast_api.models import Container
from tests.kits import factories
from tests.kits.library import ours
from tests.kits.sounds import encoded, speech
from tests.kits.world import World, lines, recipient

NURSE = recipient(0, index=42)
LONG_GREETING = 17  # 20 s of speech and pauses, then a beep


def _uploaded(world: World, kind: str = "mp3", seconds: float = 4) -> dict[str, Any]:
    """A recording of a file."""
    if not Container.objects.exists():
        ours(world.carrier)
    answer = requests.post(
        f"{world.url}/api/v1/recordings",
        files={"file": (f"message.{kind}", encoded(speech(seconds), kind))},
        data={"userdata": factories.USER, "title": "Snow day"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    recording: dict[str, Any] = answer.json()
    return recording


def _sent(world: World, *endings: int, **fields: Any) -> int:
    """A shout without an author, played to its end."""
    shout = world.shout(*map(recipient, endings), **{"caller": None} | fields)
    world.play()
    assert world.status(shout) == "finished"
    assert world.carrier.faults == []
    return shout


def _heard(world: World, ending: int) -> list[str]:
    (call,) = [call for call in world.carrier.calls if call.number == recipient(ending)]
    return [what.what for what in call.heard if what.kind in ("play", "say")]


def test_a_file_is_heard_by_people_and_left_whole_on_a_machine(world: World) -> None:
    recording = _uploaded(world)
    shout = _sent(world, 0, LONG_GREETING, recording=recording["id"])
    assert set(world.calls(shout).values()) == {"completed"}
    assert _heard(world, 0)[0] == recording["url"]
    (machine,) = [call for call in world.carrier.calls if call.tape]
    (message,) = [taped for taped in machine.tape if taped.what == recording["url"]]
    assert (message.clipped_s, round(message.seconds)) == (0, recording["length"])


@pytest.mark.parametrize("errs_s", [-2.0, 2.0])
def test_nothing_is_clipped_where_who_listens_for_silence_errs(world: World, errs_s: float) -> None:
    world.carrier.habits = replace(world.carrier.habits, silence_errs_s=errs_s)
    recording = _uploaded(world)
    _sent(world, LONG_GREETING, recording=recording["id"])
    (machine,) = [call for call in world.carrier.calls if call.tape]
    assert [taped.clipped_s for taped in machine.tape if taped.what == recording["url"]] == [0]


def test_machines_hear_another_recording(world: World) -> None:
    for_people, for_machines = _uploaded(world), _uploaded(world, "flac", 3)
    _sent(world, 0, 1, recording=for_people["id"], voicemail_recording=for_machines["id"])
    assert for_people["url"] in _heard(world, 0)
    assert for_machines["url"] not in _heard(world, 0)
    assert _heard(world, 1)[0] == for_machines["url"]


def test_a_text_is_said_as_a_person_reads_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_api.audio.speech.is_installed", lambda: False)  # as on most servers
    shout = _sent(world, 0, text="School is closed on Monday. Call 1-555-555-1010, or pay $1.50.")
    assert set(world.calls(shout).values()) == {"completed"}
    said = _heard(world, 0)[0]
    assert "1 dollar and 50 cents" in said
    assert "5 5 5" in said


def test_a_recipient_is_put_through_and_the_records_tell(world: World, settings: Settings) -> None:
    recording = _uploaded(world)
    shout = _sent(world, 0, 15, 18, recording=recording["id"], transfer={"key": "1", "to": NURSE})
    assert {(bridge.number, bridge.caller) for bridge in world.carrier.bridges} == {(NURSE, settings.DID)}
    told = {call["phone"]: call for call in world.get("/calls", **{"shout-id": shout})}
    assert told[recipient(0)]["transferred"] is None
    spoke, left = told[recipient(15)], told[recipient(18)]
    assert (spoke["transfer_outcome"], spoke["transfer_duration"], spoke["keys"]) == ("completed", 20, "1")
    assert (left["transfer_outcome"], left["transfer_duration"]) == ("unknown", None)
    records = {line["to_number"]: line for line in lines(settings.CDR_LOGGER_PATH)}
    assert records[recipient(15)]["transfer_seconds"] == 20
    assert records[recipient(0)]["transfer_outcome"] == ""


def test_where_nobody_takes_the_call_the_person_may_try_again(world: World) -> None:
    recording = _uploaded(world)
    shout = _sent(world, 16, recording=recording["id"], transfer={"key": "1", "to": recipient(3, index=42)})
    assert [bridge.status for bridge in world.carrier.bridges] == ["busy", "busy"]
    (call,) = world.get("/calls", **{"shout-id": shout})
    assert (call["transfer_outcome"], call["status"]) == ("busy", "completed")


def test_the_opt_out_may_be_heard_first(world: World, settings: Settings) -> None:
    settings.ANNOUNCE_OPT_OUT = "first"
    recording = _uploaded(world)
    _sent(world, 0, recording=recording["id"])
    first, message, *_ = _heard(world, 0)
    assert "opt_out_first" in first
    assert message == recording["url"]


def test_prompts_are_in_the_language_of_the_shout(world: World, settings: Settings) -> None:
    spanish = {name: url.replace("/prompts/", "/prompts/es/") for name, url in settings.VOICE_MENU.items()}
    settings.VOICE_MENUS = {"es": spanish}
    recording = _uploaded(world)
    _sent(world, 0, recording=recording["id"], language="es")
    assert _heard(world, 0)[-1] == spanish["opt_out"]
