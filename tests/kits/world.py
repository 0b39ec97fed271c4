"""A service and its carrier, as the tests of whole shouts use them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from django.test import override_settings
from django.utils import timezone

from blast_api.dispatch import nudge
from blast_api.dispatch.clock import DatabaseClock
from blast_api.dispatch.errands import claim_errands
from blast_api.records import writer
from blast_api.services import authors, delivery, shouts, sweeps
from blast_api.simulator import Carrier
from tests.kits import unhurried

AUTHOR = "15555552090"


def recipient(ending: int, *, index: int = 0) -> str:
    """A number whose last two digits tell the simulator how its person behaves."""
    return f"1555{556 + index // 100}{index % 100:02d}{ending:02d}"


@dataclass(frozen=True)
class World:
    """Speaks to the service over HTTP only, and lets the carrier's time pass."""

    carrier: Carrier
    url: str

    def post(self, path: str, body: object, **headers: str) -> requests.Response:
        return requests.post(f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=30)

    def get(self, path: str, **query: object) -> Any:
        answer = requests.get(f"{self.url}/api/v1{path}", params={k: str(v) for k, v in query.items()}, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def delete(self, path: str) -> requests.Response:
        return requests.delete(f"{self.url}/api/v1{path}", timeout=30)

    # --- What the tests of whole shouts do all the time ---------------------------------------------------------------

    def shout(self, *recipients: str, **fields: object) -> int:
        """Create a shout over REST; answers its id."""
        body = {"caller": AUTHOR, "userdata": "user", "recipients": list(recipients), **fields}
        answer = self.post("/shouts", body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def recorded(self, *recipients: str, **fields: object) -> int:
        """Create a shout and let its author record it; what follows on the confirmation is done, and nothing is placed yet."""
        shout = self.shout(*recipients, **fields)
        self.carrier.advance_until_idle()
        self.keep(shout)
        return shout

    def keep(self, shout: int) -> None:
        """What follows on an author's confirmation: the recording is kept, and the calls are ready."""
        clock = DatabaseClock()
        for job in claim_errands(clock, room=1, only_shout=shout):
            nudge.send(job, clock, tolerance_s=unhurried.TOLERANCE_S)
        sweeps.release(timezone.now())

    def play(self, rounds: int = 8) -> None:
        """Cron runs and the carrier's time in turn, until neither changes anything."""
        for _ in range(rounds):
            before = len(self.carrier.calls)
            unhurried.run_once()
            self.carrier.advance_until_idle()
            if len(self.carrier.calls) == before:
                break
        self.sweep()

    def sweep(self, *, after_s: float = 0) -> None:
        """The sweeps as they will be run so many seconds from now, then the records.

        That time is only said to pass, so there is none to ask the carrier what became of calls.
        """
        now = timezone.now() + timedelta(seconds=after_s)
        with override_settings(CARRIERX_API_TOKEN=""):
            delivery.lapse(now)
            authors.lapse(now)
            sweeps.release(now)
            shouts.begin_due(now)
            sweeps.expire(now)
            sweeps.finish(now)
        writer.write_due()

    def status(self, shout: int) -> str:
        return str(self.get(f"/shouts/{shout}")["status"])

    def calls(self, shout: int) -> dict[str, str]:
        """Status by number."""
        return {call["phone"]: call["status"] for call in self.get("/calls", **{"shout-id": shout})}

    def dnc(self, userdata: str = "user") -> list[str]:
        return [entry["number"] for entry in self.get(f"/dnc/{userdata}")]


def lines(path: str) -> list[dict[str, Any]]:
    """The records of a log file."""
    file = Path(path)
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
