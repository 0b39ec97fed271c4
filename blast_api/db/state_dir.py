"""Where on this host lies what must outlive a process and is no log: postponed callbacks, counts, locks.

Earlier releases kept all of it beside cdr.log. Whoever keeps something in `folder` takes up what lies in `former`, and
goes on doing so: while a host is upgraded, processes of the earlier release are still up and know no other place.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from django.conf import settings

_HOST = "host"
_NAME = re.compile(r"[0-9a-f]{32}")


def folder() -> Path:
    """STATE_DIR. Settings make it where they may; at run time nobody does, so that a disk that is away is waited for."""
    return Path(settings.BASE_DIR, str(settings.STATE_DIR))


def former() -> Path | None:
    """Where earlier releases kept their state; None if that is `folder`."""
    logs = Path(settings.CDR_LOGGER_PATH).parent
    return None if logs == folder() else logs


def places() -> tuple[Path, ...]:
    """Both, `folder` first."""
    logs = former()
    return (folder(),) if logs is None else (folder(), logs)


def host() -> str:
    """Who this host is among all that share the database: its name for itself, which lies in `folder`. Raises OSError.

    A host's own name may be another tomorrow, and two may have the same; this one is made once, and whoever shares the
    folder shares it. Call it with the writers' lock, so that nobody else makes one.
    """
    path = folder() / _HOST
    with suppress(FileNotFoundError):
        if _NAME.fullmatch(name := path.read_text(errors="replace").strip()):
            return name
    name, made = uuid4().hex, path.with_suffix(".new")
    with made.open("w") as file:
        file.write(f"{name}\n")
        file.flush()
        os.fsync(file.fileno())  # before it has its name: a power cut leaves no half of it
    made.replace(path)
    return name
