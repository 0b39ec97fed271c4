"""The lane of sweeps and records as a process beside the one that places calls: each has a core and a connection of its own.

Between them is a pipe, the child's standard input. A line in it says that calls are placed, and for how many seconds the
carrier has been out of reach, if it is; its end, that the one who places them has gone, whatever it died of, and so does the
child then.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self

from django.conf import settings

from blast_api import cron

log = logging.getLogger(cron.__name__)

_PARTING_S = 5.0


class Sweeping(cron.CronJob):
    """Starts the other lane and sees to it that it runs. Close it to have that end as well."""

    every_s = 1.0

    def __init__(self) -> None:
        super().__init__()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.let_go()
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_PARTING_S)

    def run(self) -> bool:
        """Start it if it does not run. Raises OSError."""
        if self._child is not None and self._child.poll() is not None:
            about = {"action": "lane_ended", "code": self._child.returncode}
            log.error("the lane of sweeps and records has ended and is started again", extra=about)
            self.let_go()
            self._child = None
        if self._child is None:
            command = [sys.executable, os.path.join(settings.BASE_DIR, "manage.py"), "runcrons", "--sweeping"]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603  # our own
            os.set_blocking(self._pipe(), False)  # one that hangs does not hang us
        return False

    def tell(self, unreachable_for_s: float | None) -> None:
        """Calls are placed, as far as the carrier can be reached."""
        line = "" if unreachable_for_s is None else str(unreachable_for_s)
        with suppress(OSError):  # it is gone, or does not read
            os.write(self._pipe(), f"{line}\n".encode())

    def _pipe(self) -> int:
        assert self._child is not None
        assert self._child.stdin is not None
        return self._child.stdin.fileno()

    def let_go(self) -> None:
        """It may go; whoever closes this waits for it."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()


class Parent:
    """The one who places calls, as the lane of sweeps and records sees it."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        Thread(target=self._listen, name="parent", daemon=True).start()

    def tell(self) -> None:
        """Tell whoever watches that the jobs of both lanes run, if the parent has told of its own since the last time."""
        line = None
        with suppress(queue.Empty):
            while True:
                line = self._lines.get_nowait()
        if line is not None:
            cron.tell(float(line) if line.strip() else None)

    def _listen(self) -> None:
        for line in iter(sys.stdin.readline, ""):
            self._lines.put(line)
        self._gone()
