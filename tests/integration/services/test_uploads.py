"""Sounds on their way to the carrier: whatever happens, no file is stored for ever by mistake."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.carrierx.client import CarrierClient
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.errands import DiscardFile, claim_errands
from blast_api.models import WITH_ITS_SHOUTS, Gate, Message, Recording
from blast_api.services import recordings, sweeps, uploads
from blast_api.simulator import Carrier
from tests.kits import factories, library
from tests.kits.library import a_wav, kept, ours, recording, upload
from tests.kits.released import dispatch
from tests.kits.rest import code, created

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("forty_a_second")]

FILES = "/core/v2/storage/files"


def _later() -> None:
    """What was doomed a quarter of an hour ahead is due."""
    Recording.objects.filter(doomed_at__isnull=False).update(doomed_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("fault", ["drop", "html", "half", "no_sid"])
def test_a_file_whose_answer_is_lost_is_found_by_its_key(client: Client, carrier: Carrier, fault: str) -> None:
    ours(carrier)
    carrier.inject(fault, method="POST", path=FILES)
    told = created(upload(client))
    (file,) = carrier.files.values()
    assert told["url"] == carrier.storage.publish_uri(file)
    _later()
    dispatch()
    assert set(carrier.files) == {file.sid}


@pytest.mark.parametrize("search", ["drop_before", "refuse"])
def test_what_was_stored_and_cannot_be_found_is_deleted_later(client: Client, carrier: Carrier, search: str) -> None:
    ours(carrier)
    carrier.inject("drop", method="POST", path=FILES)
    carrier.inject(search, method="GET", path=FILES, status=503)
    answer = upload(client)
    assert code(answer) == (503, "not-stored")
    assert answer["Retry-After"]
    assert len(carrier.files) == 1
    dispatch()
    assert len(carrier.files) == 1  # the request may still be at work
    _later()
    dispatch()
    assert carrier.files == {}
    assert not Recording.objects.exists()


def test_what_never_arrived_leaves_nothing(client: Client, carrier: Carrier) -> None:
    ours(carrier)
    carrier.inject("drop_before", method="POST", path=FILES)
    assert code(upload(client)) == (503, "not-stored")
    _later()
    dispatch()
    assert not Recording.objects.exists()


def test_a_full_container_is_told_and_looked_into(client: Client, carrier: Carrier) -> None:
    ours(carrier, quota_files=0)
    assert code(upload(client)) == (507, "storage-full")
    assert not Recording.objects.exists()
    assert carrier.files == {}


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_carrier_that_refuses_leaves_nothing(client: Client, carrier: Carrier, status: int) -> None:
    ours(carrier)
    carrier.inject("refuse", method="POST", path=FILES, status=status)
    answer = upload(client)
    assert code(answer) == (503, "not-stored")
    assert answer["Retry-After"]
    assert not Recording.objects.exists()


def test_a_carrier_that_cannot_be_reached_leaves_nothing(client: Client, settings: Settings) -> None:
    factories.container()
    settings.BASE_CARRIERX_API_URL = "http://127.0.0.1:9"
    assert code(upload(client)) == (503, "not-stored")
    assert not Recording.objects.exists()


def test_before_the_container_is_known_nothing_is_uploaded(client: Client, carrier: Carrier) -> None:
    assert code(upload(client)) == (503, "not-stored")
    assert not Recording.objects.exists()


def test_a_file_that_nobody_can_fetch_is_deleted(client: Client, carrier: Carrier) -> None:
    ours(carrier)
    body = '{"file_sid": "no-such-file"}'
    carrier.inject("refuse", method="POST", path=FILES, status=201, body=body)
    assert code(upload(client)) == (503, "not-stored")
    _later()
    dispatch()
    assert not Recording.objects.exists()


@pytest.mark.parametrize("dies_in", ["upload_file", "files_by_key"])
def test_who_dies_over_an_upload_leaves_nothing_for_ever(
    client: Client, carrier: Carrier, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    ours(carrier)
    carrier.inject("drop", method="POST", path=FILES)
    step: Callable[..., Any] = getattr(CarrierClient, dies_in)

    def die(*arguments: Any, **named: Any) -> Any:
        step(*arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(CarrierClient, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            upload(client)
    assert len(carrier.files) == 1
    _later()
    dispatch()
    assert carrier.files == {}
    assert not Recording.objects.exists()


# --- Texts -----------------------------------------------------------------------------------------------------------


def test_a_text_that_no_shout_took_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    about = (factories.application(), factories.USER, "School is closed.")
    uploads.from_text(*about, lasting=False)
    stays = uploads.from_text(*about)
    assert sweeps.forget(timezone.now()) == 0
    assert sweeps.forget(timezone.now() + timedelta(minutes=16)) == 1
    assert list(Recording.objects.all()) == [stays]


# --- Deleted ---------------------------------------------------------------------------------------------------------


def test_the_file_of_a_deleted_recording_goes(client: Client, carrier: Carrier) -> None:
    goes, stays = kept(carrier), kept(carrier)
    client.delete(f"/api/v1/recordings/{goes.pk}")
    dispatch()
    assert set(carrier.files) == {stays.file_sid}
    assert list(Recording.objects.all()) == [stays]


def test_shouts_that_are_over_keep_the_row_of_what_they_played(carrier: Carrier) -> None:
    row = kept(carrier, key="k", doomed_at=timezone.now())
    shout = factories.message(recording=row, status="finished")
    dispatch()
    assert carrier.files == {}
    row.refresh_from_db()
    assert (row.file_sid, row.url, row.doomed_at) == ("", "", WITH_ITS_SHOUTS)
    assert recordings.claim_to_discard(limit=9, stale=timezone.now(), now=timezone.now()) == []
    assert recordings.forget(timezone.now()) == 0
    assert Message.objects.get(recording=row) == shout


def test_a_file_that_is_gone_is_gone(carrier: Carrier) -> None:
    recording(file_sid="no-such-file", doomed_at=timezone.now())
    recording(file_sid="", key="no-such-key", doomed_at=timezone.now())
    dispatch()
    assert not Recording.objects.exists()


@pytest.mark.parametrize("fault", ["refuse", "drop_before", "drop"])
def test_a_deletion_that_failed_is_done_again_later(carrier: Carrier, fault: str) -> None:
    row = kept(carrier, doomed_at=timezone.now())
    carrier.inject(fault, method="DELETE", path=FILES, status=500)
    dispatch()
    assert Recording.objects.get().held_since
    assert claim_errands(DatabaseClock(), room=9) == []
    Recording.objects.update(held_since=timezone.now() - timedelta(minutes=6))
    dispatch()
    assert not Recording.objects.exists()
    assert row.file_sid not in carrier.files


def test_a_carrier_that_ignores_filters_loses_no_other_file(carrier: Carrier) -> None:
    stays = kept(carrier, key="theirs")
    listing = json.dumps({"items": [{"file_sid": stays.file_sid, "string_key_1": "theirs"}]})
    carrier.inject("refuse", method="GET", path=FILES, status=200, body=listing)
    recording(file_sid="", key="ours", doomed_at=timezone.now())
    dispatch()
    assert set(carrier.files) == {stays.file_sid}
    assert list(Recording.objects.all()) == [stays]


def test_a_deletion_that_missed_its_slot_is_claimed_again(carrier: Carrier) -> None:
    row = kept(carrier, doomed_at=timezone.now())
    (job,) = claim_errands(DatabaseClock(), room=9)
    assert isinstance(job, DiscardFile)
    assert Gate.objects.get(lane=Gate.Lane.ERRANDS).next_slot > job.slot
    job.give_back()
    (again,) = claim_errands(DatabaseClock(), room=9)
    assert isinstance(again, DiscardFile)
    assert (again.recording_id, library.doomed_at(row)) == (row.pk, row.doomed_at)


def test_for_one_shout_no_recording_is_deleted(carrier: Carrier) -> None:
    kept(carrier, doomed_at=timezone.now())
    assert claim_errands(DatabaseClock(), room=9, only_shout=1) == []
    assert a_wav() in [file.content for file in carrier.files.values()]
