"""The life of a shout: released when recorded, begun, ended. How it comes about is `creation`'s."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from django.db import transaction
from django.db.models import Case, OuterRef, Subquery, Value, When

from blast_api.conf import configuration
from blast_api.db.prepared import Select
from blast_api.db.undone import again_if_undone
from blast_api.domain.errors import AlreadyEnded
from blast_api.domain.rules.verdict import Never
from blast_api.domain.states import (
    OPEN_SHOUTS,
    Q850,
    Q850_INVALID_NUMBER,
    CallStatus,
    ShoutStatus,
    call_before,
    shout_before,
)
from blast_api.domain.transfers import UP, when_the_call_is_over
from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import Call, Message, MessageQuerySet
from blast_api.records import outbox

from . import events, history, rules, schedule, withdrawals

log = logging.getLogger(__name__)

_CHUNK = 500  # calls ended per transaction
_AT_ONCE = 100  # calls that end with their shout: who ends one may be the dispatcher. The sweep comes for the rest
_BEGUN_AT_ONCE = 50
# A shout that begins this much later than planned moves all its batches, so that they stay apart.
_LAG = timedelta(seconds=1)


# As a range in order, not as an equality: for that, planners of both databases read all the settled calls of the shout.
_AN_OPEN_CALL = Select(
    lambda message_id: (
        Call.objects.unfinished()
        .filter(message_id__gte=message_id, message_id__lte=message_id)
        .order_by("message_id")
        .values_list("message_id")[:1]
    ),
    message_id=int,
)

# Below this many open calls, whoever ends one looks whether the shout is over: the last few may end at the same moment.
_FEW = 8


def one_of_many_open_calls() -> Subquery:
    """As a column of a call: not null if its shout has many more open calls, so that no end of one can be the last."""
    of_its_shout = Call.objects.unfinished().filter(
        message_id__gte=OuterRef("message_id"), message_id__lte=OuterRef("message_id")
    )
    return Subquery(of_its_shout.order_by("message_id").values("message_id")[_FEW : _FEW + 1])


# --- Released and begun --------------------------------------------------------------------------------------------


def release(message: Message, *, length_s: int, now: datetime) -> bool:
    """The recording is there: the calls become ready, batch by batch apart. Call it inside a transaction."""
    starts_at = max(now, message.schedule or now)
    status = ShoutStatus.READY if starts_at == now else ShoutStatus.SCHEDULED
    released = Message.objects.filter(pk=message.pk, status__in=shout_before(status)).update(
        status=status, starts_at=starts_at
    )
    if released:
        never = schedule.make_ready(message, starts_at=starts_at, length_s=length_s)
        tell("released", message.pk, status=status)
        events.of_shout(WebhookEvent.SHOUT_READY, message.pk)
        end_unreachable(message, never, now=now)
    return released > 0


def end_unreachable(message: Message, reasons: Mapping[int, str], *, now: datetime) -> None:
    """Nobody may ever ring these phones, each for its reason: they have failed without a call. Call it inside a transaction."""
    pks = sorted(reasons)
    for first in range(0, len(pks), _CHUNK):
        calls = list(message.calls.filter(pk__in=pks[first : first + _CHUNK]).order_by("pk").select_for_update())
        end_calls(message, calls, CallStatus.FAILED, q850=Q850_INVALID_NUMBER, reasons=reasons, now=now)


def begin_due(now: datetime) -> int:
    """Shouts whose time has come become ongoing, a bounded number; one that is late moves its whole plan. Answers how many."""
    begun = 0
    for pk in list(Message.objects.to_begin(now).order_by("starts_at").values_list("pk", flat=True)[:_BEGUN_AT_ONCE]):
        with transaction.atomic():
            message = Message.objects.to_begin(now).select_for_update().filter(pk=pk).first()
            if message is None or message.starts_at is None:
                continue
            lag = now - message.starts_at
            plan: dict[str, datetime] = {}
            if lag > _LAG:
                plan = {"starts_at": now}
                schedule.move(message, by=lag, now=now)
            Message.objects.filter(pk=pk).update(status=ShoutStatus.ONGOING, started=now, **plan)
            events.of_shout(WebhookEvent.SHOUT_STARTED, pk)
            begun += 1
    return begun


# --- Ended ---------------------------------------------------------------------------------------------------------


def end(message: Message, status: ShoutStatus, *, now: datetime) -> bool:
    """End a shout and write its record down; False if something else ended it first.

    From its commit on nothing more is placed, and what waits at the carrier is being withdrawn, but for people who listen
    already. Then the first of its open calls end; if they are few, all of them.
    """
    with transaction.atomic():
        ended = Message.objects.filter(pk=message.pk, status__in=shout_before(status)).update(
            status=status, finished=now, **_record_due()
        )
        if not ended:
            return False
        message.refresh_from_db()
        tell("ended", message.pk, status=status)
        events.of_shout(WebhookEvent.SHOUT_ENDED, message.pk)
        if status != ShoutStatus.TIMED_OUT:
            withdrawals.mark(message.calls.with_carrier().filter(answered=None))  # who listens hears it out
        transaction.on_commit(partial(end_open_calls, message, most=_AT_ONCE, now=now))
    return True


@again_if_undone
def cancel(message: Message, *, now: datetime) -> None:
    """Nothing more is placed and what waits is withdrawn, auditions too; again is fine. Raises AlreadyEnded."""
    with transaction.atomic():
        if end(message, ShoutStatus.CANCELED, now=now):
            for audition in message.auditions.filter(status__in=OPEN_SHOUTS).order_by("pk"):
                end(audition, ShoutStatus.CANCELED, now=now)
            return
    message.refresh_from_db()
    if message.status != ShoutStatus.CANCELED:
        raise AlreadyEnded(f"The shout has already ended: it is {message.status}.")


def end_open_calls(message: Message, *, most: int = _CHUNK, now: datetime) -> int:
    """End the calls that an ended shout has left open, `most` of them; the sweep comes for the rest. Answers how many.

    Timed out are all of them, cancelled those that are not with the carrier, nor perhaps on their way to it.
    """
    timed_out = message.status == ShoutStatus.TIMED_OUT
    calls = message.calls.unfinished() if timed_out else message.calls.at_rest()
    with transaction.atomic():
        chunk = list(calls.order_by("pk").select_for_update()[:most])
        end_calls(message, chunk, CallStatus.TIMED_OUT if timed_out else CallStatus.CANCELLED, now=now)
    if len(chunk) < most:
        window = timedelta(hours=configuration().message_timeout_check_window)
        Message.objects.to_close(now - window).filter(pk=message.pk).update(closed=now)
    return len(chunk)


def expire(message: Message, *, now: datetime) -> int:
    """End calls of a shout that were not placed in time, a bounded number; one whose author has not recorded is over with them.

    Answers how many.
    """
    reason = rules.in_force(message).in_time(now)
    if not isinstance(reason, Never):
        return 0
    with transaction.atomic():
        calls = list(message.calls.at_rest().order_by("pk").select_for_update()[:_CHUNK])
        end_calls(message, calls, CallStatus.EXPIRED, reasons={call.pk: reason.reason for call in calls}, now=now)
        if message.status == ShoutStatus.PENDING and not message.calls.unfinished().exists():
            end(message, ShoutStatus.FINISHED, now=now)
    return len(calls)


def end_calls(
    message: Message,
    calls: Sequence[Call],
    status: CallStatus,
    *,
    q850: int | None = None,
    reasons: Mapping[int, str] = MappingProxyType({}),
    now: datetime,
) -> None:
    """End locked calls of one shout without word from the carrier, and write their records down.

    With the cause `q850`, if it is not that of the status; `reasons` are the rule's words, by the keys of the calls.
    """
    for call in calls:
        call.status = CallStatus.OPTED_OUT if call.opted_out else status
        call.q850, call.finished = Q850.get(CallStatus(call.status)), now
        if call.status == status and q850 is not None:
            call.q850 = q850
    parted = [call for call in calls if call.transfer_outcome == UP]
    for call in parted:
        call.transfer_outcome = when_the_call_is_over(UP)
    if parted:
        Call.objects.bulk_update(parted, ["transfer_outcome"])
    history.end_all(message, calls, reasons=reasons, now=now)
    for ending, cause in {(CallStatus(call.status), call.q850) for call in calls}:
        rows = Call.objects.filter(pk__in=[call.pk for call in calls if call.status == ending])
        rows.filter(status__in=call_before(ending)).update(status=ending, q850=cause, finished=now, held_since=None)
    events.of_calls(message, calls)
    if calls:
        transaction.on_commit(partial(finish_if_settled, message.pk, now=now))


def finish_if_settled(message_id: int, *, now: datetime) -> bool:
    """End a live shout whose calls have all ended: finished, or timed out if of one nobody knows what became of it.

    Call it after the last move is committed. Of two last moves at once, the one that commits last sees both; a crash in
    between is the sweep's.
    """
    if _AN_OPEN_CALL(message_id=message_id):
        return False
    return _finish(Message.objects.live_and_settled(), message_id, late=False, now=now)


def finish_late(message_id: int, *, now: datetime) -> bool:
    """Finish a timed-out shout of which every call has been settled after all."""
    return _finish(Message.objects.settled_late(), message_id, late=True, now=now)


def _finish(settled: MessageQuerySet, message_id: int, *, late: bool, now: datetime) -> bool:
    with transaction.atomic():
        unknown = Call.objects.filter(message=message_id, status=CallStatus.TIMED_OUT).exists()
        status, closed = (ShoutStatus.TIMED_OUT, None) if unknown else (ShoutStatus.FINISHED, now)
        told = _record_due(late=late)
        if not settled.filter(pk=message_id).update(status=status, finished=now, closed=closed, **told):
            return False
        tell("ended", message_id, status=status, late=late)
        events.of_shout(WebhookEvent.SHOUT_ENDED, message_id)
    return True


def _record_due(*, late: bool = False) -> dict[str, object]:
    """As `outbox.due`, but no line is written of an audition."""
    due = outbox.due(late=late)
    return due | {"record": Case(When(audition_of=None, then=Value(due["record"])), default=Value(""))}


def tell(event: str, message_id: int, **about: object) -> None:
    """One line of the service's log for each event in the life of a shout."""
    log.info(f"a shout was {event}", extra={"action": f"shout_{event}", "shout": message_id, **about})  # noqa: G004  # fixed words
