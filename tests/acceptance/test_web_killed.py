"""The web server is killed while the carrier reports: what it did not hear ends by itself, and nobody is rung again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.conf import settings

from blast_api.management.stage import Stage, stage
from tests.kits.processes import wait_until
from tests.kits.world import AUTHOR, lines, recipient

_ON_POSTGRESQL = str(settings.DATABASES["default"]["ENGINE"]).endswith("postgresql")
_ENDED = {"completed", "no-answer", "app-error", "timed-out"}


@pytest.mark.skipif(_ON_POSTGRESQL, reason="it has a database of its own, which is SQLite")
def test_nobody_is_called_twice_or_forgotten_when_the_web_server_is_killed(tmp_path: Path) -> None:
    people = [recipient(0, index=index) for index in range(120)]
    with stage(
        folder=tmp_path,
        speed=20,
        DJANGO_SETTINGS_MODULE="blast_api_project.settings.dev",
        DATABASE_URL=f"sqlite:///{tmp_path / 'db.sqlite3'}",
        BLAST_MAX_CALLS_PER_SECOND="20",
        BLAST_CALL_BATCH_SIZE="1000",
        BLAST_CALL_LENGTH_RATIO="1",
        BLAST_MESSAGE_TIMEOUT="1",
        BLAST_PLACEMENT_CONFIRM_TIMEOUT="6",
    ) as scene:
        body = {"caller": AUTHOR, "userdata": "user", "recipients": people}
        requests.post(f"{scene.api}/shouts", json=body, timeout=30).raise_for_status()
        wait_until(lambda: len(_rung(scene)) > 30)
        _kill_the_web_server(scene, tmp_path)
        wait_until(lambda: lines(str(tmp_path / "bdr.log")))
        (shout,) = requests.get(f"{scene.api}/shouts", params={"userdata": "user"}, timeout=30).json()
        calls = requests.get(f"{scene.api}/calls", params={"shout-id": shout["id"]}, timeout=30).json()
        rung = _rung(scene)
    assert shout["status"] in ("finished", "timed-out")
    assert {call["status"] for call in calls} <= _ENDED
    assert sum(call["status"] == "completed" for call in calls) > 20
    assert Counter(rung) == Counter(people)
    cdr = [line["to_number"] for line in lines(str(tmp_path / "cdr.log")) if not line["late"]]
    assert sorted(cdr) == sorted(people)


def _kill_the_web_server(scene: Stage, folder: Path) -> None:
    """As a power cut would, and start it again."""
    web = next(child for child in scene.children if "runserver" in str(child.args))
    web.kill()
    web.wait()
    scene.children.remove(web)
    scene.start("runserver", "--noreload", str(urlsplit(scene.api).port), output=folder / "web.out")
    scene.wait_for(f"{scene.api}/shouts")


def _rung(scene: Stage) -> list[str]:
    calls: list[dict[str, Any]] = requests.get(f"{scene.carrier}/_simulator/calls", timeout=30).json()
    return [call["number"] for call in calls if call["number"] != AUTHOR]
