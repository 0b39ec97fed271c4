"""The client against the service: each method does what it says."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from blast_api.models import Message
from blast_api.services import applications
from blast_api_client import BadInput, Client, Conflict, NotAuthenticated, NotFound, Shout
from tests.kits.library import recording
from tests.kits.sounds import encoded, speech
from tests.kits.world import World, recipient

USER = "school-7/a b&c"
TEXT = "School is closed today."
PEOPLE = [recipient(0), recipient(5), recipient(8)]


def sent(blast: Client, *numbers: str, **more: Any) -> Shout:
    """A shout that plays a recording."""
    return blast.shouts.create(userdata=USER, recording=recording(userdata=USER).pk, recipients=list(numbers), **more)


def test_a_shout_is_sent_watched_and_explained(world: World, blast: Client) -> None:
    shout = sent(blast, *PEOPLE, title="Snow day")
    assert (shout.title, shout.status, shout.recipients) == ("Snow day", "ready", PEOPLE)
    world.play()
    ended = blast.shouts.wait(shout.id, timeout_s=60)
    assert (ended.status, sum(ended.calls.values())) == ("finished", len(PEOPLE))
    calls = list(blast.calls.list(shout_id=shout.id, page_size=2))
    assert [call.phone for call in calls] == PEOPLE
    assert {call.status: call.q850 for call in calls} == {
        call.status: call.q850 for call in blast.calls.list(shout_id=shout.id)
    }
    (why,) = blast.calls.why(PEOPLE[0], userdata=USER)
    assert (why.status, len(why.attempts), why.attempts[0].ending) == ("completed", 1, "completed")
    assert why.finished is not None
    assert why.finished.tzinfo is not None
    assert blast.calls.get(calls[0].id) == why
    attempts = list(blast.calls.attempts(shout_id=shout.id, page_size=2))
    assert {attempt.call_id for attempt in attempts} == {call.id for call in calls}
    completed = blast.calls.list(shout_id=shout.id, status="completed")
    assert {call.status for call in completed} == {"completed"}


def test_a_list_is_walked_page_by_page(world: World, blast: Client) -> None:
    made = [sent(blast, recipient(0)).id for _ in range(5)]
    for size in (1, 2, 5, 100):
        assert [shout.id for shout in blast.shouts.list(userdata=USER, page_size=size)] == made[::-1]


def test_a_preflight_tells_and_sends_nothing(blast: Client) -> None:
    told = blast.shouts.preflight(userdata=USER, text=TEXT, recipients=[*PEOPLE, PEOPLE[0], "15555551"])
    assert told.counts["call"] == 3
    assert [one.verdict for one in told.recipients] == ["call", "call", "call", "duplicate", "invalid"]
    assert told.estimate.first_call is not None
    brief = blast.shouts.preflight(userdata=USER, text=TEXT, recipients=PEOPLE, each=False)
    assert (brief.counts["call"], brief.recipients) == (3, [])
    assert not Message.objects.exists()


def test_recipients_come_in_a_file(blast: Client, tmp_path: Path) -> None:
    file = tmp_path / "pupils.csv"
    file.write_text(f"pupil;phone\nAnn;{PEOPLE[0]}\nBob;+{PEOPLE[1]}\n")
    told = blast.shouts.preflight(userdata=USER, text=TEXT, recipients=file)
    assert told.listed is not None
    assert (told.listed.rows, told.listed.columns["number"].header, told.listed.delimiter) == (2, "phone", ";")
    assert told.counts["call"] == 2
    with file.open("rb") as opened:
        shout = blast.shouts.create(
            userdata=USER, recording=recording(userdata=USER).pk, recipients=opened, title="Pupils", from_="15555540100"
        )
    assert (shout.recipients, shout.title, shout.listed) == (PEOPLE[:2], "Pupils", told.listed)
    file.write_text("pupil;phone\nAnn;nobody\n")
    with pytest.raises(BadInput) as refused:
        blast.shouts.preflight(userdata=USER, text=TEXT, recipients=file)
    assert set(refused.value.fields) == {"recipients"}


def test_rules_are_sent_by_the_services_names(blast: Client) -> None:
    shout = sent(
        blast,
        recipient(0),
        schedule=datetime(2030, 1, 31, 12, tzinfo=UTC),
        delivery={"window": {"from": "09:00", "to": "20:30"}, "retry": {"busy": 300}, "pause_at": None},
        from_="15555540100",
        transfer={"key": "1", "to": "15555552020"},
    )
    assert shout.from_ == "15555540100"
    assert shout.delivery.window is not None
    assert (shout.delivery.window.from_, shout.delivery.pause_at) == ("09:00", None)
    assert shout.schedule == datetime(2030, 1, 31, 12, tzinfo=UTC)
    again = blast.shouts.create(
        userdata=USER, old_shout_id=shout.id, recipients=[{"number": recipient(1), "reference": "pupil 12"}]
    )
    assert [call.reference for call in blast.calls.list(shout_id=again.id)] == ["pupil 12"]


def test_a_shout_is_paused_resumed_auditioned_and_canceled(world: World, blast: Client) -> None:
    shout = sent(blast, recipient(0), schedule="2030-01-31T12:00:00Z")
    assert blast.shouts.pause(shout.id).status == "paused"
    assert blast.shouts.resume(shout.id).status == "scheduled"
    audition = blast.shouts.audition(shout.id, to=recipient(1))
    assert audition.audition
    assert blast.shouts.cancel(shout.id).status == "canceled"
    assert blast.shouts.cancel(shout.id).status == "canceled"
    assert blast.shouts.get(shout.id).ended
    with pytest.raises(Conflict) as refused:
        blast.shouts.pause(shout.id)
    assert (refused.value.status, refused.value.code) == (409, "already-ended")


def test_waiting_ends_when_somebody_else_ends_the_shout(blast: Client) -> None:
    shout = sent(blast, recipient(0), schedule="2030-01-31T12:00:00Z")
    with pytest.raises(TimeoutError):
        blast.shouts.wait(shout.id, timeout_s=0.05, every_s=0.02)
    assert blast.shouts.wait(shout.id, until=lambda seen: seen.status == "scheduled").id == shout.id
    canceling = threading.Thread(target=blast.shouts.cancel, args=[shout.id])
    canceling.start()
    assert blast.shouts.wait(shout.id, every_s=0.02).status == "canceled"
    canceling.join()


def test_a_recording_is_uploaded_heard_listed_and_deleted(blast: Client, tmp_path: Path) -> None:
    file = tmp_path / "snow.mp3"
    file.write_bytes(encoded(speech(3), "mp3"))
    uploaded = blast.recordings.upload(file, userdata=USER, title="Snow day")
    assert (uploaded.source, uploaded.title, uploaded.length) == ("upload", "Snow day", 3)
    with file.open("rb") as opened:
        again = blast.recordings.upload(opened, userdata=USER)
    said = blast.recordings.say(TEXT, userdata=USER)
    assert [one.id for one in blast.recordings.list(userdata=USER)] == [said.id, again.id, uploaded.id]
    assert blast.recordings.audio(uploaded.id)[:4] == b"RIFF"
    assert blast.recordings.get(uploaded.id) == uploaded
    blast.recordings.delete(uploaded.id)
    with pytest.raises(NotFound):
        blast.recordings.get(uploaded.id)
    with pytest.raises(BadInput) as refused:
        blast.recordings.upload(b"no sound", userdata=USER)
    assert set(refused.value.fields) == {"file"}


def test_numbers_are_listed_and_taken_off(blast: Client, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("".join(f"{number}\n" for number in PEOPLE))
    for user in (USER, None):  # None: the application's own list
        assert (blast.dnc.add(PEOPLE[:1], userdata=user).added, blast.dnc.add(PEOPLE[:1], userdata=user).added) == (
            1,
            0,
        )
        imported = blast.dnc.import_list(file, userdata=user)
        assert (imported.added, imported.there_before) == (len(PEOPLE) - 1, 1)
        entries = list(blast.dnc.list(userdata=user, page_size=2))
        assert {entry.number: entry.by for entry in entries} == dict.fromkeys(PEOPLE, "import") | {PEOPLE[0]: "api"}
        blast.dnc.remove(f"+{PEOPLE[0]}", userdata=user)
        with pytest.raises(NotFound):
            blast.dnc.remove(PEOPLE[0], userdata=user)
    with pytest.raises(BadInput) as refused:
        blast.dnc.add(["nobody"], userdata=USER)
    assert set(refused.value.fields) == {"numbers"}


def test_each_field_at_fault_is_told(blast: Client) -> None:
    with pytest.raises(BadInput) as refused:
        blast.shouts.create(
            userdata="", recipients=["911"], delivery={"window": {"from": "9", "to": "20:30"}}, text=TEXT
        )
    assert {"userdata", "recipients", "delivery.window.from"} == set(refused.value.fields)
    assert "delivery.window.from: " in str(refused.value)


def test_the_token_says_who_asks(world: World, blast: Client, settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = True
    token = applications.make("an application of ours")
    with Client(f"{world.url}/api/v1/", token) as known:
        assert list(known.shouts.list(userdata=USER)) == []
    with pytest.raises(NotAuthenticated):
        list(blast.shouts.list(userdata=USER))


def test_the_environment_says_where_and_who(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAST_URL", world.url)
    monkeypatch.setenv("BLAST_TOKEN", "wrong")
    with Client() as client, pytest.raises(NotAuthenticated):
        list(client.shouts.list(userdata=USER))
