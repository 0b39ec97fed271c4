"""What is to happen when: a heap of acts, and the thread that carries them out in real time."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .clock import RealClock

logger = logging.getLogger("blast_api.simulator")

Act = Callable[[], None]


@dataclass(frozen=True, order=True)
class Entry:
    """One act and its simulator time in seconds; equal times keep the order in which they were asked for."""

    when: float
    number: int
    act: Act = field(compare=False)


class Agenda:
    """Acts in order of time, safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entries: list[Entry] = []
        self._numbers = itertools.count()

    def at(self, when: float, act: Act) -> None:
        """Remember `act` for simulator time `when`, in seconds."""
        with self._changed:
            heapq.heappush(self._entries, Entry(when, next(self._numbers), act))
            self._changed.notify_all()

    def take(self, until: float) -> Entry | None:
        """Remove and return the earliest act due at `until` or before, if there is one."""
        with self._changed:
            if self._entries and self._entries[0].when <= until:
                return heapq.heappop(self._entries)
            return None

    def clear(self) -> None:
        """Forget every act."""
        with self._changed:
            self._entries.clear()
            self._changed.notify_all()

    def wait(self, clock: RealClock, *, unless: Callable[[], bool]) -> None:
        """Sleep until the earliest act is due or something changes; not at all when `unless` holds already."""
        with self._changed:
            if unless():
                return
            if not self._entries:
                self._changed.wait()
                return
            seconds = (self._entries[0].when - clock.now()) / clock.speed
            if seconds > 0:
                self._changed.wait(seconds)

    def wake(self) -> None:
        """Let whoever waits look around."""
        with self._changed:
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._entries)


class Runner:
    """Carries out an agenda in real time: one thread watches the clock, `workers` threads act."""

    def __init__(self, agenda: Agenda, clock: RealClock, *, workers: int, on_crash: Callable[[str], None]) -> None:
        self._agenda = agenda
        self._clock = clock
        self._on_crash = on_crash
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="simulator-worker")
        self._thread = threading.Thread(target=self._watch, name="simulator-clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more, and return when what had begun is done."""
        self._stopping.set()
        self._agenda.wake()
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            entry = self._agenda.take(self._clock.now())
            if entry is not None:
                self._pool.submit(self._carry_out, entry.act)
            else:
                # The flag is asked under the agenda's lock: a stop between here and the wait would be slept through.
                self._agenda.wait(self._clock, unless=self._stopping.is_set)

    def _carry_out(self, act: Act) -> None:
        try:
            act()
        except Exception as error:
            # The top of a thread: a crash here is a fault of the simulator and must not pass for a silent carrier.
            logger.exception("the simulator failed")
            self._on_crash(f"the simulator itself failed: {error!r}")
