"""`manage.py purge`: what is old goes, what is used stays, and the do-not-call lists always do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.addresses import address
from blast_api.db import bulk
from blast_api.domain.callbacks import Party
from blast_api.domain.errors import InvalidField
from blast_api.domain.recipients import Recipient
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import (
    WITH_ITS_SHOUTS,
    AuthorCall,
    Call,
    Container,
    DoNotCallNumber,
    Message,
    Record,
    Recording,
)
from blast_api.operations import retention
from blast_api.services import creation
from blast_api.simulator import Carrier
from tests.kits import factories, library
from tests.kits.commands import Ran, run, spawn
from tests.kits.raw_server import answer, raw_server
from tests.kits.released import dispatch
from tests.kits.threads import at_once
from tests.kits.world import World, recipient

pytestmark = pytest.mark.django_db

OLD, YOUNG = timedelta(days=100), timedelta(days=1)
DAYS = ("--older-than", "30")


def _ended(ago: timedelta, *, calls: int = 3, file_sid: str = "", recorded: bool = True, **fields: Any) -> Message:
    """A shout that is over since then, with its calls."""
    then = timezone.now() - ago
    times: dict[str, Any] = {"created": then, "finished": then, "closed": then}
    message = factories.message(**{"status": ShoutStatus.FINISHED} | times | fields)
    factories.author_call(message, recorded=recorded, file_sid=file_sid)
    rows = [[position, factories.number(position)] for position in range(calls)]
    shared: dict[str, Any] = {"message_id": message.pk, "status": CallStatus.COMPLETED, "finished": then}
    bulk.insert(Call, ["position", "number"], rows, **shared)
    return message


def _written(ago: timedelta | None) -> Record:
    return Record.objects.create(kind="cdr", line="{}", written=timezone.now() - ago if ago else None)


def _stored(carrier: Carrier) -> str:
    """A recording that the carrier has; answers its SID."""
    default = carrier.storage.default_sid
    return carrier.storage.add_file(default, b"RIFF", {"name": "a.wav"}, mime_type="audio/x-wav").sid


def _purged(*words: str) -> Ran:
    return run("purge", "--json", *DAYS, *words)


def test_old_shouts_go_with_their_calls_and_young_ones_stay() -> None:
    old, young = _ended(OLD), _ended(YOUNG)
    ran = _purged("--yes")
    assert ran.code == 0, ran.err
    assert (ran.json["shouts"], ran.json["calls"]) == (1, 3)
    assert not Message.objects.filter(pk=old.pk).exists()
    assert not AuthorCall.objects.filter(pk=old.pk).exists()
    assert young.calls.count() == Call.objects.count() == 3


def test_without_yes_nothing_goes_and_all_is_told(carrier: Carrier) -> None:
    _ended(OLD, file_sid="a", idempotency_key="key")
    _ended(OLD, file_sid="a")
    _ended(OLD, file_sid="b")
    _ended(YOUNG, file_sid="b")
    _written(OLD)
    ran = _purged()
    assert ran.code == 0
    assert {name: ran.json[name] for name in ("shouts", "calls", "recordings", "records", "keys", "done")} == {
        "shouts": 3,
        "calls": 9,
        "recordings": 1,
        "records": 1,
        "keys": 1,
        "done": False,
    }
    assert (Message.objects.count(), Call.objects.count(), Record.objects.count()) == (4, 12, 1)
    assert Message.objects.filter(idempotency_key="key").exists()


def test_shouts_of_which_something_may_still_change_stay() -> None:
    _ended(OLD, closed=None)
    _ended(OLD, status=ShoutStatus.ONGOING, finished=None, closed=None)
    _ended(OLD, closed=timezone.now())
    assert _purged("--yes").json["shouts"] == 0
    assert Message.objects.count() == 3


def test_written_records_go_and_those_that_wait_stay() -> None:
    _written(OLD)
    stay = {_written(YOUNG).pk, _written(None).pk}
    assert _purged("--yes").json["records"] == 1
    assert set(Record.objects.values_list("pk", flat=True)) == stay


def test_do_not_call_lists_stay_however_old() -> None:
    entry = factories.listed(factories.number(1))
    DoNotCallNumber.objects.update(created=timezone.now() - 10 * OLD)
    _ended(OLD)
    _purged("--yes")
    assert DoNotCallNumber.objects.get() == entry


def test_expired_idempotency_keys_go_off_shouts_that_stay() -> None:
    young = _ended(timedelta(days=3), idempotency_key="key")
    assert _purged("--yes").json["keys"] == 1
    young.refresh_from_db()
    assert young.idempotency_key is None


def test_more_than_one_batch_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_SHOUTS", 2)
    monkeypatch.setattr(retention, "_ROWS", 2)
    for _ in range(5):
        _ended(OLD)
        _written(OLD)
    told = _purged("--yes").json
    assert (told["shouts"], told["calls"], told["records"]) == (5, 15, 5)
    assert [rows.objects.count() for rows in (Message, Call, Record)] == [0, 0, 0]


def test_a_callback_for_a_call_that_is_gone_is_refused() -> None:
    shout = _ended(OLD)
    call = shout.calls.first()
    assert call
    url = address(Party.RECIPIENT, call.pk, call.serial, "status")
    path = url[url.index("/api/") :]
    _purged("--yes")
    assert Client().post(path, {"CallStatus": "completed"}).status_code == 403


# --- Recordings at the carrier ---------------------------------------------------------------------------------------


def test_the_recording_goes_at_the_carrier(world: World) -> None:
    shout = _whole_shout(world)
    sid = AuthorCall.objects.get(pk=shout).file_sid
    assert sid in world.carrier.files
    assert _purged("--yes").json["recordings"] == 1
    assert sid not in world.carrier.files
    assert not Message.objects.exists()


def _whole_shout(world: World, **fields: object) -> int:
    """A shout from POST to record, long ago."""
    shout = world.shout(recipient(0), **fields)
    world.carrier.advance_until_idle()
    world.play()
    assert world.status(shout) == "finished"
    then = timezone.now() - OLD
    Message.objects.filter(pk=shout).update(created=then, finished=then, closed=then)
    return shout


def test_a_recording_that_a_younger_shout_uses_stays_until_that_goes(world: World) -> None:
    first = _whole_shout(world)
    sid = AuthorCall.objects.get(pk=first).file_sid
    second = _whole_shout(world, **{"old-shout-id": first})
    Message.objects.filter(pk=second).update(finished=timezone.now())
    told = _purged("--yes").json
    assert (told["shouts"], told["recordings"]) == (1, 0)
    assert sid in world.carrier.files
    assert AuthorCall.objects.get(pk=second).kept
    Message.objects.update(finished=timezone.now() - OLD)
    assert _purged("--yes").json["recordings"] == 1
    assert sid not in world.carrier.files


@pytest.mark.parametrize("older_is_used", [False, True])
def test_whoever_of_two_goes_first_leaves_the_file_to_the_other(carrier: Carrier, older_is_used: bool) -> None:
    sid = _stored(carrier)
    ages = (YOUNG, OLD) if older_is_used else (OLD, YOUNG)
    stays = [_ended(age, file_sid=sid) for age in ages][0 if older_is_used else 1]
    _purged("--yes")
    assert sid in carrier.files
    assert list(Message.objects.all()) == [stays]


def test_two_old_shouts_with_one_file_have_it_deleted_once(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_SHOUTS", 2)
    sid = _stored(carrier)
    for _ in range(5):
        _ended(OLD, file_sid=sid)
    told = _purged("--yes").json
    assert (told["shouts"], told["recordings"]) == (5, 1)
    assert sid not in carrier.files


def test_a_recording_that_is_gone_at_the_carrier_is_gone(carrier: Carrier) -> None:
    _ended(OLD, file_sid="none")
    ran = _purged("--yes")
    assert (ran.code, ran.json["shouts"], ran.json["recordings"]) == (0, 1, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_purge", [True, False])
def test_while_the_carrier_is_away_shouts_go_and_their_recordings_are_tried_again(
    carrier: Carrier, settings: Settings, by_purge: bool
) -> None:
    sid, url = _stored(carrier), settings.BASE_CARRIERX_API_URL
    _ended(OLD, file_sid=sid)
    settings.BASE_CARRIERX_API_URL = "http://127.0.0.1:9"
    ran = _purged("--yes")
    assert (ran.code, ran.json["shouts"], ran.json["recordings"], ran.json["kept"]) == (1, 1, 0, 1)
    assert "The carrier keeps recordings" in ran.err
    assert not Message.objects.exists()
    settings.BASE_CARRIERX_API_URL = url
    if by_purge:
        assert _purged().json["recordings"] == 1
        assert _purged("--yes").json["recordings"] == 1
    else:
        dispatch()
    assert sid not in carrier.files
    assert not Recording.objects.exists()


@pytest.mark.parametrize("status", ["503 Busy", "500 Broken", "401 Unauthorized"])
def test_a_carrier_in_trouble_is_not_asked_for_ever(settings: Settings, status: str) -> None:
    for index in range(10):
        _ended(OLD, file_sid=f"f{index}")
    with raw_server(answer(b"{}", status=status)) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        assert _purged("--yes").json["kept"] == 10
    assert len(server.requests) == 5


def test_a_file_that_the_carrier_will_not_delete_holds_up_no_other(settings: Settings) -> None:
    refuse, delete = answer(b"{}", status="400 Bad Request"), answer(b"", status="204 No Content")
    answers = iter([refuse, refuse, delete, refuse, refuse, refuse, refuse, delete])
    for index in range(8):
        _ended(OLD, file_sid=f"f{index}")
    with raw_server(lambda connection: next(answers)(connection)) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        told = _purged("--yes").json
    assert (told["shouts"], told["recordings"], told["kept"]) == (8, 2, 6)


@pytest.mark.parametrize("named", ["old_shout_id", "recording_id"])
def test_what_is_about_to_go_cannot_be_used_for_a_new_shout(settings: Settings, named: str) -> None:
    """The carrier is away: the file stands there still, and will go the next time."""
    settings.BASE_CARRIERX_API_URL = "http://127.0.0.1:9"
    old = _ended(OLD, file_sid="f")
    recording = Recording.objects.get()
    _purged("--yes")
    new = creation.NewShout(
        userdata=old.userdata,
        caller=factories.AUTHOR,
        recipients=[Recipient("1")],
        old_shout_id=old.pk if named == "old_shout_id" else None,
        recording_id=recording.pk if named == "recording_id" else None,
    )
    with pytest.raises(InvalidField):
        creation.create(old.application, new, now=timezone.now())


def test_an_upload_stays_when_its_last_shout_goes(carrier: Carrier) -> None:
    upload = library.kept(carrier)
    _ended(OLD, recorded=False, recording=upload)
    assert _purged().json["recordings"] == 0
    told = _purged("--yes").json
    assert (told["shouts"], told["recordings"]) == (1, 0)
    assert upload.file_sid in carrier.files
    assert library.doomed_at(upload) is None


def test_a_deleted_upload_that_an_old_shout_names_goes_with_it(carrier: Carrier) -> None:
    upload = library.recording(file_sid="", url="", doomed_at=WITH_ITS_SHOUTS)
    _ended(OLD, recorded=False, recording=upload)
    _purged("--yes")
    assert not Recording.objects.exists()


def test_what_machines_heard_goes_likewise(carrier: Carrier) -> None:
    spoken = library.kept(carrier, lasting=False)
    stays, goes = (_ended(ago, recorded=False, voicemail=spoken) for ago in (YOUNG, OLD))
    assert _purged("--yes").json["shouts"] == 1
    assert spoken.file_sid in carrier.files
    Message.objects.filter(pk=stays.pk).update(finished=goes.finished, closed=goes.finished)
    told = _purged("--yes").json
    assert (told["shouts"], told["recordings"]) == (1, 1)
    assert spoken.file_sid not in carrier.files


def test_a_file_that_was_recorded_and_is_nobodys_recording_goes(carrier: Carrier) -> None:
    sid = _stored(carrier)
    _ended(OLD, file_sid=sid, recorded=False)
    assert _purged().json["recordings"] == 1
    assert _purged("--yes").json["recordings"] == 1
    assert sid not in carrier.files
    assert not Recording.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_shout_that_uses_the_recording_at_this_moment_keeps_the_file(carrier: Carrier) -> None:
    sid = _stored(carrier)
    old = _ended(OLD, file_sid=sid)
    used, go_on = threading.Event(), threading.Event()

    def use() -> None:
        new = creation.NewShout(
            userdata=old.userdata,
            caller=factories.AUTHOR,
            recipients=[Recipient(factories.number(1))],
            old_shout_id=old.pk,
        )
        try:
            with transaction.atomic():
                creation.create(old.application, new, now=timezone.now())
                used.set()
                go_on.wait(10)
        finally:
            connection.close()

    user = threading.Thread(target=use)
    user.start()
    assert used.wait(10)
    threading.Timer(0.5, go_on.set).start()  # by then the purge waits for the lock
    ran = _purged("--yes")
    user.join()
    assert (ran.code, ran.json["shouts"]) == (0, 1)
    assert sid in carrier.files
    assert AuthorCall.objects.get().file_sid == sid


@pytest.mark.django_db(transaction=True)
def test_two_purges_at_once_leave_nothing_and_fail_at_nothing(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_SHOUTS", 3)
    monkeypatch.setattr(retention, "_ROWS", 4)
    files = [_stored(carrier) for _ in range(3)]
    for index in range(24):
        _ended(OLD, file_sid=files[index % 3])
        _written(OLD)
    codes: list[int] = []

    at_once(lambda: codes.append(_purged("--yes").code), times=2)
    assert codes == [0, 0]
    assert [rows.objects.count() for rows in (Message, AuthorCall, Call, Record)] == [0, 0, 0, 0]
    assert not set(files) & set(carrier.files)
    assert not Recording.objects.exists()


@pytest.mark.parametrize("dies_after", ["_delete_shout", "_delete_file"])
def test_a_purge_that_dies_is_repeated(carrier: Carrier, monkeypatch: pytest.MonkeyPatch, dies_after: str) -> None:
    sid = _stored(carrier)
    _ended(OLD, file_sid=sid)
    step: Callable[..., Any] = getattr(retention, dies_after)

    def die(*arguments: Any, **named: Any) -> Any:
        step(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(retention, dies_after, die)
        assert _purged("--yes").code == 130
    Recording.objects.update(held_since=None)  # as if some minutes had passed
    assert _purged("--yes").code == 0
    assert sid not in carrier.files
    assert [rows.objects.count() for rows in (Message, AuthorCall, Call, Recording)] == [0, 0, 0, 0]


# --- The command -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["--older-than", "0.5"], ["--older-than", "-1"], ["--older-than", "nan"]])
def test_what_callbacks_may_still_tell_of_cannot_be_deleted(words: list[str]) -> None:
    assert run("purge", *words, "--yes").code == 2


@pytest.mark.django_db(transaction=True)
def test_the_command_by_itself_has_its_exit_codes() -> None:
    _ended(OLD)
    assert spawn("purge").code == 2
    ran = spawn("purge", *DAYS)
    assert (ran.code, ran.rows[0]) == (0, ["shouts", "1"])
    assert "--yes" in ran.err
    ran = spawn("purge", *DAYS, "--yes")
    assert (ran.code, ran.rows[:2]) == (0, [["shouts", "1"], ["calls", "3"]])
    assert not Message.objects.exists()
    away = spawn("purge", *DAYS, DATABASE_URL="postgres://nobody@127.0.0.1:9/none")
    assert (away.code, len(away.err.strip().splitlines())) == (1, 1)


# --- Room for recordings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deletes", "asked_again"), [(True, True), (False, False)])
def test_the_carrier_is_asked_anew_how_full_it_is_once_something_is_deleted(
    carrier: Carrier, deletes: bool, asked_again: bool
) -> None:
    container = factories.container(step=Container.Provision.RAISE)
    _ended(OLD, file_sid=_stored(carrier) if deletes else "")
    begun = timezone.now()
    assert _purged("--yes").json["recordings"] == int(deletes)
    container.refresh_from_db()
    assert (container.due_at < begun + timedelta(seconds=30)) is asked_again
    assert (container.step == Container.Provision.LOOK) is asked_again


def test_a_container_that_is_not_known_yet_is_not_looked_into(carrier: Carrier) -> None:
    container = factories.container(sid="", step=Container.Provision.MAKE)
    _ended(OLD, file_sid=_stored(carrier))
    assert _purged("--yes").json["recordings"] == 1
    container.refresh_from_db()
    assert (container.step, container.serial) == (Container.Provision.MAKE, 0)
