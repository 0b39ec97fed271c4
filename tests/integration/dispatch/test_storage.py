"""The container of the recordings: found or made once, raised before it is short, and an alarm where that is refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.errands import claim_errands
from blast_api.models import Container
from blast_api.services import storage
from blast_api.simulator import Carrier
from tests.kits import factories, unhurried
from tests.kits.released import dispatch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("forty_a_second", "carrier")]

PATH = "/core/v2/storage/containers"
Provision = Container.Provision


@pytest.fixture
def service_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("blast_api")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, logger="blast_api")
    yield caplog
    logger.removeHandler(caplog.handler)


def actions(log: pytest.LogCaptureFixture) -> list[str]:
    """What the log says of the container."""
    told = [str(record.__dict__.get("action", "")) for record in log.records]
    return [action for action in told if action.startswith("storage_")]


def made(carrier: Carrier) -> list[str]:
    """The containers that the account has beside its own."""
    return [sid for sid in carrier.containers if sid != carrier.storage.default_sid]


def later() -> None:
    """The container's next time has come, and the dispatcher does what is due then."""
    Container.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    dispatch()


def filled(carrier: Carrier, sid: str, files: int) -> None:
    for _ in range(files):
        carrier.storage.add_file(sid, b"RIFF", {}, mime_type="audio/x-wav")


# --- Found or made ---------------------------------------------------------------------------------------------------


def test_a_container_is_made_once_ahead_of_every_recording(
    carrier: Carrier, service_log: pytest.LogCaptureFixture
) -> None:
    assert storage.sid() == ""
    dispatch()
    (sid,) = made(carrier)
    assert storage.sid() == sid
    settings = carrier.containers[sid].settings
    assert (settings["string_key_1"], settings["unique"]) == ("blast-api", True)
    assert (settings["quota_files"], settings["quota_bytes"]) == (1000, 1073741824)
    assert (settings["default_file_lifecycle_action"], settings["default_file_lifecycle_ttl"]) == ("no_action", -1)
    for _ in range(3):
        later()
    assert (made(carrier), actions(service_log)) == ([sid], ["storage_found"])


@pytest.mark.parametrize("key", ["blast-api", "blast-api-prompts"])
def test_a_container_of_ours_that_is_there_is_used(carrier: Carrier, key: str) -> None:
    sid = carrier.storage.set_container({"string_key_1": key}).sid
    dispatch()
    assert (storage.sid(), made(carrier)) == (sid, [sid])


def test_two_services_at_once_end_with_one(carrier: Carrier) -> None:
    """Two databases cannot see each other's turns: each has found none, and both make one."""
    carrier.storage.most_containers = 9
    factories.container(sid="", checked=None, step=Provision.MAKE, due_at=timezone.now())
    theirs = carrier.storage.set_container({"string_key_1": "blast-api", "unique": True}).sid
    dispatch()
    assert (storage.sid(), made(carrier)) == (theirs, [theirs])


