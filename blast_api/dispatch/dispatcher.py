"""Many requests at once, each in its slot: the main thread claims and keeps, a pool of threads sends.

Only the main thread touches the database. A sender prepares the request, has the client send it in its slot or give the
slot up, and hands the outcome back through a queue.
"""

from __future__ import annotations

import logging
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Event
from types import TracebackType
from typing import Self

from django.db import connection, transaction

from blast_api.carrierx.client import CarrierClient, Outcome, Refusal, Refused, Unknown
from blast_api.conf import configuration
from blast_api.db import sessions
from blast_api.db.clock import AWAY, database_now
from blast_api.db.undone import again_if_undone
from blast_api.domain import pacing

from . import gate, recall
from .claims import claim_placements
from .clock import DatabaseClock
from .errands import claim_errands
from .inquiry import Inquiry
from .jobs import Job, Place, keep_all
from .reach import Reach, Recent
from .storage import Asking

log = logging.getLogger(__name__)

# Slots left before the next claim, in seconds: claims are few and large, and never late.
_REFILL = pacing.LOOKAHEAD * 0.6
_IDLE_S = 0.25
_KEPT_AT_ONCE = 500
# How often the rows are asked what must not leave any more; claims reach half a second ahead.
_RECALL_EVERY_S = 0.1
# Who is told to go waits so long for a database that is away; what it then cannot keep is as after a crash.
_PARTING_S = 7.0


@dataclass(frozen=True, slots=True)
class _Sent:
    job: Job
    outcome: Outcome | None  # None: it was not sent


