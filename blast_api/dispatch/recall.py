"""Calls that were taken in hand and must not leave: their shout was canceled or paused, or somebody has pressed 5.

Calls are claimed up to half a second ahead of their slots. Whoever cancels or pauses marks the shout on this host's disk, and each
sender looks for the mark at the last moment before it writes. Dispatchers on other hosts see it in the rows, a few times a
second; so do those here if the disk is away.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress

from blast_api.db import state_dir
from blast_api.domain.callbacks import Party
from blast_api.services import authors, delivery

log = logging.getLogger(__name__)

_MARKED_FOR_S = 60.0  # long after the last slot that was claimed before the mark
# The mark of a pause counts no longer, because somebody may resume the shout on another host: by then the rows are seen.
_PAUSED_FOR_S = 2.0

# Whose call, its row and the serial of its address.
Key = tuple[Party, int, int]


def mark(message_id: int, *, for_good: bool) -> None:
    """Nothing of this shout may leave this host, any more or for now. Call it after that is committed."""
    forget()
    try:
        with suppress(FileExistsError):
            os.mkdir(_folder())  # and not STATE_DIR: a disk that is away is waited for
        with open(_mark_of(message_id, for_good=for_good), "wb"):
            pass
    except OSError as error:
        about = {"action": "recall_unmarked", "shout": message_id, "error": str(error)}
        log.warning("a cancellation or pause cannot be marked on disk: it is seen in the rows", extra=about)


def is_marked(message_id: int) -> bool:
    """Whether somebody on this host has canceled or paused the shout just now: two looks at the disk."""
    if os.path.exists(_mark_of(message_id, for_good=True)):
        return True
    try:
        marked = os.stat(_mark_of(message_id, for_good=False)).st_mtime
    except OSError:
        return False
    return marked > time.time() - _PAUSED_FOR_S


def unmark(message_id: int) -> None:
    """A shout goes on that was paused on this host."""
    with suppress(OSError):
        os.unlink(_mark_of(message_id, for_good=False))


def forget() -> None:
    """Remove the marks that have done their work; whoever makes one does so, and nobody else need."""
    with suppress(OSError), os.scandir(_folder()) as marks:
        for old in marks:
            if old.stat().st_mtime < time.time() - _MARKED_FOR_S:
                os.unlink(old.path)


def in_rows() -> frozenset[Key]:
    """The calls in hand, on all hosts, that must not leave."""
    calls = ((Party.RECIPIENT, pk, serial) for pk, serial in delivery.recalled())
    to_authors = ((Party.AUTHOR, pk, serial) for pk, serial in authors.recalled())
    return frozenset((*calls, *to_authors))


def _folder() -> str:
    return f"{state_dir.folder()}/canceled"


def _mark_of(message_id: int, *, for_good: bool) -> str:
    return f"{_folder()}/{message_id}{'' if for_good else '.paused'}"