def test_two_dispatchers_at_once_make_one(carrier: Carrier) -> None:
    carrier.storage.most_containers = 9
    ready = Barrier(2)

    def run_once() -> None:
        ready.wait()
        try:
            unhurried.run_once()
        finally:
            connection.close()

    threads = [Thread(target=run_once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    unhurried.run_once()
    assert made(carrier) == [storage.sid()]


@pytest.mark.parametrize("fault", ["drop", "half", "html"])
def test_a_lost_answer_makes_no_second_container(carrier: Carrier, fault: str) -> None:
    carrier.storage.most_containers = 9
    carrier.inject(fault, method="POST", path=PATH)
    dispatch()
    assert (storage.sid(), len(made(carrier))) == ("", 1)
    later()
    assert made(carrier) == [storage.sid()]


def test_a_dispatcher_that_dies_is_followed_by_another(carrier: Carrier) -> None:
    with unhurried.dispatcher() as dispatcher:
        jobs = claim_errands(DatabaseClock(), room=10, inquiry=dispatcher._inquiry)
        assert len(jobs) == 1
        assert claim_errands(DatabaseClock(), room=10, inquiry=dispatcher._inquiry) == []  # one at a time
    dispatch()
    assert made(carrier) == []
    later()
    assert made(carrier) == [storage.sid()]


def test_what_was_not_sent_is_asked_again(carrier: Carrier) -> None:
    with unhurried.dispatcher() as dispatcher:
        (job,) = claim_errands(DatabaseClock(), room=10, inquiry=dispatcher._inquiry)
        job.give_back()
    dispatch()
    assert made(carrier) == [storage.sid()]


def test_a_nudge_within_a_request_asks_nothing_of_the_container(carrier: Carrier) -> None:
    assert claim_errands(DatabaseClock(), room=1, only_shout=1) == []
    assert not Container.objects.exists()


def test_an_answer_to_an_older_turn_changes_nothing(carrier: Carrier) -> None:
    dispatch()
    before = Container.objects.values().get()
    turn = storage.Turn("blast-api", before["serial"] - 1, Provision.LOOK, "old", Container.objects.get().room)
    now = timezone.now()
    storage.found(turn, "old", turn.room, now=now)
    storage.found(turn, "old", None, now=now)
    storage.gone(turn, now=now)
    storage.refused(turn, "", now=now)
    storage.give_back(turn)
    assert Container.objects.values().get() == before


# --- Refused ---------------------------------------------------------------------------------------------------------


def test_an_account_that_may_have_no_more_is_an_alarm_until_somebody_does_something(
    carrier: Carrier, service_log: pytest.LogCaptureFixture
) -> None:
    strangers = carrier.storage.set_container({"name": "somebody else's"}).sid
    dispatch()
    assert (storage.sid(), made(carrier)) == ("", [strangers])
    assert actions(service_log) == ["storage_not_made", "storage_refused"]
    assert Container.objects.get().refused
    carrier.storage.most_containers = 3
    later()
    assert not Container.objects.get().refused
    assert storage.sid() in made(carrier)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("status", "refused"), [(401, True), (403, True), (429, False), (500, False), (503, False)])
def test_credentials_that_are_refused_are_an_alarm_and_passing_trouble_is_none(
    carrier: Carrier, method: str, status: int, refused: bool
) -> None:
    carrier.inject("refuse", status=status, method=method, path=PATH, times=1 if status != 403 else -1)
    dispatch()
    container = Container.objects.get()
    assert (container.refused, container.since is not None, container.sid) == (refused, True, "")
    carrier.injections.reset()
    later()
    assert made(carrier) == [storage.sid()]
    container.refresh_from_db()
    assert (container.refused, container.since) == (False, None)


def test_trouble_is_counted_from_its_first(carrier: Carrier) -> None:
    dispatch()
    long_ago = timezone.now() - timedelta(hours=2)
    Container.objects.update(since=long_ago)
    carrier.inject("refuse", status=500, method="GET", path=PATH)
    later()
    assert Container.objects.get().since == long_ago


# --- What the operator names -----------------------------------------------------------------------------------------


def test_the_operator_names_a_container(carrier: Carrier, settings: Settings) -> None:
    sid = carrier.storage.set_container({"name": "the operator's"}).sid
    settings.RECORDING_CONTAINER = sid
    dispatch()
    assert (storage.sid(), made(carrier)) == (sid, [sid])
    assert Container.objects.get().checked is not None


def test_a_name_that_is_none_is_an_alarm_and_recordings_go_to_the_default(
    carrier: Carrier, settings: Settings, service_log: pytest.LogCaptureFixture
) -> None:
    settings.RECORDING_CONTAINER = "no-such-container"
    dispatch()
    later()
    assert (storage.sid(), made(carrier)) == ("", [])
    assert actions(service_log) == ["storage_refused", "storage_refused"]
    assert Container.objects.get().refused


def test_a_container_that_is_gone_is_made_anew(carrier: Carrier, service_log: pytest.LogCaptureFixture) -> None:
    dispatch()
    carrier.storage.reset()
    later()
    assert made(carrier) == [storage.sid()]
    assert actions(service_log) == ["storage_found", "storage_gone", "storage_found"]


# --- Raised ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quotas", "files", "raised"),
    [
        ({"quota_files": 10}, 8, {}),
        ({"quota_files": 10}, 9, {"quota_files": 1000}),
        ({"quota_bytes": 40}, 9, {"quota_bytes": 1073741824}),
        ({"quota_files": 0, "quota_bytes": 0}, 0, {"quota_files": 1000, "quota_bytes": 1073741824}),
        ({"quota_files": None, "quota_bytes": None}, 9, {}),
    ],
)
def test_a_quota_is_raised_before_it_is_short(
    carrier: Carrier, quotas: dict[str, int | None], files: int, raised: dict[str, int]
) -> None:
    sid = carrier.storage.set_container({"string_key_1": "blast-api"}).sid
    filled(carrier, sid, files)
    carrier.storage.set_container(quotas, sid=sid)
    dispatch()
    settings = carrier.containers[sid].settings
    assert {name: settings[name] for name in quotas | raised} == quotas | raised
    container = Container.objects.get()
    assert (container.total_files, container.step) == (files, Provision.LOOK)
    assert {name: getattr(container, name) for name in raised} == raised


