from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.simulator import Carrier
from blast_api.simulator.audio import Sound, read_sound, tone
from tests.kits.stand_in import AN_MP3_FRAME, Application, Place, gather, play, respond

_CUT_SHORT = tone(2)[: 44 + 16000]
_TAG = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)


@pytest.mark.parametrize(
    ("content", "format", "seconds"),
    [
        (tone(2.5), "wav", 2.5),
        (_CUT_SHORT, "wav", 1.0),  # its header promises two
        (AN_MP3_FRAME * 10, "mp3", 11520 / 44100),
        (_TAG + AN_MP3_FRAME * 10, "mp3", 11520 / 44100),
        (AN_MP3_FRAME * 10 + AN_MP3_FRAME[:100], "mp3", 11520 / 44100),
        (b"\xff\xfb\x92\x00" + bytes(414), "mp3", 1152 / 44100),  # padded by a byte
        (b"\xff\xf3\x44\x00" + bytes(92), "mp3", 576 / 24000),  # version 2, 32 kbit/s at 24 kHz: 96 bytes
        (b"\xff\xe3\x44\x00" + bytes(188), "mp3", 576 / 12000),  # version 2.5
    ],
)
def test_a_sound_tells_its_format_and_length(content: bytes, format: str, seconds: float) -> None:
    sound = read_sound(content)
    assert sound is not None
    assert sound.format == format
    assert sound.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"<html>404</html>",
        tone(0),
        tone(1)[:44],
        AN_MP3_FRAME[:400],
        _TAG,
        b"\xff\xf9\x90\x00" + bytes(413),  # the layer of no MP3
        b"\xff\xfb\xf0\x00" + bytes(413),
        b"\xff\xfb\x9c\x00" + bytes(413),
        b"\xff\xeb\x90\x00" + bytes(413),
    ],
)
def test_what_lets_nothing_be_heard_is_no_sound(content: bytes) -> None:
    assert read_sound(content) is None


@given(st.binary(max_size=100), st.sampled_from([b"", b"ID3", b"\xff\xfb", tone(0), tone(0)[:30]]))
def test_garbage_is_a_sound_or_none_and_never_an_error(body: bytes, beginning: bytes) -> None:
    assert isinstance(read_sound(beginning + body), Sound | None)


def test_what_the_carrier_reaches_lasts_as_long_as_it_is_and_is_fetched_once(
    carrier: Carrier, application: Application, place: Place
) -> None:
    application.answers("/prompt.wav", tone(7))
    application.answers("/first", respond("<Play>/prompt.wav</Play>", "<Play>/prompt.wav</Play>", play("elsewhere")))
    carrier.reach(f"{application.url}/prompt")
    for _ in range(2):
        place("15555550100", "/first")
        carrier.advance_until_idle()
    assert [call.duration for call in carrier.calls] == [7 + 7 + 3] * 2
    assert (len(application.at("/prompt.wav")), carrier.faults) == (1, [])
    assert {received.method for received in application.received if received.path == "/prompt.wav"} == {"GET"}


def test_what_the_carrier_does_not_reach_is_not_asked_for(
    carrier: Carrier, application: Application, place: Place
) -> None:
    application.answers("/first", respond("<Play>/prompt.wav</Play>"))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    carrier.reach(application.url)
    carrier.reset()
    application.received.clear()
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert (carrier.calls[0].duration, application.at("/prompt.wav"), carrier.faults) == (3, [], [])


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/page.wav", "is no sound"),
        ("/silent.wav", "is no sound"),
        ("/gone.wav", "answered 404"),
        ("/moved.wav", "answered 302"),
        ("http://127.0.0.1:9/x.wav", "cannot be fetched"),
    ],
)
def test_what_cannot_be_played_is_a_fault_of_the_application(
    carrier: Carrier, application: Application, place: Place, path: str, fault: str
) -> None:
    application.answers("/page.wav", "<html></html>")
    application.answers("/silent.wav", tone(0))
    application.answers("/moved.wav", tone(1), status=302)
    application.answers(
        "/first", respond(f"<Play>{path}</Play>", gather("/key", f"<Play>{path}</Play>"), "<Say>Hi</Say>")
    )
    carrier.reach("http://127.0.0.1")
    place("15555550193", "/first")
    carrier.advance_until_idle()
    assert [heard.kind for heard in carrier.calls[0].heard] == ["say"]
    assert [fault in complaint for complaint in carrier.faults] == [True, True]


@pytest.mark.parametrize("verb", ["<Play>{url}</Play>", "<Play><File>{sid}</File></Play>"])
def test_a_stored_file_that_is_no_sound_cannot_be_played(
    carrier: Carrier, application: Application, place: Place, verb: str
) -> None:
    file = carrier.storage.add_file(carrier.storage.default_sid, b"RIFF", {}, mime_type="audio/x-wav")
    application.answers("/first", respond(verb.format(url=carrier.storage.publish_uri(file), sid=file.sid)))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert (carrier.calls[0].heard, carrier.faults) == ([], [f"a file is to be played that is no sound: {file.sid}"])


def test_what_the_carrier_serves_beside_its_files_is_no_sound(
    carrier: Carrier, application: Application, place: Place
) -> None:
    application.answers("/first", respond(f"<Play>{carrier.base_url}/hello.wav</Play>"))
    place("15555550100", "/first")
    carrier.advance_until_idle()
    assert carrier.faults == ["a file is to be played that does not exist: hello"]
