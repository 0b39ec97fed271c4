"""Callbacks that the database could not take: kept on this host's disk, and done when it is back.

The views of callbacks keep what must not be lost, `cron` has it taken up. What was told counts from the time at which the
carrier told it, and twice is once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from django.db import ProgrammingError

from blast_api.carrierx import events
from blast_api.db import spool
from blast_api.db.clock import AWAY
from blast_api.db.spool import Postponed as Postponed
from blast_api.domain.callbacks import Party, Step
from blast_api.domain.errors import AttemptOver
from blast_api.monitoring import counters

from . import authors, delivery, transfers

log = logging.getLogger(__name__)

# Seconds. What was postponed is taken up for so long at once: claims reach half a second ahead, and are not late for it.
_TAKEN_UP_FOR_S = 0.25


def keep(callback: Postponed) -> None:
    """It is on the disk when this returns; a key, which is an opt-out, is taken up before all others. Raises OSError."""
    spool.keep(callback, first=callback.step is Step.KEY)
    counters.CALLBACKS_SPOOLED.add()


def take_up(*, only_opt_outs: bool = False) -> int:
    """Do what was told while the database was away, the opt-outs and some of the rest; answers how many.

    0: there are no more. Raises what the database raises.
    """
    return spool.take_up(_do, within_s=_TAKEN_UP_FOR_S, only_first=only_opt_outs)


def _apology_heard(callback: Postponed) -> None:
    delivery.apologised(delivery.CallAttempt(callback.row, callback.serial), asked=callback.at)


def _key_pressed(callback: Postponed) -> None:
    digits = events.digits(callback.params)
    delivery.pressed(delivery.CallAttempt(callback.row, callback.serial), digits, now=callback.at)


def _bridged(callback: Postponed) -> None:
    attempt = delivery.CallAttempt(callback.row, callback.serial)
    transfers.ended(attempt, events.bridge(callback.params), now=callback.at)


def _call_ended(callback: Postponed) -> None:
    report = events.status(callback.params)
    delivery.settled(delivery.CallAttempt(callback.row, callback.serial), report, now=callback.at)


def _recording_ended(callback: Postponed) -> None:
    report = events.status(callback.params)
    authors.ended(authors.AuthorAttempt(callback.row, callback.serial), report, now=callback.at)


_ENTRIES: Mapping[tuple[Party, Step], Callable[[Postponed], None]] = {
    (Party.RECIPIENT, Step.APOLOGY): _apology_heard,
    (Party.RECIPIENT, Step.KEY): _key_pressed,
    (Party.RECIPIENT, Step.BRIDGED): _bridged,
    (Party.RECIPIENT, Step.STATUS): _call_ended,
    (Party.AUTHOR, Step.STATUS): _recording_ended,
}


def _do(callback: Postponed) -> None:
    about = {"kind": callback.kind, "row": callback.row, "step": callback.step}
    entry = _ENTRIES.get((callback.kind, callback.step))
    if entry is None:
        log.error("a callback on disk is of no kind that we keep", extra={"action": "spool_unreadable", **about})
        return
    try:
        entry(callback)
    except AttemptOver:
        log.warning(
            "a callback from disk is of a call that was long over", extra={"action": "callback_refused", **about}
        )
    except Exception as error:
        if isinstance(error, AWAY) and not isinstance(error, ProgrammingError):  # whoever runs this is migrated
            raise
        log.exception("a callback from disk failed and is put aside", extra={"action": "callback_failed", **about})
        spool.put_aside(callback)  # a dead letter: it would stand in the way of all others for ever
