"""The process that works on what strangers send. It imports nothing of Django."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass

from blast_api.domain.errors import UnusableInput

REFUSED, SHORT_OF_MEMORY = 65, 71  # as sysexits.h has them: the data is wrong; the system cannot


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: memory as address space, output as bytes of each file that it writes."""

    memory_bytes: int
    cpu_s: int
    wall_s: float
    output_bytes: int


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
    except UnusableInput as refusal:
        sys.stdout.buffer.write(refusal.reason.encode())
        sys.exit(REFUSED)
    except MemoryError:
        sys.exit(SHORT_OF_MEMORY)
