"""Recordings over REST: uploaded or said, shown, heard and deleted."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Recording
from blast_api.simulator import Carrier
from tests.kits import factories, library
from tests.kits.library import a_wav, kept, ours, recording, upload
from tests.kits.rest import BASE, code, content, created, faults

pytestmark = pytest.mark.django_db

FIELDS = {"id", "created", "title", "userdata", "source", "length", "estimated", "text", "url"}


def say(client: Client, **fields: object) -> Any:
    given = {"text": "School is closed today.", "userdata": factories.USER} | fields
    told = json.dumps({name: value for name, value in given.items() if value is not ...})
    return client.post(f"{BASE}/recordings", told, content_type="application/json")


def listed(client: Client, **query: Any) -> list[int]:
    answer = client.get(f"{BASE}/recordings", {"userdata": factories.USER} | query)
    assert answer.status_code == 200
    return [row["id"] for row in content(answer)]


# --- Uploaded --------------------------------------------------------------------------------------------------------


def test_an_upload_becomes_a_recording_that_the_carrier_keeps(client: Client, carrier: Carrier) -> None:
    container = ours(carrier)
    told = created(upload(client, a_wav(2.2), title="Snow day"))
    assert set(told) == FIELDS
    assert (told["title"], told["userdata"], told["source"]) == ("Snow day", factories.USER, "upload")
    assert (told["length"], told["estimated"], told["text"]) == (3, False, None)
    (file,) = carrier.files.values()
    assert told["url"] == carrier.storage.publish_uri(file)
    assert (file.container_sid, file.ttl_s, file.settings["unique"]) == (container, -1, True)
    row = Recording.objects.get()
    assert (row.file_sid, row.doomed_at, row.lasting) == (file.sid, None, True)
    assert file.settings["string_key_1"] == row.key


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"file": ...}, "file"),
        ({"userdata": ...}, "userdata"),
        ({"userdata": ""}, "userdata"),
        ({"userdata": "a" * 256}, "userdata"),
        ({"title": "a" * 256}, "title"),
        ({"text": "Both."}, "text"),
        ({"voice": "man"}, "voice"),
    ],
)
def test_what_is_wrong_with_an_upload_is_told_by_field(
    client: Client, carrier: Carrier, fields: dict[str, Any], at: str
) -> None:
    ours(carrier)
    assert set(faults(upload(client, **fields))) == {at}
    assert not Recording.objects.exists()


@pytest.mark.parametrize("sound", [b"no sound at all", b"RIFF1234WAVE", a_wav()[:40]])
def test_what_is_no_sound_is_refused_with_the_reason(client: Client, carrier: Carrier, sound: bytes) -> None:
    ours(carrier)
    (reason,) = faults(upload(client, sound))["file"]
    assert reason.endswith(".")
    assert not Recording.objects.exists()


def test_an_empty_file_is_refused(client: Client) -> None:
    answer = upload(client, file=SimpleUploadedFile("a.wav", b""))
    assert faults(answer) == {"file": ["The file is empty."]}


def test_a_sound_that_is_too_long_is_refused(client: Client, settings: Settings) -> None:
    settings.MAX_RECORDING_SECONDS = 1
    assert faults(upload(client, a_wav(1.5)))["file"] == ["The sound is longer than 1 seconds."]


def test_a_file_that_is_too_large_is_refused(client: Client, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 16000
    assert code(upload(client, a_wav(1))) == (413, "too_large")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: Client, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 2000
    assert code(upload(client, bytes(2000 + 65 * 1024))) == (413, "too_large")


def test_a_form_that_names_something_twice_is_refused(client: Client) -> None:
    assert code(upload(client, userdata=["a", "b"]))[0] == 400


def test_other_bodies_are_refused(client: Client) -> None:
    answer = client.post(f"{BASE}/recordings", "text", content_type="text/plain")
    assert code(answer) == (415, "unsupported_media_type")
    answer = client.post(f"{BASE}/recordings", "--x", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400


# --- Said ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_synthesizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without the extra `speech`: the carrier says texts."""
    monkeypatch.setitem(sys.modules, "hibari", None)


