"""`manage.py demo`: one shout to 100 people, from nothing to its records, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from blast_api.domain.states import ENDED_SHOUTS
from blast_api.management.stage import Stage, StageError, loopback, stage

_AUTHOR = "15555552090"
_USER = "demo"
_SPEED = 4.0
_BOUND_S = 90.0

# How many of the 100 behave how (the last two digits of their number), what becomes of the call, and after how many
# attempts. 00 stands for an ordinary person; None is a number that cannot be called.
_CAST: list[tuple[int | None, int, str, int, str]] = [
    (0, 60, "completed", 1, "listens to the end"),
    (1, 8, "completed", 1, "answering machine"),
    (2, 4, "completed", 1, "person or machine, who knows"),
    (7, 3, "completed", 1, "presses 0 to hear it again"),
    (9, 3, "completed", 1, "hangs up in the middle"),
    (12, 1, "completed", 1, "presses 9"),
    (6, 4, "completed", 2, "fails once, then answers"),
    (13, 1, "completed", 3, "fails twice, then answers"),
    (8, 3, "added to do not call", 1, "presses 5 after the message"),
    (11, 1, "added to do not call", 1, "presses 5 at once"),
    (3, 5, "busy", 1, "busy"),
    (4, 4, "no-answer", 1, "does not answer"),
    (5, 2, "failed", 4, "fails every time"),
    (None, 1, "failed", 0, "no such number"),
]
_NOWHERE = "15551115555"
# The second shout, to one recipient per verdict of its preflight: who it is, the verdict, and what becomes of the call.
_VERDICTS: list[tuple[str, str, str | None]] = [
    ("15555570000", "call", "completed"),
    ("15555570100", "wait", "cancelled"),  # it is midnight there, and the demo waits for no morning
    ("15555560011", "do not call", "do not call"),  # pressed 5 a moment ago
    ("15555560000", "capped", "capped"),  # heard the first shout: one a day is the cap
    (_NOWHERE, "invalid", "failed"),
    ("18765550100", "refused", "failed"),  # in Jamaica
    ("15555570000", "duplicate", None),
]


class Command(BaseCommand):
    help = (
        "Sets up a service of its own on loopback (SQLite, the simulated carrier, a web server, a dispatcher), sends one "
        "shout to 100 people and shows what became of it. Exits with 0 only if every call ended as scripted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stay", action="store_true", help="stay up afterwards, for the pages, until Ctrl-C")

    def handle(self, *args: object, stay: bool, **options: object) -> None:
        # Without a terminal, lines are not broken for one.
        console = Console(width=None if self.stdout.isatty() else 120)
        with tempfile.TemporaryDirectory(prefix="blast-api-demo-") as name:
            folder = Path(name, "log")
            try:
                console.print("Setting up a database, a simulated carrier, a web server and a dispatcher on loopback …")
                database, state = f"sqlite:///{quote(str(folder / 'demo.sqlite3'))}", str(Path(name, "state"))
                with stage(
                    folder=folder,
                    speed=_SPEED,
                    DATABASE_URL=database,
                    BLAST_STATE_DIR=state,
                    BLAST_RETRY_DELAY="0",  # nobody who looks on waits a minute
                    BLAST_FREQUENCY_CAP='{"calls": 1, "days": 1}',
                ) as scene:
                    console.print(f"Watch it in a browser: {scene.pages}")
                    Demo(scene, console, folder).run()
                    if stay:
                        self._stay(scene, console)
            except KeyboardInterrupt:
                console.print("Good night.")
            except (StageError, requests.RequestException) as error:
                for output in sorted(folder.glob("*.out")):
                    console.print(f"[bold]{output.name}[/]", output.read_text()[-2000:])
                raise CommandError(str(error)) from error

    @staticmethod
    def _stay(scene: Stage, console: Console) -> None:
        console.print(f"{scene.pages} stays until Ctrl-C.")
        while True:
            scene.check()
            time.sleep(0.5)


class Demo:
    """One shout, watched from outside over REST."""

    def __init__(self, scene: Stage, console: Console, folder: Path) -> None:
        self._scene, self._console, self._folder = scene, console, folder
        self._expected = {number: (status, attempts) for number, status, attempts in _people()}

    def run(self) -> None:
        body = {"title": "Demo", "caller": _AUTHOR, "userdata": _USER, "recipients": list(self._expected)}
        answer = loopback().post(f"{self._scene.api}/shouts", json=body, timeout=30)
        answer.raise_for_status()
        shout_id = answer.json()["id"]
        self._console.print(
            f"POST /shouts: shout {shout_id} to {len(self._expected)} people; its author is being called."
        )
        shout = self._watch(shout_id)
        self._settle(shout_id)
        calls = self._get("/calls", **{"shout-id": shout_id})
        opted_out = sorted(entry["number"] for entry in self._get(f"/dnc/{_USER}"))
        self._show(shout, calls, opted_out)
        faults = self._faults(shout, calls, opted_out) + self._under_rules(shout_id)
        if faults:
            raise CommandError("Not every call ended as scripted:\n" + "\n".join(faults))
        self._console.print("[green]Every call ended as scripted.[/]")

    def _get(self, path: str, **query: object) -> Any:
        answer = loopback().get(self._scene.api + path, params={k: str(v) for k, v in query.items()}, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _watch(self, shout_id: int) -> dict[str, Any]:
        columns = (TextColumn("{task.description:34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        deadline = time.monotonic() + _BOUND_S
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task("being recorded", total=len(self._expected))
            while time.monotonic() < deadline:
                self._scene.check()
                shout: dict[str, Any] = self._get(f"/shouts/{shout_id}")
                counts = shout["calls"]
                settled = sum(counts.values()) - sum(counts.get(open_, 0) for open_ in ("pending", "ready", "ongoing"))
                state = shout["status"] if shout["voc"] else "being recorded"
                progress.update(task, completed=settled, description=f"{state}, {counts.get('ongoing', 0)} on the line")
                if shout["status"] in ENDED_SHOUTS:
                    return shout
                time.sleep(0.25)
        raise StageError(f"the shout has not ended within {_BOUND_S:.0f} s: {shout}")

    def _under_rules(self, first_shout_id: int) -> list[str]:
        """A shout with the same recording, to one recipient per verdict; answers what was not as its preflight said."""
        now = datetime.now(UTC)
        noon, midnight = (_zone_where(hour, now) for hour in (12, 0))
        recipients = [
            {"number": number, "zone": midnight if verdict == "wait" else noon} for number, verdict, _ in _VERDICTS
        ]
        body = {
            "title": "Under rules",
            "caller": _AUTHOR,
            "userdata": _USER,
            "old-shout-id": first_shout_id,
            "recipients": recipients,
            "delivery": {"window": {"from": "09:00", "to": "21:00"}},
        }
        preflight, shout = (self._post(path, body) for path in ("/shouts;preflight", "/shouts"))
        deadline = time.monotonic() + _BOUND_S
        while (
            time.monotonic() < deadline
            and self._get("/calls", **{"shout-id": shout["id"], "status": "completed"}) == []
        ):
            self._scene.check()
            time.sleep(0.25)
        waits = self._get(f"/shouts/{shout['id']}")["waiting"]
        loopback().delete(f"{self._scene.api}/shouts/{shout['id']};cancel", timeout=30).raise_for_status()
        became = {call["phone"]: call["status"] for call in self._get("/calls", **{"shout-id": shout["id"]})}
        self._console.rule("A shout under rules: what its preflight said, and what became of it")
        table = Table("recipient", "preflight", "because", "became")
        faults = []
        for (number, verdict, status), said in zip(_VERDICTS, preflight["recipients"], strict=True):
            table.add_row(number, said["verdict"], said["reason"], became.get(number) if status else "")
            if said["verdict"] != verdict or (status and became.get(number) != status):
                faults.append(f"{number}: {said['verdict']}, {became.get(number)} instead of {verdict}, {status}")
        self._console.print(table)
        self._console.print(f"Before it was canceled it waited: {waits}", highlight=False)
        return faults

    def _post(self, path: str, body: object) -> Any:
        answer = loopback().post(self._scene.api + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def _settle(self, shout_id: int) -> None:
        """Wait for the record of the shout, which is written after those of its calls."""
        deadline = time.monotonic() + 10
        bdr = self._folder / "bdr.log"
        while time.monotonic() < deadline and not (bdr.exists() and bdr.read_text().endswith("\n")):
            time.sleep(0.1)

    # --- What is shown ---------------------------------------------------------------------------------------------

    def _show(self, shout: dict[str, Any], calls: list[dict[str, Any]], opted_out: list[str]) -> None:
        console = self._console
        console.rule("The shout")
        shown = {name: value for name, value in shout.items() if name != "recipients"}
        console.print_json(data=shown)
        console.rule("What became of 100 calls")
        console.print(self._outcomes(calls))
        console.rule("The do-not-call list")
        console.print("\n".join(opted_out))
        console.rule("The first lines of each log")
        for log in ("cdr.log", "bdr.log", "rec_cdr.log", "blast-api.log", "blast-api-message-check.log"):
            file = self._folder / log
            lines = file.read_text().splitlines()[:2] if file.exists() else []
            console.print(f"[bold]{log}[/]")
            console.print("\n".join(lines) or "(nothing to tell)", soft_wrap=True, markup=False, highlight=False)
        console.rule("Minutes of use")
        console.print(self._minutes(), markup=False, highlight=False)

    def _outcomes(self, calls: list[dict[str, Any]]) -> Table:
        table = Table("people", "scripted to", "status expected", "attempts", "as scripted")
        table.columns[0].justify = table.columns[3].justify = table.columns[4].justify = "right"
        by_phone = {call["phone"]: (call["status"], call["attempts"]) for call in calls}
        for ending, count, status, attempts, script in _CAST:
            right = sum(by_phone.get(number) == (status, attempts) for number in _numbers(ending, count))
            table.add_row(str(count), script, status, str(attempts), str(right))
        table.add_section()
        totals = Counter(call["status"] for call in calls)
        for status, count in totals.most_common():
            table.add_row(str(count), "", status, "", "")
        return table

    def _minutes(self) -> str:
        command = "cat cdr.log | jq -s 'map(.duration) | add' | xargs -I{} expr {} / 60"
        if shutil.which("jq") is None:
            return f"jq is not installed here; it would be: {command}"
        done = subprocess.run(command, shell=True, cwd=self._folder, capture_output=True, text=True)  # noqa: S602
        return f"$ {command}\n{done.stdout.strip()}"

    # --- What must hold --------------------------------------------------------------------------------------------

    def _faults(self, shout: dict[str, Any], calls: list[dict[str, Any]], opted_out: list[str]) -> list[str]:
        faults = []
        if shout["status"] != "finished":
            faults.append(f"the shout is {shout['status']}")
        by_phone = {call["phone"]: (call["status"], call["attempts"]) for call in calls}
        faults += [
            f"{number}: {by_phone.get(number)} instead of {expected}"
            for number, expected in self._expected.items()
            if by_phone.get(number) != expected
        ]
        if opted_out != sorted(n for n, (status, _) in self._expected.items() if status == "added to do not call"):
            faults.append(f"the do-not-call list is {opted_out}")
        rung = Counter(
            call["number"] for call in loopback().get(f"{self._scene.carrier}/_simulator/calls", timeout=30).json()
        )
        faults += [
            f"{number} was rung {rung[number]} times instead of {attempts}"
            for number, (_, attempts) in self._expected.items()
            if rung[number] != attempts
        ]
        found = loopback().get(f"{self._scene.carrier}/_simulator/faults", timeout=30).json()["faults"]
        faults += [f"the carrier complains: {fault}" for fault in found]
        attempts = sum(max(attempts, 1) for _, attempts in self._expected.values())
        for log, count in (("cdr.log", attempts), ("bdr.log", 1), ("rec_cdr.log", 1)):
            written = len((self._folder / log).read_text().splitlines())
            if written != count:
                faults.append(f"{log} has {written} lines instead of {count}")
        return faults


def _people() -> Iterator[tuple[str, str, int]]:
    for ending, count, status, attempts, _ in _CAST:
        for number in _numbers(ending, count):
            yield number, status, attempts


def _numbers(ending: int | None, count: int) -> list[str]:
    """As many numbers with this ending; fictional ones of the numbering plan, but for the one that is none."""
    if ending is None:
        return [_NOWHERE]
    return [f"1555556{index:02d}{ending:02d}" for index in range(count)]


def _zone_where(hour: int, now: datetime) -> str:
    """A zone whose clocks show this hour now. The names of these have their sign the other way round."""
    ahead = (hour - now.hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
