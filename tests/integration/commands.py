"""Management commands as an operator runs them: in this process, or as one of their own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command

from tests.acceptance.processes import environment


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The lines after the columns' names."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(name: str, *words: str, terminal: bool = False) -> Ran:
    """In this process and its transaction."""
    out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(name, *words, stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return Ran(out.getvalue(), err.getvalue(), code)


def spawn(name: str, *words: str, stdin: bytes = b"", **variables: str) -> Ran:
    """In a process of its own, which sees what is committed."""
    done = subprocess.run(
        [sys.executable, "manage.py", name, *words],
        input=stdin,
        capture_output=True,
        env=environment() | variables,
        cwd=settings.BASE_DIR,
        timeout=60,
    )
    return Ran(done.stdout.decode(), done.stderr.decode(), done.returncode)
