"""Lingering runs of `runcrons` on one host, one after another without a gap: the next is up and waits while the last works.

The locks lie in STATE_DIR, where nobody but the service can hold them, and die with who has them.
"""

from __future__ import annotations

import logging
import os
import time
from threading import Event

from blast_api import cron
from blast_api.db import locks, state_dir

log = logging.getLogger(cron.__name__)

_RUNNING, _NEXT = "runcrons.lock", "runcrons.next.lock"
_LOOK_EVERY_S = 0.05


class Relay:
    """One run's part in it."""

    def __init__(self) -> None:
        self._running: int | None = None

    def take_over(self, stop: Event, *, within_s: float) -> bool:
        """Wait until the run before hands over, or has ended. False: another one waits already, or we are told to stop.

        One that does neither in that time hangs, and is joined: several at once do no harm. The same without STATE_DIR.
        """
        try:
            next_ = _locked(_NEXT)
            if next_ is None:
                return False
            try:
                return self._wait(stop, deadline=time.monotonic() + within_s)
            finally:
                os.close(next_)
        except OSError as error:
            log.warning("runs cannot wait for each other", extra={"action": "relay_unlocked", "error": str(error)})
            return True

    def hand_over(self) -> None:
        """The next run may begin."""
        if self._running is not None:
            os.close(self._running)
            self._running = None

    def _wait(self, stop: Event, *, deadline: float) -> bool:
        while (running := _locked(_RUNNING)) is None:
            if stop.wait(_LOOK_EVERY_S):
                return False
            if time.monotonic() > deadline:
                log.error("the run before does not end and is joined", extra={"action": "relay_overdue"})
                break
        self._running = running
        return True


def _locked(name: str) -> int | None:
    return locks.acquire(state_dir.folder() / name)
