"""Calls that were taken in hand and must not leave any more: their shout was canceled, or somebody has pressed 5.

Calls are claimed up to half a second ahead of their slots. Whoever cancels marks the shout on this host's disk, and each
sender looks for the mark at the last moment before it writes. Dispatchers on other hosts see it in the rows, a few times a
second; so do those here if the disk is away.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path

from blast_api import state_dir
from blast_api.addresses import Kind
from blast_api.services import delivery, recordings

log = logging.getLogger(__name__)

_MARKED_FOR_S = 60.0  # long after the last slot that was claimed before the mark

# Whose call, its row and the serial of its address.
Key = tuple[Kind, int, int]


def mark(message_id: int) -> None:
    """Nothing of this shout may leave this host any more. Call it after the cancellation is committed."""
    try:
        _folder().mkdir(exist_ok=True)
        (_folder() / str(message_id)).touch()
    except OSError as error:
        about = {"action": "recall_unmarked", "shout": message_id, "error": str(error)}
        log.warning("a cancellation cannot be marked on disk: it is seen in the rows", extra=about)


def is_marked(message_id: int) -> bool:
    """Whether somebody on this host has canceled the shout just now: one look at the disk, 2 us."""
    return (_folder() / str(message_id)).exists()


def forget() -> None:
    """Remove the marks that have done their work."""
    with suppress(OSError):
        for file in _folder().iterdir():
            if file.stat().st_mtime < time.time() - _MARKED_FOR_S:
                file.unlink()


def in_rows() -> frozenset[Key]:
    """The calls in hand, on all hosts, that must not leave."""
    calls = ((Kind.CALL, pk, serial) for pk, serial in delivery.recalled())
    authors = ((Kind.RECORDING, pk, serial) for pk, serial in recordings.recalled())
    return frozenset((*calls, *authors))


def _folder() -> Path:
    return state_dir.folder() / "canceled"
