"""Lanes as processes beside the one that places calls: each has a core and a connection of its own.

Between them and it is a pipe, the child's standard input. A line in it says that calls are placed, and for how many seconds the
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
from blast_api.services import webhooks

log = logging.getLogger(cron.__name__)

_PARTING_S = 5.0


class OtherLane(cron.CronJob):
    """Starts another lane and sees to it that it runs. Close it to have that end as well."""

    every_s = 1.0
    command: tuple[str, ...]  # of manage.py
    called: str

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
        """Start it if it does not run and there is something for it. Raises OSError."""
        if self._child is not None and self._child.poll() is not None:
            about = {"action": "lane_ended", "code": self._child.returncode}
            log.error(f"the lane of {self.called} has ended and is started again", extra=about)  # noqa: G004  # fixed words
            self.let_go()
            self._child = None
        if self._child is None and self.is_wanted():
            self._child = subprocess.Popen(_manage(*self.command), stdin=subprocess.PIPE)  # noqa: S603  # our own
            os.set_blocking(self._pipe(), False)  # one that hangs does not hang us
        return False

    def is_wanted(self) -> bool:
        """Whether there is something for it to do."""
        return True

    def _pipe(self) -> int:
        assert self._child is not None
        assert self._child.stdin is not None
        return self._child.stdin.fileno()

    def let_go(self) -> None:
        """It may go; whoever closes this waits for it."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()


class Sweeping(OtherLane):
    """The lane of sweeps and records."""

    command, called = ("runcrons", "--sweeping"), "sweeps and records"

    def tell(self, unreachable_for_s: float | None) -> None:
        """Calls are placed, as far as the carrier can be reached."""
        line = "" if unreachable_for_s is None else str(unreachable_for_s)
        with suppress(OSError):  # it is gone, or does not read
            os.write(self._pipe(), f"{line}\n".encode())


class SendingWebhooks(OtherLane):
    """The lane that sends what webhooks are told; there is none where nobody has one."""

    command, called = ("send_webhooks", "--beside"), "webhooks"

    def is_wanted(self) -> bool:
        return webhooks.anybody()


def send_once() -> None:
    """Send what webhooks are to be told, in a process of its own: to tell of resources needs what a run of the jobs does not."""
    subprocess.run(_manage("send_webhooks"), check=False)  # noqa: S603  # our own


def _manage(*command: str) -> list[str]:
    return [sys.executable, os.path.join(settings.BASE_DIR, "manage.py"), *command]


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
