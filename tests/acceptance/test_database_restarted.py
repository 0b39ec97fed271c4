"""PostgreSQL is restarted, and stopped for a while, under load: all processes go on with it, and every call ends as if nothing had been."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from blast_api.management.stage import Stage, stage
from tests.kits.cluster import Cluster, cluster, what_is_missing
from tests.kits.processes import wait_until
from tests.kits.world import AUTHOR, lines, recipient

_ON_POSTGRESQL = str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")
_RATE = 50
_LONGER_THAN_CALLBACKS_WAIT_S = 6.5
# How people end, by the last two digits of their number, and after how many calls.
_SCRIPT = {0: ("completed", 1), 3: ("busy", 1), 6: ("completed", 2), 8: ("added to do not call", 1)}

pytestmark = [
    pytest.mark.skipif(not _ON_POSTGRESQL, reason="the suite does not run on PostgreSQL"),
    pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing()),
]


def test_calls_go_on_when_the_database_is_restarted(tmp_path: Path) -> None:
    endings = [0, 3, 0, 6, 0, 0, 8, 0, 0, 0] * 24
    people = {recipient(ending, index=index): _SCRIPT[ending] for index, ending in enumerate(endings)}
    opting_out = {number for number, ending in people.items() if ending == _SCRIPT[8]}
    with cluster() as server, _service(server, tmp_path) as scene:
        shout = _post(scene, "/shouts", {"caller": AUTHOR, "userdata": "user", "recipients": list(people)})["id"]
        wait_until(lambda: _counts(scene)["arrivals"] > 60)
        server.restart("immediate")
        wait_until(lambda: _counts(scene)["arrivals"] > 160)
        server.restart("fast")
        wait_until(lambda: _counts(scene)["arrivals"] > 210)
        server.stop()
        time.sleep(_LONGER_THAN_CALLBACKS_WAIT_S)
        server.start()
        wait_until(lambda: _get(scene, f"/shouts/{shout}")["status"] == "finished")
        wait_until(lambda: lines(str(tmp_path / "bdr.log")))
        calls = _get(scene, "/calls", **{"shout-id": shout})
        rung = requests.get(f"{scene.carrier}/_simulator/calls", timeout=30).json()
        faults = requests.get(f"{scene.carrier}/_simulator/faults", timeout=30).json()["faults"]
        scene.check()
    assert faults == []
    heard = {call["number"] for call in rung if "/f/" in json.dumps(call["heard"])}
    ended = {call["phone"]: call["status"] for call in calls}
    for number in {number for number, (ending, _) in people.items() if ending in ("completed", _SCRIPT[8][0])} - heard:
        # While nothing could be looked up; whether we know by the end that it was our fault is the order on disk.
        assert ended[number] in ("no-answer", "app-error")
        people[number] = (ended[number], people[number][1])
    pressed_nothing = {call["number"] for call in rung if not call["keys"]} & opting_out & heard
    people |= dict.fromkeys(pressed_nothing, ("completed", 1))
    assert {call["phone"]: (call["status"], call["attempts"]) for call in calls} == people
    times = Counter(call["number"] for call in rung if call["number"] != AUTHOR)
    assert times == {number: attempts for number, (_, attempts) in people.items()}
    cdr = lines(str(tmp_path / "cdr.log"))
    assert Counter(line["to_number"] for line in cdr) == times
    assert {line["sid"] for line in cdr} == {call["call_sid"] for call in rung if call["number"] != AUTHOR}


def _service(server: Cluster, folder: Path) -> Any:
    return stage(
        folder=folder,
        speed=20,
        DJANGO_SETTINGS_MODULE="blast_api_project.settings.dev",
        DATABASE_URL=server.url,
        BLAST_MAX_CALLS_PER_SECOND=str(_RATE),
        BLAST_CALL_BATCH_SIZE="1000",
        BLAST_PLACEMENT_CONFIRM_TIMEOUT="5",
    )


def _post(scene: Stage, path: str, body: object) -> Any:
    answer = requests.post(scene.api + path, json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _get(scene: Stage, path: str, **query: object) -> Any:
    answer = requests.get(scene.api + path, params={k: str(v) for k, v in query.items()}, timeout=30)
    answer.raise_for_status()
    return answer.json()


def _counts(scene: Stage) -> dict[str, int]:
    counts: dict[str, int] = requests.get(f"{scene.carrier}/_simulator/", timeout=30).json()
    return counts
