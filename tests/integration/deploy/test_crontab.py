"""`manage.py crontab` in checkouts that lie anywhere: cron runs the line that it writes, and it finds the line again."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blast_api.domain import crontab
from tests.kits.checkouts import NEEDED, installed_at, manage
from tests.kits.processes import wait_until

# With a table of the test's own: the crontab of whoever runs the tests is none of its business.
PROGRAM = """#!/bin/sh
test -e "$0.broken" && { echo "you may not use this program" >&2; exit 1; }
case "$1" in
    -l) test -e "$0.table" || { echo "no crontab for me" >&2; exit 1; }; cat "$0.table";;
    *) cat "$1" >"$0.table";;
esac
"""
OTHERS = "0 0 * * * somebody else's # % and so on\n"


def command_of(line: str, *, collapses: bool = False) -> str:
    """What cron hands to the shell of a line of a crontab: it ends at the first % that has no backslash before it.

    Crons differ in whether two backslashes are one (`collapses`).
    """
    rest, command, escaped = line.rstrip("\n").split(None, 5)[5], "", False
    for character in rest:
        if escaped and (character == "%" or (character == "\\" and collapses)):
            command = command[:-1] + character
        elif character == "%" and not escaped:
            break
        else:
            command += character
        escaped = character == "\\" and not escaped
    return command


@pytest.mark.parametrize("collapses", [False, True])
@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=30)
    | st.text("a\\%'\"$ #", max_size=12)
)
@example(text="")
@example(text="\\%\\\\%'%")
def test_a_word_reaches_the_program_through_cron_and_the_shell_as_it_is(text: str, collapses: bool) -> None:
    command = command_of(f"* * * * * printf ~s {crontab.word(text)}", collapses=collapses).replace("~s", "%s", 1)
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode() == text


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_what_no_line_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        crontab.word(text)


class Place:
    """A checkout in production that lies at some path, with a program in the place of crontab."""

    def __init__(self, folder: Path) -> None:
        self.root = installed_at(folder / "blast-api")
        self.program = folder / "crontab"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        self.table = folder / "crontab.table"
        self.file = folder / "environment"
        self.environment = NEEDED | {
            "BLAST_ENVIRONMENT": str(self.file),
            "BLAST_LOG_DIR": str(folder / "log"),
            "BLAST_STATE_DIR": str(folder / "state"),
            "BLAST_BASE_CARRIERX_API_URL": "http://127.0.0.1:9",
            "DATABASE_URL": f"sqlite:///{quote(str(folder / 'db.sqlite3'))}",
        }
        self.file.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in self.environment.items()))
        for name in ("log", "state"):
            (folder / name).mkdir()
        with (self.root / "blast_api_project/settings/prod.py").open("a") as settings:
            settings.write(f"CRONTAB_EXECUTABLE = {str(self.program)!r}\n")

    def manage(self, *arguments: str) -> str:
        return manage(self.root, *arguments, environment=self.environment)

    def lines(self) -> list[str]:
        return self.table.read_text().splitlines(keepends=True)


@pytest.mark.parametrize("name", ["plain", 'it\'s 100% \\% "a b" #1; $HOME `id`'])
def test_the_line_that_is_added_runs_the_cron_jobs_wherever_the_checkout_lies(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path / name)
    place.manage("migrate")
    place.table.write_text(OTHERS)
    for _ in range(2):
        assert "adding cronjob" in place.manage("crontab", "add")
    others, line = place.lines()
    assert others == OTHERS
    assert line.endswith(" # blast-api\n")
    ran = subprocess.Popen(
        ["/bin/sh", "-c", command_of(line)],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SHELL": "/bin/sh"},
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        wait_until(lambda: json.loads(place.manage("shouts", "--json"))["cron"]["state"] == "ok")
    finally:
        os.killpg(ran.pid, signal.SIGTERM)
        ran.wait()
    assert (tmp_path / name / "log/blast-api-message-check.log").exists()
    assert "'runcrons'" in place.manage("crontab", "show")
    place.manage("crontab", "remove")
    assert place.lines() == [OTHERS]


@pytest.fixture
def checkout(tmp_path: Path) -> Place:
    return Place(tmp_path / "a b")


def test_the_line_of_an_earlier_version_is_replaced(checkout: Place) -> None:
    former = f"* * * * * {checkout.root}/env/bin/python {checkout.root}/manage.py crontab run {'0' * 32} # blast-api\n"
    checkout.table.write_text(former + OTHERS)
    assert "of an earlier version" in checkout.manage("crontab", "show")
    checkout.manage("crontab", "add")
    others, line = checkout.lines()
    assert others == OTHERS
    assert "crontab run" in line != former


def test_lines_that_only_look_like_ours_stay(checkout: Place) -> None:
    others = [
        OTHERS,
        f"#* * * * * manage.py crontab run {'0' * 32} # blast-api\n",
        "0 0 * * * true # blast-api\n",
        "\n",
    ]
    checkout.table.write_text("".join(others))
    checkout.manage("crontab", "add")
    checkout.manage("crontab", "remove")
    assert checkout.lines() == others


def test_a_first_crontab_is_made(checkout: Place) -> None:
    checkout.manage("crontab", "add")
    assert len(checkout.lines()) == 1


@pytest.mark.parametrize("verb", ["add", "show", "remove"])
def test_a_crontab_that_cannot_be_read_is_told_and_stays_as_it_is(checkout: Place, verb: str) -> None:
    checkout.table.write_text(OTHERS)
    checkout.program.with_name("crontab.broken").touch()
    said = checkout.manage("crontab", verb)
    assert said == "CommandError: The crontab cannot be read: you may not use this program\n"
    assert checkout.lines() == [OTHERS]


def test_without_cron_it_says_what_to_do(checkout: Place) -> None:
    checkout.program.unlink()
    said = checkout.manage("crontab", "add")
    assert said.startswith(f"CommandError: {checkout.program} cannot be run (No such file or directory): install cron")
    assert said.count("\n") == 1
