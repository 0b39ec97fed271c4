"""`manage.py crontab`: django-crontab's command, for checkouts that lie anywhere and crontabs that cannot be read.

It hands paths to cron and its shell as they are, takes a crontab that it could not read for an empty one, says nothing when
its line was not installed, and cannot remove a line that an earlier version wrote. So its lines are made by it, and the table
is read and written here.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tempfile
from typing import Any

from django.core.management.base import CommandError
from django_crontab.crontab import Crontab
from django_crontab.management.commands.crontab import Command as _Theirs

from blast_api.domain.crontab import word

_RUN = re.compile(r"\bcrontab run ([0-9a-f]{32})\b")
_NONE_YET = re.compile(rb"no f?crontab|can't open", re.IGNORECASE)


class Command(_Theirs):  # type: ignore[misc]  # django-crontab has no types
    help = (
        "Adds the line that runs the cron jobs to the crontab of this user, shows it, or removes it. `add` replaces the line "
        "that an earlier version wrote. Exits with 1 if the crontab cannot be read or written."
    )

    def handle(self, *args: object, subcommand: str, jobhash: str | None, **options: Any) -> None:
        try:
            table = _Table(**options)
        except ValueError as error:
            raise CommandError(f"The path of this checkout: {error}.") from error
        if subcommand == "run":
            table.run_job(jobhash)
            return
        table.read()
        if subcommand == "show":
            table.show_jobs()
            return
        table.remove_jobs()
        if subcommand == "add":
            table.add_jobs()
        table.write()


class _Table(Crontab):  # type: ignore[misc]  # likewise
    """The crontab of this user. Its methods raise CommandError if it cannot be had."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.settings.PYTHON_EXECUTABLE = word(self.settings.PYTHON_EXECUTABLE)
        self.settings.DJANGO_MANAGE_PATH = word(self.settings.DJANGO_MANAGE_PATH)

    def read(self) -> None:
        done = self._run("-l")
        if done.returncode and not _NONE_YET.search(done.stderr):
            raise CommandError(f"The crontab cannot be read: {_first_line(done.stderr)}")
        text = "" if done.returncode else os.fsdecode(done.stdout)
        self.crontab_lines = list(io.StringIO(text if not text or text.endswith("\n") else f"{text}\n"))

    def write(self) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(os.fsencode("".join(self.crontab_lines)))
            file.flush()
            done = self._run(file.name)
        if done.returncode:
            raise CommandError(f"The crontab was not changed: {_first_line(done.stderr)}")

    def show_jobs(self) -> None:
        print("Currently active jobs in crontab:")  # noqa: T201  # as django-crontab's other methods do
        for line in filter(self._is_ours, self.crontab_lines):
            print(f"{_hash_of(line)} -> {self._job_of(line)}")  # noqa: T201

    def remove_jobs(self) -> None:
        for line in filter(self._is_ours, list(self.crontab_lines)):
            self.crontab_lines.remove(line)
            if self.verbosity >= 1:
                print(f"removing cronjob: ({_hash_of(line)}) -> {self._job_of(line)}")  # noqa: T201

    def _is_ours(self, line: str) -> bool:
        """A comment in a crontab is the command's, and the last # may stand in a path only if there is none."""
        comment = line.rpartition("#")[2].strip()
        return (
            comment == self.settings.CRONTAB_COMMENT and bool(_RUN.search(line)) and not line.lstrip().startswith("#")
        )

    def _job_of(self, line: str) -> object:
        try:
            return self._Crontab__get_job_by_hash(_hash_of(line))
        except RuntimeError:
            return "a job of an earlier version: `crontab add` replaces it"

    def _run(self, argument: str) -> subprocess.CompletedProcess[bytes]:
        command = [self.settings.CRONTAB_EXECUTABLE, argument]
        try:
            return subprocess.run(command, capture_output=True, env=os.environ | {"LC_ALL": "C"})  # noqa: S603  # cron's
        except OSError as error:
            raise CommandError(
                f"{command[0]} cannot be run ({error.strerror}): install cron, or run the jobs by etc/cron.d/blast-api or "
                "etc/blast-api-runcrons.service."
            ) from error


def _hash_of(line: str) -> str:
    return str(_RUN.findall(line)[-1])


def _first_line(said: bytes) -> str:
    return (said.decode(errors="replace").strip() or "it did not say why").splitlines()[0]
