"""The lane that sends what webhooks are told: beside placing, and never in its way.

1. Take webhooks in hand that have something to be told (`deliveries.claim`). 2. Read what that is, and make its bodies. 3. Hand
it to threads, which know the network alone: of each endpoint as many at once as it has shown that it takes; what is about one
call, or one shout, one after another. 4. Keep what became of it, many at a time. 5. Let a webhook go that has nothing left, or
is to rest.

If the process dies, its webhooks are free when their leases have run out, and what was not kept is sent again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Event
from types import TracebackType
from typing import Self
from uuid import uuid4

from blast_api.db.clock import AWAY, database_now
from blast_api.domain.webhooks import is_on_trial
from blast_api.models import Webhook, WebhookDelivery
from blast_api.services import deliveries
from blast_api.services.deliveries import Answered, Sent

from . import payloads
from .signing import signed
from .wire import WebhookWire

log = logging.getLogger(__name__)

THREADS = 64
_AT_ONCE = 32  # requests to one endpoint
_AT_FIRST = 2  # to one of which nothing is known yet; more as it takes them, half as many when it fails
_READ_AT_ONCE = 200
_KEPT_TOGETHER = 200
_KEPT_WITHIN_S = 0.1
_CLAIM_EVERY_S = 0.2
_PARTING_S = 4.0
_RENEW_EVERY_S = deliveries.LEASE.total_seconds() / 4


@dataclass(slots=True)
class _Letter:
    """One delivery, ready to be signed and sent."""

    row: WebhookDelivery
    message_id: str
    body: str

    @property
    def about(self) -> tuple[bool, int]:
        """What is about the same is sent one after another."""
        return self.row.event.startswith("shout."), self.row.subject


@dataclass(slots=True)
class _Held:
    """A webhook in hand."""

    webhook: Webhook
    renewed: float
    letters: deque[_Letter] = field(default_factory=deque)  # not sent yet
    up: dict[int, _Letter] = field(default_factory=dict)
    unkept: list[Sent] = field(default_factory=list)
    window: int = _AT_FIRST
    leaving: bool = False  # nothing more is begun
    is_drained: bool = False  # when it was last looked, there was nothing more

    @property
    def room(self) -> int:
        if self.leaving:
            return 0
        return (1 if is_on_trial(self.webhook.failures) else self.window) - len(self.up)

    def known(self) -> set[int]:
        return {letter.row.pk for letter in self.letters} | set(self.up) | {sent.pk for sent in self.unkept}

    def next(self) -> _Letter | None:
        """The first that is about nothing of which something is on its way."""
        busy = {letter.about for letter in self.up.values()}
        for index, letter in enumerate(self.letters):
            if letter.about not in busy:
                del self.letters[index]
                return letter
            busy.add(letter.about)
        return None

    def is_empty(self) -> bool:
        return not (self.letters or self.up or self.unkept)


class Sending:
    """The lane, as one process has it. Only who calls `turn` touches the database; close it to let everything go."""

    def __init__(self, stop: Event, wire: WebhookWire, *, threads: int = THREADS) -> None:
        self._stop, self._wire, self._threads = stop, wire, threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
        self._answers: SimpleQueue[tuple[int, _Letter, Answered]] = SimpleQueue()
        self._holder = uuid4().hex
        self._held: dict[int, _Held] = {}
        self._claimed_at = self._kept_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Keep what comes within some seconds, and let everything go: what is still on its way then is sent again by others."""
        with suppress(*AWAY):
            deadline = time.monotonic() + _PARTING_S
            while kind is None and self._is_waiting() and time.monotonic() < deadline:
                self._take_answers(0.1)
            self._take_answers()
            self._keep(database_now(), all_of_it=True)
            deliveries.let_go(self._holder, list(self._held))
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._wire.close()

    def turn(self, wait_s: float = 0.0) -> bool:
        """One round; waits so long for answers if there is nothing else to do. False: there is nothing to tell."""
        now = database_now()
        self._take_answers(wait_s if self._is_waiting() else 0.0)
        self._keep(now)
        self._renew(now)
        self._claim(now)
        for held in self._held.values():
            self._refill(held, now)
        begun = self._begin(now)
        self._leave()
        return bool(self._held) or begun > 0

    def _is_waiting(self) -> bool:
        return any(held.up for held in self._held.values())

    # --- Taken ---------------------------------------------------------------------------------------------------------

    def _claim(self, now: datetime) -> None:
        if self._stop.is_set() or time.monotonic() < self._claimed_at + _CLAIM_EVERY_S:
            return
        room = self._threads - len(self._held)
        claimed = deliveries.claim(self._holder, most=room, now=now) if room > 0 else []
        for webhook in claimed:
            self._held.setdefault(webhook.pk, _Held(webhook, time.monotonic())).webhook = webhook
        if not claimed:  # there is nothing: no need to look again at once
            self._claimed_at = time.monotonic()

    def _renew(self, now: datetime) -> None:
        due = [pk for pk, held in self._held.items() if held.renewed < time.monotonic() - _RENEW_EVERY_S]
        ours = {webhook.pk: webhook for webhook in deliveries.renew(self._holder, due, now=now)} if due else {}
        for pk in due:
            held = self._held[pk]
            held.renewed = time.monotonic()
            if pk in ours:
                held.webhook = ours[pk]
            else:  # disabled, deleted, or another's, as after a long stop
                held.leaving = True
                held.letters.clear()

    def _refill(self, held: _Held, now: datetime) -> None:
        if held.leaving or self._stop.is_set() or len(held.letters) >= _READ_AT_ONCE // 4:
            return
        rows = deliveries.to_send(held.webhook, most=_READ_AT_ONCE, known=held.known(), now=now)
        bodies = payloads.bodies(rows)
        for row in rows:
            row.webhook = held.webhook
        held.letters.extend(_Letter(row, row.message_id, bodies[row.pk]) for row in rows if row.pk in bodies)
        if nothing_left := [row.pk for row in rows if row.pk not in bodies]:
            deliveries.gone(nothing_left, now=now)
        held.is_drained = not rows

    # --- Sent ----------------------------------------------------------------------------------------------------------

    def _begin(self, now: datetime) -> int:
        """One of each endpoint in turn, as far as there is room."""
        free = self._threads - sum(len(held.up) for held in self._held.values())
        begun = 0
        while free > begun and not self._stop.is_set():
            letters = list(self._one_of_each(free - begun))
            if not letters:
                break
            for held, letter in letters:
                held.up[letter.row.pk] = letter
                self._pool.submit(self._send, held.webhook, letter, now)
            begun += len(letters)
        return begun

    def _one_of_each(self, most: int) -> Iterator[tuple[_Held, _Letter]]:
        for held in list(self._held.values()):
            if most > 0 and held.room > 0 and (letter := held.next()):
                most -= 1
                yield held, letter

    def _send(self, webhook: Webhook, letter: _Letter, now: datetime) -> None:
        """In a thread."""
        try:
            headers = signed(webhook, letter.message_id, letter.body, now=now)
            answered = self._wire.post(webhook.url, headers, letter.body.encode())
        except Exception:  # a thread that dies would leave it on its way for ever
            log.exception("a delivery failed", extra={"action": "webhook_failed", "webhook": webhook.pk})
            answered = Answered(None, "an error of ours")
        self._answers.put((webhook.pk, letter, answered))

    # --- Kept ----------------------------------------------------------------------------------------------------------

    def _take_answers(self, wait_s: float = 0.0) -> None:
        with suppress(Empty):
            self._took(*self._answers.get(timeout=wait_s) if wait_s else self._answers.get_nowait())
            while True:
                self._took(*self._answers.get_nowait())

    def _took(self, pk: int, letter: _Letter, answered: Answered) -> None:
        held = self._held[pk]
        del held.up[letter.row.pk]
        held.unkept.append(Sent(letter.row.pk, letter.row.since, letter.row.attempts, letter.body, answered))
        held.window = max(held.window // 2, 1) if answered.trouble else min(held.window + 1, _AT_ONCE)

    def _keep(self, now: datetime, *, all_of_it: bool = False) -> None:
        """A write for many: each is a transaction, and SQLite has one writer. A failure at once: it says how many more may be begun."""
        unkept = [sent for held in self._held.values() for sent in held.unkept]
        is_time = time.monotonic() > self._kept_at + _KEPT_WITHIN_S or any(sent.answered.trouble for sent in unkept)
        if not unkept or not (is_time or len(unkept) >= _KEPT_TOGETHER or all_of_it):
            return
        for pk, held in self._held.items():
            if not held.unkept:
                continue
            webhook = deliveries.keep(pk, held.unkept, now=now)
            held.unkept = []
            if webhook is None or webhook.disabled or (webhook.rests_until and webhook.rests_until > now):
                held.leaving = True
                held.letters.clear()
            else:
                held.webhook = webhook
        self._kept_at = time.monotonic()

    def _leave(self) -> None:
        left = [
            pk
            for pk, held in self._held.items()
            if held.is_empty() and (held.leaving or held.is_drained or self._stop.is_set())
        ]
        if left:
            deliveries.let_go(self._holder, left)
            for pk in left:
                del self._held[pk]
