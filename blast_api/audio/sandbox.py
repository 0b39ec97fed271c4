"""Work on what strangers send, in a process of its own: with bounds of memory and time, and without our secrets."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO

from blast_api.domain.errors import UnusableSound

logger = logging.getLogger(__name__)

_REFUSED, _SHORT_OF_MEMORY = 65, 71  # as sysexits.h has them: the data is wrong; the system cannot
_SAID = 500  # characters of a dead child's last words, for the log


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: memory as address space, output as bytes of each file that it writes."""

    memory_bytes: int
    cpu_s: int
    wall_s: float
    output_bytes: int


def run(program: str, *arguments: str, given: BinaryIO, limits: Limits) -> bytes:
    """What a module that ends in `confined` writes, given an open file as its standard input.

    Raises UnusableSound with the reason that it gives, or when it does not end well within the limits.
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
        if status == _REFUSED:
            raise UnusableSound(output.read().decode())
        words.seek(max(words.seek(0, os.SEEK_END) - _SAID, 0))
        said = words.read().decode(errors="replace")
    about = {"action": "sound_not_made", "program": program, "status": status, "said": said}
    logger.warning("a process that makes sound did not end well", extra=about)
    if status in (_SHORT_OF_MEMORY, -signal.SIGKILL, -signal.SIGXCPU, -signal.SIGXFSZ):
        raise UnusableSound("To make sound of this takes more time or memory than it may.")
    raise UnusableSound("No sound can be made of this.")


def confined(work: Callable[..., bytes]) -> None:
    """Be the child: limit this process, write what the work on the arguments returns, or the reason why there is nothing."""
    bounds, *arguments = sys.argv[1:]
    limits = Limits(**json.loads(bounds))
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    try:
        sys.stdout.buffer.write(work(*arguments))
    except UnusableSound as refusal:
        sys.stdout.buffer.write(refusal.reason.encode())
        sys.exit(_REFUSED)
    except MemoryError:
        sys.exit(_SHORT_OF_MEMORY)
