"""Work on what strangers send, in a process of its own: with bounds of memory and time, and without our secrets."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

from blast_api.domain.errors import UnusableInput

from .child import REFUSED, SHORT_OF_MEMORY, Limits

logger = logging.getLogger(__name__)

_SAID = 500  # characters of a dead child's last words, for the log


@dataclass(frozen=True, slots=True)
class Failure:
    """How it is told that a child has not done its work."""

    error: type[UnusableInput]
    too_much: str  # it would have taken more than it may
    otherwise: str
    action: str  # in the log


def run(program: str, *arguments: str, given: BinaryIO, limits: Limits, failure: Failure) -> bytes:
    """What a module that ends in `confined` writes, given an open file as its standard input.

    Raises the failure's error with the reason that the child gives, or when it does not end well within the limits.
    """
    bounds = json.dumps(asdict(limits))
    # The path, because in a uWSGI from a wheel `sys.executable` is the interpreter outside of the environment.
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    # More threads would take address space for nothing.
    environment = {"PYTHONPATH": path, "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with TemporaryDirectory(prefix="blast-api-") as folder, TemporaryFile() as output, TemporaryFile() as words:
        child = subprocess.Popen(  # noqa: S603  # our own
            [sys.executable, "-P", "-m", program, bounds, *arguments],
            stdin=given,
            stdout=output,
            stderr=words,
            cwd=folder,
            env=environment | {"HOME": folder, "TMPDIR": folder},
            start_new_session=True,
        )
        try:
            status = child.wait(limits.wall_s)
        except subprocess.TimeoutExpired:
            status = -signal.SIGKILL
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.seek(0)
        if status == 0:
            return output.read()
        if status == REFUSED:
            raise failure.error(output.read().decode())
        words.seek(max(words.seek(0, os.SEEK_END) - _SAID, 0))
        said = words.read().decode(errors="replace")
    about = {"action": failure.action, "program": program, "status": status, "said": said}
    logger.warning("a process that works on a stranger's file did not end well", extra=about)
    # A library that is refused memory may abort.
    if status in (SHORT_OF_MEMORY, -signal.SIGKILL, -signal.SIGABRT, -signal.SIGXCPU, -signal.SIGXFSZ):
        raise failure.error(failure.too_much)
    raise failure.error(failure.otherwise)