class Dispatcher:
    """Places what is due, until told to stop. Close it to wait for the answers that are still out."""

    def __init__(self, stop: Event | None = None, *, tolerance_s: float = pacing.TOLERANCE) -> None:
        config = configuration()
        self._stop = stop or Event()
        self._tolerance_s = tolerance_s
        self._senders = config.max_placements_up  # threads begin when they are first needed
        self.client = CarrierClient(config, connections=self._senders)
        self._pool = ThreadPoolExecutor(self._senders, thread_name_prefix="sender")
        self._sent: queue.SimpleQueue[_Sent] = queue.SimpleQueue()
        self.clock = DatabaseClock()
        self._inquiry = Inquiry(self._stop)
        self._reach, self._answers = Reach(), Recent()
        self._out = 0
        self._unkept: list[_Sent] = []
        self._again_at = 0.0
        self._more = False
        self._recalled: frozenset[recall.Key] = frozenset()
        self._asked_at = 0.0  # monotonic

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def is_busy(self) -> bool:
        """Whether requests are out or waiting for their slot, or the last claim may have left something."""
        return self._out > 0 or self._more

    @property
    def unreachable_for_s(self) -> float | None:
        """For how many seconds this host has not reached the carrier; None: it does."""
        return self._reach.unreachable_for_s

    def wake(self) -> None:
        """There may be something new: look at once, and not after the pause of who has found nothing."""
        self._again_at = 0.0

    def turn(self, wait_s: float = 0.0) -> int:
        """Claim what is due, then keep the answers that come within `wait_s`; how many requests were begun or ended."""
        begun = self._claim() if not self._stop.is_set() else 0
        self._heed_recalls()
        if begun:
            wait_s = 0.0
        elif self.is_busy:
            wait_s = min(wait_s, max(self._again_at - self.clock.now(), 0.001))
        return begun + self._keep(wait_s)

    def close(self) -> None:
        """Send nothing more, keep the answers that are still to come; bounded by the client's timeouts."""
        self._stop.set()
        deadline = time.monotonic() + _PARTING_S
        while self._out:
            try:
                self._keep(_IDLE_S)
            except AWAY as error:
                connection.close()
                if time.monotonic() > deadline:
                    about = {"action": "answers_not_kept", "count": self._out, "error": str(error)}
                    log.error("the database is away: answers are not kept", extra=about)
                    break
                time.sleep(_IDLE_S)
        self._pool.shutdown()
        self.client.close()

    def _claim(self) -> int:
        room = self._reach.room(self._senders, out=self._out)
        if room <= 0:
            self._more = self._more and self._out > 0  # a host that pauses has nothing to do
            return 0
        if self.clock.now() < self._again_at:
            return 0
        claim = claim_placements(self.clock, room=room)
        self._begin(claim.jobs)  # before anything else can fail: what is in hand and not begun waits for long
        errands = claim_errands(self.clock, room=room - len(claim.jobs), inquiry=self._inquiry)
        self._begin(errands)
        self._more = claim.more
        self._again_at = claim.again_at - _REFILL if claim.more else self.clock.now() + _IDLE_S
        return len(claim.jobs) + len(errands)

    def _heed_recalls(self) -> None:
        if self._out and time.monotonic() - self._asked_at >= _RECALL_EVERY_S:
            self._recalled, self._asked_at = recall.in_rows(), time.monotonic()

    def _is_recalled(self, job: Job) -> bool:
        return isinstance(job, Place) and (job.key in self._recalled or recall.is_marked(job.message_id))

    def _begin(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._out += 1
            self._pool.submit(self._send, job)

    def _send(self, job: Job) -> None:
        outcome: Outcome | None = None
        try:
            prepared = job.prepare(self.client)
            outcome = Unknown("the sender failed")  # from here on it may have left
            recalled = partial(self._is_recalled, job)
            departure = pacing.Departure(job.slot, self.clock.now, self._stop.wait, recalled, self._tolerance_s)
            outcome = job.send(self.client, prepared, departure)
        except pacing.SlotMissed:
            outcome = None
        except Exception:
            log.exception("a request could not be sent", extra={"action": "sender_failed", "job": repr(job)})
        finally:
            self._sent.put(_Sent(job, outcome))

    def _keep(self, wait_s: float) -> int:
        """Store the outcomes that are there. While the database is away they wait here, and the error goes up."""
        self._unkept += self._drain(0.0 if self._unkept else wait_s)
        if not self._unkept:
            return 0
        try:
            self._keep_together()
        except AWAY:
            raise
        except Exception:
            log.exception("a batch of answers could not be kept whole", extra={"action": "keep_failed"})
            self._keep_one_by_one()
        self._conclude()
        # What missed its slot is there to be claimed again, and what is asked of the container may lead on to more.
        if any(sent.outcome is None or isinstance(sent.job, Asking) for sent in self._unkept):
            self._more, self._again_at = True, 0.0
        count = len(self._unkept)
        self._unkept.clear()
        self._out -= count
        return count

    @again_if_undone
    def _keep_together(self) -> None:
        with transaction.atomic():
            sessions.hold_briefly()  # callbacks wait for these rows
            keep_all(((sent.job, sent.outcome) for sent in self._unkept), now=database_now())

    def _conclude(self) -> None:
        """What the answers say of this host's way to the carrier, and of how the carrier is."""
        for sent in self._unkept:
            match sent.outcome:
                case None:
                    continue
                case Refused(reach=Refusal.THIS_HOST, reason=reason):
                    if self._reach.add(reached=False):
                        about = {"action": "carrier_unreachable", "reason": reason}
                        log.error("this host does not reach the carrier: it places nothing for now", extra=about)
                    continue
                case outcome:
                    self._reach.add(reached=True)
            if isinstance(sent.job, Place):
                lost = isinstance(outcome, Unknown)
                most = self._answers.add(bad=lost)
                if isinstance(outcome, Unknown):
                    gate.unclear(outcome.reason, most=most, now=database_now())

    def _keep_one_by_one(self) -> None:
        for sent in self._unkept:
            try:
                with transaction.atomic():
                    keep_all([(sent.job, sent.outcome)], now=database_now())
            except AWAY:
                raise
            except Exception:
                log.exception("an answer was not kept", extra={"action": "answer_not_kept", "job": repr(sent.job)})

    def _drain(self, wait_s: float) -> list[_Sent]:
        """The answers that are there; waits for the first one, up to `wait_s` seconds."""
        sent: list[_Sent] = []
        deadline = time.monotonic() + wait_s
        while len(sent) < _KEPT_AT_ONCE:
            try:
                sent.append(self._sent.get(timeout=max(0.0, deadline - time.monotonic()) if not sent else 0))
            except queue.Empty:
                break
        return sent
