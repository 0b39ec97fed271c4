"""How a process that works until it is told to go is told, and how long it may take."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

_GO = (signal.SIGTERM, signal.SIGINT)
# Seconds. Who tells us to go waits for ten, and then kills; what is in hand by then is as after a crash.
_GONE_WITHIN_S = 9


class Going:
    """Whether we are told to go."""

    def __init__(self) -> None:
        self.stop = Event()

    def now(self) -> None:
        """Answers that are out are still kept, but nothing keeps the process for long."""
        self.stop.set()
        signal.alarm(_GONE_WITHIN_S)  # ends the process, whatever its threads are at


@contextmanager
def told_to_go() -> Iterator[Going]:
    """By SIGTERM or SIGINT. A thread of its own waits for them: one that hangs in the database, as the main thread may, runs
    no handler.
    """
    go = Going()

    def wait() -> None:
        signal.sigwait(_GO)
        go.now()

    former = signal.pthread_sigmask(signal.SIG_BLOCK, _GO)
    Thread(target=wait, name="signals", daemon=True).start()
    try:
        yield go
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