@pytest.mark.usefixtures("without_synthesizer")
def test_a_text_becomes_a_recording_that_the_carrier_says(client: Client) -> None:
    told = created(say(client, voice="woman", title="Snow day"))
    assert set(told) == FIELDS
    assert (told["source"], told["estimated"], told["url"]) == ("text", True, "")
    assert told["text"] == "School is closed today."
    assert 1 <= told["length"] <= 5
    row = Recording.objects.get()
    assert (row.voice, row.doomed_at, row.lasting) == ("woman", None, True)


def test_a_text_is_spoken_on_our_side_where_the_extra_is_installed(client: Client, carrier: Carrier) -> None:
    ours(carrier)
    told = created(say(client, text="Call 555-555-1010."))
    (file,) = carrier.files.values()
    assert (told["source"], told["estimated"], told["text"]) == ("text", False, "Call 555-555-1010.")
    assert told["url"] == carrier.storage.publish_uri(file)
    assert file.seconds is not None
    assert told["length"] - 1 < file.seconds <= told["length"]


def test_a_text_that_no_voice_can_speak_is_refused_with_the_reason(client: Client, carrier: Carrier) -> None:
    ours(carrier)
    (reason,) = faults(say(client, text="\u65e5\u672c\u8a9e"))["text"]
    assert "no word" in reason
    assert not Recording.objects.exists()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"text": ...}, "file"),
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "... !"}, "text"),
        ({"text": "a" * 5001}, "text"),
        ({"text": "a\0b"}, "text"),
        ({"text": ["a"]}, "text"),
        ({"voice": "nobody"}, "voice"),
        ({"voice": 1.5}, "voice"),
        ({"file": "a.wav"}, "file"),
        ({"userdata": None}, "userdata"),
    ],
)
def test_what_is_wrong_with_a_text_is_told_by_field(client: Client, fields: dict[str, Any], at: str) -> None:
    assert set(faults(say(client, **fields))) == {at}
    assert not Recording.objects.exists()


# --- Shown -----------------------------------------------------------------------------------------------------------


def test_a_users_recordings_are_listed_the_newest_first(client: Client) -> None:
    rows = [recording() for _ in range(3)]
    recording(userdata="another")
    recording(application=factories.application(name="another"))
    recording(doomed_at=timezone.now())
    recording(doomed_at=timezone.now() + timedelta(minutes=15))
    newest_first = [row.pk for row in reversed(rows)]
    assert listed(client) == newest_first
    assert listed(client, limit=1, before=newest_first[0]) == newest_first[1:2]
    assert set(faults(client.get(f"{BASE}/recordings"))) == {"userdata"}


def test_one_is_shown(client: Client) -> None:
    row = recording(title="Snow day")
    told = content(client.get(f"{BASE}/recordings/{row.pk}"))
    assert set(told) == FIELDS
    assert (told["id"], told["title"], told["length"]) == (row.pk, "Snow day", 8)


@pytest.mark.parametrize("fields", [["doomed_at"], ["application"], []])
@pytest.mark.parametrize(("method", "rest"), [("get", ""), ("get", "/audio"), ("delete", "")])
def test_what_is_not_there_or_not_ones_own_is_not_found(
    client: Client, fields: list[str], method: str, rest: str
) -> None:
    others: dict[str, Any] = {"doomed_at": timezone.now(), "application": factories.application(name="another")}
    row = recording(**{name: others[name] for name in fields})
    pk = row.pk if fields else 10**30
    assert code(getattr(client, method)(f"{BASE}/recordings/{pk}{rest}")) == (404, "not_found")
    assert library.doomed_at(row) == row.doomed_at


