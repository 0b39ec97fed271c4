"""What the carrier is asked about calls that it says nothing of: whether it has them, and what became of them."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from blast_api.carrierx import events
from blast_api.carrierx.addresses import address
from blast_api.carrierx.client import Accepted, CarrierClient, CarrierTrouble, Outcome, Unknown, usable_sid
from blast_api.carrierx.wire import Request
from blast_api.conf import configuration
from blast_api.domain.callbacks import Party, Step
from blast_api.domain.pacing import Departure
from blast_api.models import Call
from blast_api.services import delivery, silence

from .jobs import Job

log = logging.getLogger(__name__)

# A placement in hand for this long has lost its answer; asking for it earlier would only find it on its way.
_ANSWER_LOST = timedelta(seconds=15)
_ASKED_AT_ONCE = 1000
_ASKED_EVERY_S = 5.0
# How far the start of a call may lie from what the carrier's records say: two clocks, and the time until it is dialled.
_APART = timedelta(minutes=2)


class Inquiry:
    """When the carrier is asked what it knows: one question at a time, and some seconds apart. Each dispatcher has one.

    The questions take turns.
    """

    def __init__(self, stop: Event) -> None:
        self.stop = stop
        self._due_at = 0.0  # monotonic
        self._questions: deque[Callable[[float, Inquiry, datetime], Question | None]] = deque(
            (AskForLost.claim, AskForEnded.claim)
        )

    def claim(self, slot: float, *, now: datetime) -> list[Job]:
        """A question, if it is time and there is something to ask for."""
        if time.monotonic() < self._due_at:
            return []
        self._due_at = time.monotonic() + _ASKED_EVERY_S  # long after its slot: it is on its way by then, or given up
        for claim in tuple(self._questions):
            self._questions.rotate(-1)
            if question := claim(slot, self, now):
                return [question]
        return []

    def ask_again(self) -> None:
        """The question was not sent: it need not wait for as long as after an answer."""
        self._due_at = 0.0

    @contextmanager
    def out(self) -> Iterator[None]:
        """While a question is out, no other is asked."""
        self._due_at = float("inf")
        try:
            yield
        finally:
            self._due_at = time.monotonic() + _ASKED_EVERY_S


@dataclass(frozen=True, slots=True)
class Question:
    """A list is asked for, and its items are compared with our calls."""

    slot: float
    inquiry: Inquiry
    calls: Sequence[Call] = field(repr=False)

    def _listed(self, items: Iterator[Mapping[str, Any]], compare: Callable[[Mapping[str, Any]], None]) -> Outcome:
        with self.inquiry.out():
            try:
                for item in items:
                    compare(item)
                    if self.inquiry.stop.is_set():
                        return Unknown("the list was long, and we are told to stop")
            except CarrierTrouble as trouble:
                return trouble.outcome
        return Accepted("", {})

    def prepare(self, client: CarrierClient) -> Request:
        raise NotImplementedError

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        raise NotImplementedError

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        raise NotImplementedError

    def give_back(self) -> None:
        self.inquiry.ask_again()


@dataclass(frozen=True, slots=True)
class AskForLost(Question):
    """Placements whose answer was lost and whose time has not come: the carrier can tell whether they wait there.

    Those that do are accepted. The others wait for their confirmation time.
    """

    by_url: dict[str, Call] = field(repr=False, default_factory=dict)
    found: dict[str, delivery.Placed] = field(repr=False, default_factory=dict)

    @classmethod
    def claim(cls, slot: float, inquiry: Inquiry, now: datetime) -> AskForLost | None:
        """The question, if there is such a placement."""
        lost = Call.objects.in_hand().filter(held_since__lt=now - _ANSWER_LOST, due_at__gt=now)
        calls = list(lost.order_by("due_at")[:_ASKED_AT_ONCE])
        return cls(slot, inquiry, calls) if calls else None

    def prepare(self, client: CarrierClient) -> Request:
        self.by_url.update({address(Party.RECIPIENT, call.pk, call.serial, Step.ANSWERED): call for call in self.calls})
        return client.prepare_waiting_calls()

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        return self._listed(client.waiting_calls(prepared, departure), self._compare)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        delivery.accepted(list(self.found.values()))  # true, whatever the rest of the list would have told
        if not isinstance(outcome, Accepted):
            log.warning(
                "the carrier does not list its waiting calls",
                extra={"action": "list_failed", "reason": outcome.reason},
            )

    def _compare(self, item: Mapping[str, Any]) -> None:
        url, sid = item.get("url"), usable_sid(item.get("call_sid"))
        if isinstance(url, str) and sid and (call := self.by_url.get(url)):
            assert call.due_at is not None
            attempt = delivery.CallAttempt(call.pk, call.serial)
            self.found[url] = delivery.Placed(attempt, sid, delayed=True, starts_at=call.due_at)


@dataclass(frozen=True, slots=True)
class AskForEnded(Question):
    """Calls that should have ended and of which nothing is heard: the carrier's detail records tell what became of them.

    Those that are found end so, as by a status callback. Those that are not, in the whole list, are timed out. Where there
    is no answer, they are asked for again, until `silence` has lasted long enough.
    """

    found: dict[int, events.Detail] = field(repr=False, default_factory=dict)

    @classmethod
    def claim(cls, slot: float, inquiry: Inquiry, now: datetime) -> AskForEnded | None:
        """The question, if there is such a call."""
        calls = silence.claim_to_ask(now)
        return cls(slot, inquiry, calls) if calls else None

    def prepare(self, client: CarrierClient) -> Request:
        begun = [call.started for call in self.calls if call.started]
        return client.prepare_detail_records(started=(min(begun) - _APART, max(begun) + _APART))

    def send(self, client: CarrierClient, prepared: Request, departure: Departure) -> Outcome:
        by_number: defaultdict[str, list[Call]] = defaultdict(list)
        for call in self.calls:
            by_number[call.number].append(call)
        did = configuration().did

        def compare(item: Mapping[str, Any]) -> None:
            detail = events.detail(item)
            if detail and detail.number in by_number and detail.caller in ("", did):
                self._nearest(detail, by_number[detail.number])

        return self._listed(client.detail_records(prepared, departure), compare)

    def keep(self, outcome: Outcome, *, now: datetime) -> None:
        for call in self.calls:
            if detail := self.found.get(call.pk):
                delivery.settled(delivery.CallAttempt(call.pk, call.serial), detail.report, now=now)
        if isinstance(outcome, Accepted):
            silence.time_out(now, only=[call.pk for call in self.calls if call.pk not in self.found])
        else:
            log.warning(
                "the carrier does not tell what became of calls",
                extra={"action": "details_failed", "reason": outcome.reason},
            )
        if self.found:
            about = {"action": "calls_found", "count": len(self.found)}
            log.warning("the end of calls was not told, and found in the carrier's detail records", extra=about)

    def _nearest(self, detail: events.Detail, calls: Sequence[Call]) -> None:
        """A record is of the call that began closest to it, and a call's is the closest of its records."""
        call = min(calls, key=lambda each: _apart(each, detail))
        known = self.found.get(call.pk)
        if _apart(call, detail) <= _APART and (known is None or _apart(call, detail) < _apart(call, known)):
            self.found[call.pk] = detail


def _apart(call: Call, detail: events.Detail) -> timedelta:
    assert call.started is not None
    return abs(call.started - detail.started)
