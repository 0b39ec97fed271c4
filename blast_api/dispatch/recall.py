"""Calls that were taken in hand and must not leave any more: their shout was canceled, or somebody has pressed 5.

Calls are claimed up to half a second ahead of their slots. Whoever cancels marks the shout on this host's disk, and each
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
from blast_api.services import delivery, recordings

log = logging.getLogger(__name__)

_MARKED_FOR_S = 60.0  # long after the last slot that was claimed before the mark

# Whose call, its row and the serial of its address.
Key = tuple[Party, int, int]


def mark(message_id: int) -> None:
    """Nothing of this shout may leave this host any more. Call it after the cancellation is committed."""
    forget()
    try:
        with suppress(FileExistsError):
            os.mkdir(_folder())  # and not STATE_DIR: a disk that is away is waited for
        with open(_mark_of(message_id), "wb"):
            pass
    except OSError as error:
        about = {"action": "recall_unmarked", "shout": message_id, "error": str(error)}
        log.warning("a cancellation cannot be marked on disk: it is seen in the rows", extra=about)


def is_marked(message_id: int) -> bool:
    """Whether somebody on this host has canceled the shout just now: one look at the disk."""
    return os.path.exists(_mark_of(message_id))


def forget() -> None:
    """Remove the marks that have done their work; whoever makes one does so, and nobody else need."""
    with suppress(OSError), os.scandir(_folder()) as marks:
        for old in marks:
            if old.stat().st_mtime < time.time() - _MARKED_FOR_S:
                os.unlink(old.path)


def in_rows() -> frozenset[Key]:
    """The calls in hand, on all hosts, that must not leave."""
    calls = ((Party.RECIPIENT, pk, serial) for pk, serial in delivery.recalled())
    authors = ((Party.AUTHOR, pk, serial) for pk, serial in recordings.recalled())
    return frozenset((*calls, *authors))


def _folder() -> str:
    return f"{state_dir.folder()}/canceled"


def _mark_of(message_id: int) -> str:
    return f"{_folder()}/{message_id}"
