"""`blast`, the command line, against the service: what people and machines read, and what it ends with."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import Settings as PytestSettings

from blast_api.models import Message, Recording
from blast_api_client import Client
from tests.kits import factories
from tests.kits.blast import typed
from tests.kits.library import recording
from tests.kits.processes import wait_until
from tests.kits.sounds import encoded, speech
from tests.kits.world import World, recipient

USER = "school-7"
ENTRIES = ["15555561010", "15555561011"]


@pytest.fixture
def shell(world: World, blast: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of a shell that is set up for the service."""
    monkeypatch.setenv("BLAST_URL", world.url)
    monkeypatch.setenv("BLAST_USERDATA", USER)
    monkeypatch.setenv("BLAST_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.delenv("BLAST_TOKEN", raising=False)


def told(*words: str) -> Any:
    """What machines read of a command that is done."""
    result = typed(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def kept_recording() -> str:
    return str(recording(userdata=USER).pk)


pytestmark = pytest.mark.usefixtures("shell")


def test_a_shout_is_foretold_sent_watched_and_explained(world: World) -> None:
    words = ["send", "--recording", kept_recording(), *(f"--to={recipient(ending)}" for ending in (0, 5))]
    foretold = typed(*words, "--preflight")
    assert foretold.exit_code == 0
    assert "Recipients: 2 call." in foretold.stdout
    assert not Message.objects.exists()
    sent = typed(*words, "--yes")
    assert (sent.exit_code, sent.stderr) == (0, "")
    shout = Message.objects.get()
    assert f"blast watch {shout.pk}" in sent.stdout
    world.play()
    watched = typed("watch", str(shout.pk))
    assert (watched.exit_code, watched.stderr) == (0, "")
    assert f"Shout {shout.pk} is finished: " in watched.stdout
    assert told("watch", str(shout.pk))["status"] == "finished"
    why = typed("why", recipient(0))
    assert "A person heard the message" in why.stdout
    assert [len(call["attempts"]) for call in told("why", recipient(0))] == [1]
    assert [one["id"] for one in told("shouts")] == [shout.pk]
    assert typed("shouts").stdout.splitlines()[0] == "shout\tcreated\tstatus\ttitle\tcalls"


def test_who_is_not_called_is_told_before(world: World) -> None:
    factories.listed(recipient(1), userdata=USER)
    result = typed("send", "--text=hello", f"--to={recipient(1)}", "--to=15555551", "--preflight")
    assert "1 do not call, 1 invalid" in result.stdout
    assert f"{recipient(1)}\tdo not call\t\t" in result.stdout
    nobody = typed("send", "--text=hello", f"--to={recipient(1)}", "--yes")
    assert nobody.exit_code == 1
    assert "Nobody would be called" in nobody.stderr


def test_a_list_is_a_file_and_how_it_was_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text(f"name,phone\nAnn,{recipient(0)}\nBob,{recipient(1)}\n")
    words = ("send", "--text=hello", f"--to={file}")
    result = typed(*words, "--preflight")
    assert result.exit_code == 0, result.output
    assert "List: 2 rows; number in column 2 (phone)." in result.stdout
    assert f"2\t{recipient(0)}\t\t\n" in result.stdout
    assert told(*words, "--preflight")["list"]["rows"] == 2
    file.write_text(f"name,phone\nAnn,{recipient(0)}\nBob,nobody\n")
    refused = typed(*words, "--yes")
    assert refused.exit_code == 1
    assert "nobody" in refused.stderr


def test_a_sound_file_is_uploaded_and_goes_again_if_it_is_not_sent(tmp_path: Path) -> None:
    file = tmp_path / "snow.wav"
    file.write_bytes(encoded(speech(2), "flac"))
    words = ("send", f"--recording={file}", f"--to={recipient(0)}")
    assert told(*words, "--preflight")["counts"]["call"] == 1
    assert not Recording.objects.usable().exists()
    assert told(*words, "--yes")["recording"] == Recording.objects.usable().get().pk


def test_a_shout_is_paused_resumed_and_watched_until_somebody_cancels_it(blast: Client) -> None:
    at = ("--at", "2030-01-31T12:00Z")
    shout = str(told("send", "--recording", kept_recording(), "--to", recipient(0), *at, "--yes")["id"])
    assert "is paused" in typed("pause", shout).stdout
    assert told("resume", shout)["status"] == "scheduled"
    canceling = threading.Thread(target=blast.shouts.cancel, args=[int(shout)])
    canceling.start()
    watched = typed("watch", shout)
    canceling.join()
    assert (watched.exit_code, watched.stdout) == (1, f"Shout {shout} is canceled: 1 cancelled.\n")
    again = typed("pause", shout)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "has already ended" in again.stderr


def test_numbers_are_listed_and_taken_off_from_a_shell(tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("".join(f"{number}\n" for number in ENTRIES))
    assert typed("dnc", "add", ENTRIES[0]).stdout == "1 added, 0 were there already.\n"
    imported = typed("dnc", "import", str(file))
    assert "List: 2 rows; number in column 1." in imported.stdout
    assert imported.stdout.endswith("1 added, 1 were there already.\n")
    assert told("dnc", "add", *ENTRIES) == {"added": 0, "there_before": 2}
    assert {one["number"] for one in told("dnc", "list")} == set(ENTRIES)
    assert told("dnc", "--application", "list") == []
    assert typed("dnc", "remove", *ENTRIES).stdout == "2 taken off.\n"
    assert typed("dnc", "list").stdout == "number\tsince\tby\tcall\n"
    assert typed("dnc", "remove", ENTRIES[0]).exit_code == 1


def test_each_field_at_fault_is_a_line() -> None:
    result = typed("send", "--text=hello", "--to=15555551010", "--from=1", "--voice=nobody", "--yes")
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["voice", "from"]


def test_who_is_not_let_in_is_told(settings: PytestSettings, tmp_path: Path) -> None:
    settings.API_TOKEN_REQUIRED = True
    (tmp_path / "config.toml").write_text('token = "of nobody"')
    result = typed("shouts")
    assert (result.exit_code, result.stdout) == (4, "")


def on_a_terminal(*words: str, answers: str = "") -> tuple[int, str]:
    """The command in a process of its own, with a person before it; the exit code and all that is seen."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "blast_api_client.cli", *words]
    environment = os.environ | {"PYTHONPATH": str(Path(settings.BASE_DIR, "clients/python/src")), "TERM": "xterm"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        os.write(ours, answers.encode())
        seen = b""
        with suppress(OSError):  # Linux's word for the end of a terminal
            while piece := os.read(ours, 65536):
                seen += piece
    os.close(ours)
    return process.returncode, seen.decode()


def test_a_person_is_asked_with_the_count_and_sees_a_bar() -> None:
    words = ("send", "--recording", kept_recording(), "--at=2030-01-31T12:00Z", f"--to={recipient(0)}", "--watch")
    code, seen = on_a_terminal(*words, f"--to={recipient(1)}", answers="n\n")
    assert (code, Message.objects.count()) == (1, 0)
    assert "Call 2 people? [y/N]" in seen
    assert "Nothing was sent." in seen

    def cancel() -> None:
        wait_until(Message.objects.exists)
        typed("cancel", str(Message.objects.get().pk))
        connection.close()

    canceling = threading.Thread(target=cancel)
    canceling.start()
    code, seen = on_a_terminal(*words, answers="y\n")
    canceling.join()
    assert code == 1
    assert "Call 1 person? [y/N]" in seen
    assert "canceled: 1 cancelled" in seen
    assert "1/1" in seen
