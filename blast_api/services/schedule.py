"""The plan of a shout in its rows: when each call is due, and when those are that hours hold back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache

from django.db import connection
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Value

from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.domain.rules.delivery import Delivery
from blast_api.domain.rules.plan import Plan
from blast_api.domain.rules.verdict import Never, Now
from blast_api.domain.states import CallStatus
from blast_api.domain.zones import of_recipient
from blast_api.models import Call, CallQuerySet, Message

from . import rules

# Calls of one shout that are put off at once: whoever claims does it, and others wait for the gate meanwhile.
_PUT_OFF_AT_ONCE = 2000
# Zones that open one after another are an hour apart, mostly: so far calls count that are planned from an opening on.
_BETWEEN_OPENINGS = timedelta(hours=1)
_Row = tuple[int, int, str, str]  # key, position, number, zone


def make_ready(message: Message, *, starts_at: datetime, length_s: int) -> dict[int, str]:
    """The calls that wait for the recording become ready, each with its time.

    Answers those that are never due, with the reason; they wait still. Call it inside a transaction.
    """
    waiting = message.calls.filter(status=CallStatus.PENDING, sid="")
    plan = plan_of(message, starts_at=starts_at, length_s=length_s)
    if plan.delivery.has_hours:
        return _hand_out(waiting, plan, status=CallStatus.READY)
    batch = F("position") / Value(plan.batch_size)
    offset = ExpressionWrapper(batch * Value(plan.apart, DurationField()), DurationField())
    due_at = ExpressionWrapper(Value(starts_at, DateTimeField()) + offset, DateTimeField())
    waiting.update(status=CallStatus.READY, due_at=due_at)
    return {}


def move(message: Message, *, by: timedelta, now: datetime) -> None:
    """What has not been placed moves by so much; where recipients have hours, it is planned anew from now on instead."""
    waiting = message.calls.filter(status=CallStatus.READY, held_since=None)
    plan = plan_of(message, starts_at=now, length_s=message.length_s)
    if plan.delivery.has_hours:
        _hand_out(waiting.filter(attempts=0), plan)  # who waits to be tried again keeps the time
    else:
        waiting.update(due_at=F("due_at") + by)


def plan_of(message: Message, *, starts_at: datetime, length_s: int) -> Plan:
    """When the calls of a shout are due that begins then, by its rules."""
    config = configuration()
    apart = timedelta(seconds=length_s * config.call_length_ratio)
    return Plan(starts_at, config.call_batch_size, apart, rules.in_force(message))


def zones(number: str, given: str) -> tuple[str, ...]:
    """The zones of a recipient, by the operator's sheet."""
    return of_recipient(number, given, fallback=configuration().fallback_zone)


def may_ring(call: Call, delivery: Delivery, *, until: datetime, now: datetime) -> bool:
    """Whether a call that is due may ring now; before its time, whether it may then, and as long as it can be on its way."""
    if not delivery.has_hours:
        return True
    where = zones(call.number, call.zone)
    at = max(now, call.due_at or now)
    if not isinstance(delivery.hours(at, where), Now):
        return False
    if until <= now:
        return True
    closes = delivery.closes(at, where)
    return closes is None or closes > at + (until - now)


def put_off(message: Message, *, now: datetime) -> dict[int, str]:
    """Calls that are due while their zones are closed wait for the opening, a bounded number of them.

    Answers those for which there is none, with the reason. Call it inside a transaction that holds the gate.
    """
    ready = message.calls.filter(status=CallStatus.READY, held_since=None)
    skip = connection.features.has_select_for_update_skip_locked

    def planned_from(opening: datetime) -> int:
        return ready.filter(due_at__gte=opening, due_at__lt=opening + _BETWEEN_OPENINGS).count()

    plan = plan_of(message, starts_at=now, length_s=message.length_s)
    plan.already = planned_from
    due = ready.filter(due_at__lte=now).order_by("due_at", "pk")
    rows = due.select_for_update(skip_locked=skip).values_list("pk", "position", "number", "zone")[:_PUT_OFF_AT_ONCE]
    is_open = cache(lambda where: isinstance(plan.delivery.hours(now, where), Now))
    return _apply((row for row in list(rows) if not is_open(zones(row[2], row[3]))), plan)


def _hand_out(calls: CallQuerySet, plan: Plan, **changes: object) -> dict[int, str]:
    rows = calls.select_for_update().values_list("pk", "position", "number", "zone")
    return _apply(bulk.read(rows, "position", lambda row: row[1]), plan, **changes)


def _apply(rows: Iterator[_Row], plan: Plan, **changes: object) -> dict[int, str]:
    never: dict[int, str] = {}

    def planned() -> Iterator[list[object]]:
        for pk, position, number, zone in rows:
            moment = plan.due_at(zones(number, zone), position)
            if isinstance(moment, Never):
                never[pk] = moment.reason
            else:
                yield [pk, bulk.written(moment), *changes.values()]

    bulk.update(Call, ["due_at", *changes], planned())
    return never
