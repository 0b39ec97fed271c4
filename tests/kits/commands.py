"""Management commands as an operator runs them: in this process, or as one of their own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command

from tests.kits.processes import environment


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
        timeout=300,
    )
    return Ran(done.stdout.decode(), done.stderr.decode(), done.returncode)


# Told as numbers, so that each word is what an operator's shell would have handed over, whatever the encoding.
_IN_TURN = """
import json, os, sys, traceback
import manage
for number, words in enumerate(json.load(sys.stdin)):
    for descriptor, name in ((1, "out"), (2, "err")):
        file = os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT)
        os.dup2(file, descriptor)
        os.close(file)
    sys.argv[1:] = [os.fsdecode(bytes(word)) for word in words]
    code = 0
    try:
        manage.main()
    except SystemExit as ended:
        code = ended.code or 0
    except Exception:
        code = traceback.format_exc()
    if isinstance(code, str):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    with open("codes", "a") as codes:
        print(code, file=codes)
"""


def in_turn(
    commands: Sequence[Sequence[str]],
    *,
    environment: dict[str, str],
    folder: Path,
    root: Path = Path(settings.BASE_DIR),
) -> Iterator[tuple[Sequence[str], subprocess.CompletedProcess[bytes]]]:
    """Each command and what came of it; one process runs them all, because to start one costs more than most commands do.

    `folder` is where they are run, and where their output is left.
    """
    told = json.dumps([[list(os.fsencode(word)) for word in words] for words in commands]).encode()
    variables = environment | {"PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", _IN_TURN], cwd=folder, env=variables, input=told, check=True)
    codes = (folder / "codes").read_text().split()
    for number, (words, code) in enumerate(zip(commands, codes, strict=True)):
        out, err = ((folder / f"{number}.{name}").read_bytes() for name in ("out", "err"))
        yield words, subprocess.CompletedProcess(words, int(code), out, err)
