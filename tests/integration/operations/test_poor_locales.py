"""What people write may be of any alphabet; what the operator's terminal knows of it is shown, and the rest described."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from blast_api.db.clock import database_now
from blast_api.models import LogKind
from blast_api.monitoring import health
from blast_api.records import writer
from blast_api.services import applications, history
from tests.kits import factories
from tests.kits.commands import in_turn
from tests.kits.processes import environment
from tests.kits.released import released

pytestmark = pytest.mark.django_db(transaction=True)

FOREIGN = "\U0001f642 \u0448\u043a\u043e\u043b\u0430 \u2028 \u00fc"
LOCALES: dict[str, dict[str, str]] = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "C": {"LC_ALL": "C"},
    "C, and ASCII alone": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
NO_UTF_8 = b"CommandError: A word of the command is no UTF-8.\n"
COMMANDS = [
    ["shouts", "--all"],
    ["shouts", "--all", "--json"],
    ["shouts", "--all", "--userdata", FOREIGN],
    ["report", "--by", "userdata"],
    ["report", "--by", "userdata", "--json"],
    ["report", "--by", "userdata", "cdr \U0001f642.log"],
    ["applications", "list"],
    ["applications", "list", "--json"],
    ["applications", "revoke", "\U0001f642"],
    ["replay_records", "--since", "2000-01-01", "--kind", "cdr", "--to", "-"],
    ["purge", "--older-than", "400"],
    ["after_restore", "--since", "2000-01-01", "cdr \U0001f642.log"],
    ["runcrons"],
    ["check"],
    ["crontab", "--help"],
    ["simulate", "--help"],
]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A shout, its records and an application with names of another alphabet; answers the folder of the logs."""
    applications.make("\U0001f642")
    health.cron_ran("here", now=database_now())  # or the commands say first that it has not
    shout = released(2, userdata=FOREIGN, title=FOREIGN)
    history.end_all(shout, [factories.call(shout, status="completed")], now=timezone.now())
    writer.write_due()
    (tmp_path / "cdr \U0001f642.log").write_bytes(writer.path_of(LogKind.CDR).read_bytes())
    return tmp_path


def _command(*words: str) -> list[str]:
    return [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *words]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_command_says_what_it_has_to_say(foreign: Path, locale: str) -> None:
    for words, ran in in_turn(COMMANDS, environment=environment() | LOCALES[locale], folder=foreign):
        code, out, err = ran.returncode, ran.stdout, ran.stderr
        assert b"Traceback" not in out + err, words
        if "ASCII" in locale and not words[-1].isascii() and not words[-1].endswith(".log"):
            assert (code, err) == (1, NO_UTF_8), words  # nor does Python know then what the operator wrote
            continue
        assert code == 0, (words, err)
        if "--json" in words:
            json.loads(out)
        if "userdata" in words or "--all" in words:
            said = str(json.loads(out)) if "--json" in words else out.decode("latin-1")
            assert "\U0001f642" in said or "\\U0001f642" in said or "\u00f0\u009f\u0099\u0082" in said, words


@pytest.mark.parametrize("words", [["shouts", "--all"], ["report", "--by", "userdata"], ["applications", "list"]])
@pytest.mark.parametrize("locale", LOCALES)
def test_tables_are_drawn_on_a_terminal_of_any_encoding(foreign: Path, locale: str, words: list[str]) -> None:
    ours, terminal = pty.openpty()
    child = subprocess.Popen(
        _command(*words), cwd=foreign, env=environment() | LOCALES[locale], stdout=terminal, stderr=subprocess.PIPE
    )
    os.close(terminal)
    said = b""
    try:
        while piece := os.read(ours, 65536):
            said += piece
    except OSError:  # as Linux says that the other end is closed
        pass
    os.close(ours)
    _, complaints = child.communicate()
    assert (child.returncode, complaints) == (0, b"")
    assert b"\\U0001f642" in said or "\U0001f642".encode() in said


def test_json_is_the_same_in_every_locale(foreign: Path) -> None:
    told = [
        json.loads(subprocess.check_output(_command("shouts", "--all", "--json"), env=environment() | locale))["shouts"]
        for locale in ({"PYTHONIOENCODING": "utf-8"}, *LOCALES.values())
    ]
    assert told[0][0]["userdata"] == FOREIGN
    assert all(other[0]["userdata"] == FOREIGN for other in told)


def test_a_word_that_is_no_utf_8_is_told_in_one_line(foreign: Path) -> None:
    done = subprocess.run(
        [*map(os.fsencode, _command("shouts", "--userdata")), b"\xff"], env=environment(), capture_output=True
    )
    assert (done.returncode, done.stderr) == (1, NO_UTF_8)