# --- Heard -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", "audio/wav", "audio/webm,audio/ogg;q=0.9,*/*;q=0.5"])
def test_its_sound_is_handed_on(client: Client, carrier: Carrier, accept: str) -> None:
    row = kept(carrier, a_wav(1))
    answer = client.get(f"{BASE}/recordings/{row.pk}/audio", headers={"Accept": accept})
    assert (answer.status_code, b"".join(answer)) == (200, a_wav(1))
    assert answer["Content-Type"] == "audio/wav"
    assert (answer["Accept-Ranges"], answer["Cache-Control"]) == ("bytes", "private")
    assert int(answer["Content-Length"]) == len(a_wav(1))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=100-", 100, 16043), ("bytes=-44", 16000, 16043), ("bytes=16000-99999", 16000, 16043)],
)
def test_a_range_is_handed_on(client: Client, carrier: Carrier, asked: str, first: int, last: int) -> None:
    row = kept(carrier, a_wav(1))
    answer = client.get(f"{BASE}/recordings/{row.pk}/audio", headers={"Range": asked})
    assert (answer.status_code, b"".join(answer)) == (206, a_wav(1)[first : last + 1])
    assert answer["Content-Range"] == f"bytes {first}-{last}/16044"
    assert int(answer["Content-Length"]) == last - first + 1


@pytest.mark.parametrize("asked", ["bytes=16044-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_past_the_end_is_none(client: Client, carrier: Carrier, asked: str) -> None:
    row = kept(carrier, a_wav(1))
    answer = client.get(f"{BASE}/recordings/{row.pk}/audio", headers={"Range": asked})
    assert code(answer) == (416, "range")
    assert answer["Content-Range"] == "bytes */16044"


@pytest.mark.parametrize("asked", ["bytes=9-0", "lines=0-9", "bytes=0-1,4-5", "bytes=-", "bytes", "bytes=a-b"])
def test_what_is_no_range_of_ours_is_answered_by_the_whole(client: Client, carrier: Carrier, asked: str) -> None:
    row = kept(carrier, a_wav(1))
    answer = client.get(f"{BASE}/recordings/{row.pk}/audio", headers={"Range": asked})
    assert (answer.status_code, b"".join(answer)) == (200, a_wav(1))


def test_what_the_carrier_says_cannot_be_heard(client: Client) -> None:
    row = recording(text="Hello.", file_sid="", url="")
    assert code(client.get(f"{BASE}/recordings/{row.pk}/audio")) == (404, "not_found")


@pytest.mark.parametrize("fault", ["half", "drop"])
def test_a_sound_that_the_carrier_does_not_hand_out_is_none(client: Client, carrier: Carrier, fault: str) -> None:
    row = kept(carrier)
    carrier.inject(fault, method="GET", path="/core/v2/storage/files")
    answer = client.get(f"{BASE}/recordings/{row.pk}/audio")
    assert code(answer) == (503, "sound-away")
    assert answer["Retry-After"]


# --- Deleted ---------------------------------------------------------------------------------------------------------


def test_a_deleted_recording_is_gone_at_once(client: Client) -> None:
    row = recording()
    assert client.delete(f"{BASE}/recordings/{row.pk}").status_code == 204
    assert code(client.delete(f"{BASE}/recordings/{row.pk}")) == (404, "not_found")
    assert listed(client) == []


@pytest.mark.parametrize("column", ["recording", "voicemail"])
@pytest.mark.parametrize(
    ("status", "call", "in_use"),
    [
        (ShoutStatus.PENDING, CallStatus.PENDING, True),
        (ShoutStatus.SCHEDULED, CallStatus.READY, True),
        (ShoutStatus.CANCELED, CallStatus.ONGOING, True),
        (ShoutStatus.CANCELED, CallStatus.CANCELLED, False),
        (ShoutStatus.FINISHED, CallStatus.COMPLETED, False),
    ],
)
def test_a_recording_that_a_live_shout_plays_cannot_be_deleted(
    client: Client, column: str, status: str, call: str, in_use: bool
) -> None:
    row = recording()
    factories.call(factories.message(status=status, **{column: row}), status=call)
    answer = client.delete(f"{BASE}/recordings/{row.pk}")
    if in_use:
        assert code(answer) == (409, "in-use")
    else:
        assert answer.status_code == 204
    assert (library.doomed_at(row) is None) is in_use
