"""Where on this host lies what must outlive a process and is no log: postponed callbacks, counts, locks.

Earlier releases kept all of it beside cdr.log. Whoever keeps something in `folder` takes up what lies in `former`, and
goes on doing so: while a host is upgraded, processes of the earlier release are still up and know no other place.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


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
