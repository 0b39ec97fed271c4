"""Recordings have room: beyond the carrier's hundred files, and with an alarm before there is none."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from blast_api.models import Container
from tests.kits import unhurried
from tests.kits.ears import calls_to, heard
from tests.kits.world import AUTHOR, World, recipient

PATH = "/core/v2/storage/containers"
RECORDED = ["record_welcome", "start_recording", "beep"]


def fill(world: World, sid: str, files: int) -> None:
    for _ in range(files):
        world.carrier.storage.add_file(sid, b"RIFF", {}, mime_type="audio/x-wav")


def a_minute_passes() -> None:
    """For the container, which is looked into every minute."""
    Container.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    unhurried.run_once()


def ready(world: World) -> tuple[int, dict[str, Any]]:
    answer = requests.get(f"{world.url}/readyz", timeout=10)
    return answer.status_code, answer.json()["storage"]


def free(world: World) -> float:
    """The part of the files that is left, as Prometheus is told."""
    told = requests.get(f"{world.url}/metrics", timeout=10).text
    (line,) = [line for line in told.splitlines() if line.startswith('blast_api_container_free_ratio{quota="files"}')]
    return float(line.split()[-1])


def test_the_hundred_and_first_recording_works_where_the_default_container_is_full(world: World) -> None:
    fill(world, world.carrier.storage.default_sid, 100)
    unhurried.run_once()
    shouts = [world.recorded(recipient(0, index=index), userdata=f"user {index}") for index in range(101)]
    assert {world.status(shout) for shout in shouts} == {"ready"}
    (ours,) = {file.container_sid for file in world.carrier.files.values()} - {world.carrier.storage.default_sid}
    recordings = [file for file in world.carrier.files.values() if file.container_sid == ours]
    assert (len(recordings), {file.ttl_s for file in recordings}) == (101, {-1})
    assert world.carrier.faults == []


def test_recordings_beside_many_prompts_have_the_quota_raised_as_they_come(world: World) -> None:
    ours = world.carrier.storage.set_container({"string_key_1": "blast-api-prompts", "quota_files": 100}).sid
    fill(world, ours, 75)
    unhurried.run_once()
    shouts = []
    for index in range(30):
        shouts.append(world.recorded(recipient(0, index=index), userdata=f"user {index}"))
        if index % 10 == 9:
            a_minute_passes()
    assert "error" not in {world.status(shout) for shout in shouts}
    assert world.carrier.storage.totals(ours)[1] == 105
    assert ready(world)[1]["state"] == "ok"
    assert world.carrier.faults == []


def test_before_the_container_is_known_recordings_go_where_they_always_went(world: World) -> None:
    shout = world.recorded(recipient(0))
    assert world.status(shout) == "ready"
    (file,) = world.carrier.files.values()
    assert file.container_sid == world.carrier.storage.default_sid
    assert ready(world)[1]["state"] == "awaited"


def test_recording_again_stays_in_its_file_though_the_container_is_known_by_then(world: World) -> None:
    shout = world.shout(recipient(0), caller="15555552091")
    world.carrier.advance(19)
    unhurried.run_once()
    world.carrier.advance_until_idle()
    world.keep(shout)
    assert world.status(shout) == "ready"
    (file,) = world.carrier.files.values()
    assert (file.container_sid, world.carrier.faults) == (world.carrier.storage.default_sid, [])


def test_a_container_that_is_never_raised_is_an_alarm_long_before_an_author_hears_of_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    ours = world.carrier.storage.set_container({"string_key_1": "blast-api", "quota_files": 20}).sid
    world.carrier.inject("refuse", status=422, method="PATCH", path=PATH, times=-1)
    logger = logging.getLogger("blast_api")
    logger.addHandler(caplog.handler)
    seen: list[tuple[int, int, str, bool]] = []  # files in it, and what is told then
    try:
        unhurried.run_once()
        for index in range(20):
            assert world.status(world.recorded(recipient(0, index=index), userdata=f"user {index}")) == "ready"
            caplog.clear()
            a_minute_passes()
            status, told = ready(world)
            logged = "storage_not_raised" in [record.__dict__.get("action") for record in caplog.records]
            seen.append((index + 1, status, told["state"], logged))
            assert free(world) == pytest.approx(1 - (index + 1) / 20)
    finally:
        logger.removeHandler(caplog.handler)
    assert seen == [
        *((files, 200, "ok", False) for files in range(1, 17)),
        *((files, 200, "short", True) for files in (17, 18)),
        *((files, 503, "nearly full", True) for files in (19, 20)),
    ]

    shout = world.recorded(recipient(0))
    assert world.status(shout) == "error"
    assert heard(calls_to(world.carrier, AUTHOR)[-1]) == [*RECORDED, "goodbye"]
    world.play()
    assert len(calls_to(world.carrier, recipient(0))) == 1  # of the first shout; the last calls nobody
    assert world.carrier.faults == []

    world.carrier.injections.reset()  # the carrier agrees at last
    a_minute_passes()
    assert ready(world)[1]["state"] == "ok"
    assert ready(world)[0] == 200
    assert world.status(world.recorded(recipient(0))) == "ready"
    assert world.carrier.storage.totals(ours)[1] == 21
