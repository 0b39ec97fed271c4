"""SQLite is locked by another process for longer than anybody waits, under load: all goes on with it when it is free."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from blast_api.management.stage import Stage, stage
from tests.kits.processes import wait_until
from tests.kits.world import AUTHOR, lines, recipient

_ON_POSTGRESQL = str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")
_LONGER_THAN_CALLBACKS_WAIT_S = 8.0
# How people end, by the last two digits of their number, and after how many calls.
_SCRIPT = {0: ("completed", 1), 3: ("busy", 1), 6: ("completed", 2), 8: ("added to do not call", 1)}


@pytest.mark.skipif(_ON_POSTGRESQL, reason="it has a database of its own, which is SQLite")
def test_calls_go_on_when_the_database_is_no_longer_locked(tmp_path: Path) -> None:
    endings = [0, 3, 0, 6, 0, 0, 8, 0, 0, 0] * 15
    people = {recipient(ending, index=index): _SCRIPT[ending] for index, ending in enumerate(endings)}
    opting_out = {number for number, ending in people.items() if ending == _SCRIPT[8]}
    database, state = tmp_path / "db.sqlite3", Path(settings.STATE_DIR)
    with stage(
        folder=tmp_path,
        speed=20,
        DJANGO_SETTINGS_MODULE="blast_api_project.settings.dev",
        DATABASE_URL=f"sqlite:///{database}?timeout=1",
        BLAST_MAX_CALLS_PER_SECOND="30",
        BLAST_CALL_BATCH_SIZE="1000",
        BLAST_RETRY_DELAY="0",
        BLAST_PLACEMENT_CONFIRM_TIMEOUT="5",
    ) as scene:
        body = {"caller": AUTHOR, "userdata": "user", "recipients": list(people)}
        answer = requests.post(f"{scene.api}/shouts", json=body, timeout=30)
        answer.raise_for_status()
        shout = answer.json()["id"]
        wait_until(lambda: len(_rung(scene)) > 60)
        other = sqlite3.connect(database, isolation_level=None, timeout=20)
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(_LONGER_THAN_CALLBACKS_WAIT_S)
        spooled = [line for file in state.glob("callbacks.spool*") for line in file.read_text().splitlines()]
        other.close()
        wait_until(lambda: _get(scene, f"/shouts/{shout}")["status"] == "finished")
        wait_until(lambda: lines(str(tmp_path / "bdr.log")))
        calls = _get(scene, "/calls", **{"shout-id": shout})
        rung = _rung(scene)
        scene.check()
    assert spooled
    assert not list(state.glob("callbacks.spool*"))
    heard = {call["number"] for call in rung if "/f/" in json.dumps(call["heard"])}
    ended = {call["phone"]: call["status"] for call in calls}
    for number in {number for number, (ending, _) in people.items() if ending in ("completed", _SCRIPT[8][0])} - heard:
        # While nothing could be written, they heard an apology; whether we know by the end that it was our fault is the order on disk.
        assert ended[number] in ("no-answer", "app-error")
        people[number] = (ended[number], people[number][1])
    pressed_nothing = {call["number"] for call in rung if not call["keys"]} & opting_out & heard
    people |= dict.fromkeys(pressed_nothing, ("completed", 1))
    # Whoever waited for an answer after the message longer than the carrier does: that is its word, and ours.
    given_up = {call["number"] for call in rung if call["status"] == "app-error"} & heard
    people |= dict.fromkeys(given_up, ("app-error", 1))
    assert {call["phone"]: (call["status"], call["attempts"]) for call in calls} == people
    times = Counter(call["number"] for call in rung)
    assert times == {number: attempts for number, (_, attempts) in people.items()}
    cdr = lines(str(tmp_path / "cdr.log"))
    assert Counter(line["to_number"] for line in cdr) == times
    assert {line["sid"] for line in cdr} == {call["call_sid"] for call in rung}


def _rung(scene: Stage) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = requests.get(f"{scene.carrier}/_simulator/calls", timeout=30).json()
    return [call for call in calls if call["number"] != AUTHOR]


def _get(scene: Stage, path: str, **query: object) -> Any:
    answer = requests.get(scene.api + path, params={k: str(v) for k, v in query.items()}, timeout=30)
    answer.raise_for_status()
    return answer.json()
