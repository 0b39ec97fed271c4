"""Locks between the processes of a host: each is a file, and dies with the process that has it open."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def acquire(path: Path, *, make: bool = True) -> int | None:
    """The lock, held until the file is closed; None: another process has it. Raises OSError.

    Without `make` a file that is not there is not made: FileNotFoundError.
    """
    file = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except OSError:  # as on a network's file system that has no locks just now
        os.close(file)
        raise
    return file
