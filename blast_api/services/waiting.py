"""What a call waits for, and a shout as a whole, and when it will be over: the rows that the rules ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, prefetch_related_objects

from blast_api.conf import configuration
from blast_api.domain.rules.estimate import Endings
from blast_api.domain.rules.waiting import (
    OpenCall,
    OpenCalls,
    OpenShout,
    Road,
    Waiting,
    opening_of_all,
    shout_waits,
    waits,
)
from blast_api.domain.states import LIVE_SHOUTS, OPEN_CALLS, CallStatus
from blast_api.models import Call, Gate, Message

from . import estimates, rules, schedule
from .up import Up


def of_call(call: Call, *, now: datetime) -> Waiting | None:
    """What a call, read with its shout and its application, waits for; None if it does not wait."""
    message = call.message
    delivery = rules.in_force(message)
    facts = OpenCall(
        status=call.status,
        is_in_hand=call.held_since is not None,
        is_at_carrier=call.sid != "",
        due_at=call.due_at,
        attempts=call.attempts,
        refusals=call.refusals,
        shout_status=message.status,
        starts_at=message.starts_at,
        is_paused=message.paused_at is not None,
        delivery=delivery,
        zones=schedule.zones(call.number, call.zone) if delivery.has_hours else (),
    )
    return waits(facts, _Roads([message]).of(message), now=now)


# --- Whole shouts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a shout waits for, and when it is expected to be over; None: nothing, and nobody can tell."""

    waiting: Waiting | None
    expected_finish: datetime | None


def columns(now: datetime) -> dict[str, Count | Min | Max]:
    """What `outlooks` asks of calls that are grouped by shout and by the status that is told."""
    at_rest = Q(status=CallStatus.READY, held_since=None)
    waiting = at_rest | Q(status=CallStatus.PENDING, sid__gt="", due_at__gt=now)
    return {
        "waiting": Count("pk", filter=waiting),
        "due": Count("pk", filter=at_rest & Q(due_at__lte=now)),
        "first_due": Min("due_at", filter=waiting),
        "last_due": Max("due_at", filter=waiting),
        "least_attempts": Min("attempts", filter=at_rest),
        "least_refusals": Min("refusals", filter=at_rest),
        "placed": Count("pk", filter=Q(attempts__gt=0)),
    }


def outlooks(messages: Sequence[Message], rows: Iterable[Mapping[str, Any]], *, now: datetime) -> dict[int, Outlook]:
    """Of each of these shouts, read with its recording; `rows` are the groups of their calls.

    By the same few queries however many there are.
    """
    groups: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["message"]].append(row)
    live = [message for message in messages if message.status in LIVE_SHOUTS]
    prefetch_related_objects(live, "application")  # a join would have the list sorted, which an index has in order
    roads = _Roads(live)
    calls = {message.pk: _together(groups[message.pk]) for message in messages}
    delivery = {message.pk: rules.in_force(message) for message in messages}
    zones = _zones([message for message in messages if delivery[message.pk].has_hours and calls[message.pk].waiting])
    told: dict[int, Outlook] = {}
    for message in messages:
        shout = OpenShout(
            status=message.status,
            is_paused=message.paused_at is not None,
            starts_at=message.starts_at,
            calls=calls[message.pk],
            delivery=delivery[message.pk],
            zones=frozenset(zones[message.pk]),
        )
        road = roads.of(message) if shout.status in LIVE_SHOUTS else Road()
        waiting = shout_waits(shout, road, now=now)
        told[message.pk] = Outlook(waiting, _expected_finish(message, shout, _endings(groups[message.pk]), now=now))
    return told


def _together(rows: Sequence[Mapping[str, Any]]) -> OpenCalls:
    """Groups of one shout's calls as one; where there is nothing that waits, its times are None."""

    def each(name: str) -> list[Any]:
        return [row[name] for row in rows if row[name] is not None]

    open_rows = [row for row in rows if row["public_status"] in OPEN_CALLS]
    return OpenCalls(
        waiting=sum(each("waiting")),
        due=sum(each("due")),
        up=sum(row["count"] - row["waiting"] for row in open_rows),
        first_due=min(each("first_due"), default=None),
        last_due=max(each("last_due"), default=None),
        least_attempts=min(each("least_attempts"), default=0),
        least_refusals=min(each("least_refusals"), default=0),
    )


def _zones(messages: Sequence[Message]) -> defaultdict[int, set[tuple[str, ...]]]:
    """Of the calls that wait, by shout."""
    zones: defaultdict[int, set[tuple[str, ...]]] = defaultdict(set)
    if messages:
        waiting = Call.objects.unfinished().filter(message__in=messages).exclude(status=CallStatus.ONGOING)
        for pk, number, zone in waiting.order_by().values_list("message", "number", "zone"):
            zones[pk].add(schedule.zones(number, zone))
    return zones


def _endings(rows: Iterable[Mapping[str, Any]]) -> Endings:
    counts = {
        row["public_status"]: row["placed"]
        for row in rows
        if row["public_status"] not in OPEN_CALLS | estimates.NO_ENDING
    }
    return Endings.of({status: placed for status, placed in counts.items() if placed}) or Endings.assumed()


def _expected_finish(message: Message, shout: OpenShout, endings: Endings, *, now: datetime) -> datetime | None:
    """As calls of it have ended so far; nobody can tell before it is recorded, while it is paused, or when it is over."""
    if shout.status not in LIVE_SHOUTS or shout.is_paused:
        return None
    course = estimates.course(message.application, shout.delivery, length_s=message.length_s, endings=endings)
    opening = opening_of_all(shout, now=now)
    first, last = shout.calls.first_due, shout.calls.last_due
    if first and last and opening:
        first, last = max(first, opening), max(last, opening)
    return course.finish(shout.calls.waiting, first=first, last=last, until=shout.delivery.until, now=now)


# --- What stands in everybody's way ------------------------------------------------------------------------------


class _Roads:
    """The gate and the bounds of calls at once, of these shouts; what is up is counted only where there is a bound."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._most = configuration().max_concurrent_calls
        gate = Gate.objects.filter(lane=Gate.Lane.CALLS) if messages else Gate.objects.none()
        self._shut_until = gate.values_list("shut_until", flat=True).first()
        bounds = [row.concurrent_calls for message in messages for row in (message, message.application)]
        is_bounded = messages and (self._most is not None or any(bound is not None for bound in bounds))
        self._up = Up.counted() if is_bounded else Up()

    def of(self, message: Message) -> Road:
        up = self._up
        counted = (
            (self._most, sum(up.by_application.values())),
            (message.application.concurrent_calls, up.by_application[message.application_id]),
            (message.concurrent_calls, up.by_shout[message.pk]),
        )
        is_full = any(most is not None and count >= most for most, count in counted)
        return Road(gate_shut_until=self._shut_until, is_full=is_full)