def test_what_fills_up_is_seen_within_a_minute(carrier: Carrier, service_log: pytest.LogCaptureFixture) -> None:
    dispatch()
    filled(carrier, storage.sid(), 850)
    dispatch()
    assert Container.objects.get().total_files == 0  # not yet: it was looked into just now
    assert Container.objects.get().due_at < timezone.now() + timedelta(seconds=61)
    later()
    assert carrier.containers[storage.sid()].settings["quota_files"] == 2000
    assert actions(service_log) == ["storage_found", "storage_raised"]
    assert service_log.records[-1].__dict__["quota_files"] == 2000


@pytest.mark.parametrize("fault", [{"status": 422}, {"status": 403}, {"status": 409}, {"status": 500}, {"status": 429}])
def test_a_quota_that_is_not_raised_is_an_alarm_each_minute_until_it_is(
    carrier: Carrier, service_log: pytest.LogCaptureFixture, fault: dict[str, int]
) -> None:
    dispatch()
    filled(carrier, storage.sid(), 850)
    carrier.inject("refuse", method="PATCH", path=PATH, times=2, **fault)
    later()
    later()
    assert actions(service_log) == ["storage_found", "storage_not_raised", "storage_not_raised"]
    assert (service_log.records[-1].levelname, service_log.records[-1].__dict__["free"]) == ("ERROR", 0.15)
    assert str(fault["status"]) in service_log.records[-1].__dict__["reason"]
    assert not Container.objects.get().refused
    later()
    assert actions(service_log)[-1] == "storage_raised"


def test_a_carrier_that_says_yes_and_does_nothing_is_not_asked_without_end(
    carrier: Carrier, service_log: pytest.LogCaptureFixture
) -> None:
    dispatch()
    filled(carrier, storage.sid(), 850)
    body = '{"container_sid": "%s", "quota_files": 1000, "total_files": 850, "quota_bytes": 9, "total_bytes": 0}'
    carrier.inject("refuse", status=200, body=body % storage.sid(), method="PATCH", path=PATH, times=-1)
    later()
    assert actions(service_log) == ["storage_found", "storage_not_raised"]


@pytest.mark.parametrize("body", ['{"container_sid": "s"}', '{"container_sid": "s", "total_files": "many"}', "[]", "<"])
def test_a_container_that_does_not_tell_how_full_it_is_is_used_and_not_known(carrier: Carrier, body: str) -> None:
    dispatch()
    sid = storage.sid()
    carrier.inject("refuse", status=200, body=body.replace('"s"', f'"{sid}"'), method="GET", path=PATH)
    later()
    container = Container.objects.get()
    assert (container.sid, container.step, container.since is not None) == (sid, Provision.LOOK, True)
