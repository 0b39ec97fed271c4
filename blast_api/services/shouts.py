"""The life of a shout: created, released when recorded, begun, ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.db.clock import database_now
from blast_api.db.prepared import Select
from blast_api.db.undone import again_if_undone
from blast_api.domain.destinations import Destinations
from blast_api.domain.errors import AlreadyEnded, InvalidField, KeyReused, TooManyWaiting
from blast_api.domain.recipients import Recipient, each_once
from blast_api.domain.rules.said import Said
from blast_api.domain.rules.verdict import Never
from blast_api.domain.states import (
    Q850,
    Q850_INVALID_NUMBER,
    CallStatus,
    RecordingState,
    ShoutStatus,
    call_before,
    shout_before,
)
from blast_api.models import Application, Call, Message, MessageQuerySet, Recording
from blast_api.records import outbox

from . import dnc, history, rules, schedule, withdrawals

log = logging.getLogger(__name__)

_CHUNK = 500  # calls ended, or keys forgotten, per transaction
_AT_ONCE = 100  # calls that end with their shout: who ends one may be the dispatcher. The sweep comes for the rest
_BEGUN_AT_ONCE = 50
# A shout that begins this much later than planned moves all its batches, so that they stay apart.
_LAG = timedelta(seconds=1)
_CALL_COLUMNS = ("position", *Recipient._fields, "status", "q850", "finished")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewShout:
    """What an application asks for; numbers are in their one form, recipients in the order given, perhaps repeated."""

    userdata: str
    caller: str
    recipients: Sequence[Recipient]
    title: str = ""
    schedule: datetime | None = None
    delivery: Said = field(default_factory=Said)
    did: str = ""  # the caller id; empty: the operator's
    old_shout_id: int | None = None
    idempotency_key: str | None = None
    request_digest: str = ""


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


# --- Created -------------------------------------------------------------------------------------------------------


@again_if_undone
def create(application: Application, new: NewShout, *, now: datetime) -> tuple[Message, bool]:
    """Store a shout and its calls, all or nothing; False if it is an earlier one with the same idempotency key.

    Invalid and blocked recipients are settled at once; if nobody is left to call, so is the shout. With an old
    recording it is released at once. Raises InvalidField for the old shout, KeyReused for another body with that key,
    TooManyWaiting.
    """
    try:
        with transaction.atomic():
            return _create(application, new, now=now), True
    except IntegrityError:
        # The same key in two requests at once: the other one has committed by now.
        if earlier := replayed(application, new.idempotency_key, new.request_digest, now=now):
            return earlier, False
        raise


def replayed(application: Application, key: str | None, request_digest: str, *, now: datetime) -> Message | None:
    """The shout that this application made with this idempotency key, while the key lives.

    Raises KeyReused for another body.
    """
    if key is None:
        return None
    earlier = Message.objects.filter(
        application=application, idempotency_key=key, created__gt=_keys_expired_at(now)
    ).first()
    if earlier and earlier.request_digest != request_digest:
        raise KeyReused("This Idempotency-Key was used with another request body.")
    return earlier


def forget_keys(now: datetime) -> int:
    """Take the idempotency keys off shouts that they have outlived, a bounded number. Answers how many."""
    expired = Message.objects.with_expired_key(_keys_expired_at(now))
    pks = list(expired.order_by("created").values_list("pk", flat=True)[:_CHUNK])
    return _forget_keys(expired.filter(pk__in=pks)) if pks else 0


def _forget_keys(messages: MessageQuerySet) -> int:
    return messages.update(idempotency_key=None, request_digest="")


def _keys_expired_at(now: datetime) -> datetime:
    return now - timedelta(hours=configuration().idempotency_key_window)


def _create(application: Application, new: NewShout, *, now: datetime) -> Message:
    source = recording_to_use(application, new, for_good=True)
    if source is None:
        _refuse_if_many_authors_wait(application)
    if new.idempotency_key is not None:  # an expired one is free, whether the sweep has come or not
        expired = Message.objects.with_expired_key(_keys_expired_at(now))
        _forget_keys(expired.filter(application=application, idempotency_key=new.idempotency_key))
    message = row_of(application, new, now=now)
    message.save(force_insert=True)
    recipients = each_once(new.recipients)
    refusal = destinations_of(new).refusal
    rows = (
        (position, *recipient, CallStatus.FAILED, Q850_INVALID_NUMBER, bulk.written(now))
        if refusal(recipient.number)
        else (position, *recipient, CallStatus.PENDING, None, None)
        for position, recipient in enumerate(recipients)
    )
    bulk.insert(Call, _CALL_COLUMNS, rows, message_id=message.pk)
    waiting = message.calls.filter(status=CallStatus.PENDING)
    waiting.filter(dnc.blocked(application.pk, new.userdata)).update(status=CallStatus.DO_NOT_CALL, finished=now)
    history.end_at_once(message, refusal, now=now)
    recording = Recording.objects.create(
        message=message, state=RecordingState.NO_REC_CALL, state_since=now, **_recorded_before(source)
    )
    if not waiting.exists():
        all_listed = not message.calls.exclude(status=CallStatus.DO_NOT_CALL).exists()
        end(message, ShoutStatus.CANCELED if all_listed else ShoutStatus.FINISHED, now=now)
    elif source:
        release(message, length_s=source.length_s or 0, now=database_now())
    else:
        # By the clock that claims go by: this host's may be ahead.
        Recording.objects.filter(pk=recording.pk).update(due_at=Now())
    _tell("created", message.pk, recipients=len(recipients))
    return message


def row_of(application: Application, new: NewShout, *, now: datetime) -> Message:
    """The row of a new shout, which is not stored yet."""
    return Message(
        application=application,
        userdata=new.userdata,
        caller=new.caller,
        title=new.title,
        schedule=new.schedule,
        # As they stand now: what the application says later is of later shouts.
        delivery={**(application.delivery or {}), **new.delivery.rules} or None,
        until=new.delivery.until,
        calls_per_second=new.delivery.calls_per_second,
        concurrent_calls=new.delivery.concurrent_calls,
        did=new.did,
        status=ShoutStatus.PENDING,
        created=now,
        idempotency_key=new.idempotency_key,
        request_digest=new.request_digest,
    )


def destinations_of(new: NewShout) -> Destinations:
    """The rule that says which of its recipients are called."""
    config = configuration()
    return config.destinations if config.caller_as_recipient else config.destinations.and_not(new.caller)


def _refuse_if_many_authors_wait(application: Application) -> None:
    most = configuration().max_waiting_authors
    waiting = Recording.objects.filter(
        state=RecordingState.NO_REC_CALL,
        due_at__isnull=False,
        held_since=None,
        message__application=application,
        message__status=ShoutStatus.PENDING,
    )
    if waiting[:most].count() >= most:
        raise TooManyWaiting(f"{most} authors wait to be rung; try again when some have been.")


def recording_to_use(application: Application, new: NewShout, *, for_good: bool) -> Recording | None:
    """The old recording that it names; None if it names none. Raises InvalidField if there is no such.

    `for_good` locks it until the new shout has it too: who deletes old recordings deletes no file that is in use.
    """
    if new.old_shout_id is None:
        return None
    of_its_user = Recording.objects.filter(message__application=application, message__userdata=new.userdata)
    usable = of_its_user.filter(kept=True, message_id=new.old_shout_id).exclude(length_s=0)
    source = (usable.select_for_update(of=("self",)) if for_good else usable).first()
    if source is None:
        raise InvalidField("old-shout-id", "This user has no shout of that id with a recording.")
    return source


def _recorded_before(source: Recording | None) -> dict[str, object]:
    if source is None:
        return {}
    return {name: getattr(source, name) for name in ("take", "file_sid", "url", "length_s", "recorded", "kept")}


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
        end_unreachable(message, never, now=now)
        _tell("released", message.pk, status=status)
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
            status=status, finished=now, **outbox.due()
        )
        if not ended:
            return False
        message.refresh_from_db()
        _tell("ended", message.pk, status=status)
        if status != ShoutStatus.TIMED_OUT:
            withdrawals.mark(message.calls.with_carrier().filter(answered=None))  # who listens hears it out
        transaction.on_commit(partial(end_open_calls, message, most=_AT_ONCE, now=now))
    return True


@again_if_undone
def cancel(message: Message, *, now: datetime) -> None:
    """Nothing more is placed and what waits is withdrawn; again is fine. Raises AlreadyEnded."""
    if end(message, ShoutStatus.CANCELED, now=now):
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
    history.end_all(message, calls, reasons=reasons, now=now)
    for ending, cause in {(CallStatus(call.status), call.q850) for call in calls}:
        rows = Call.objects.filter(pk__in=[call.pk for call in calls if call.status == ending])
        rows.filter(status__in=call_before(ending)).update(status=ending, q850=cause, finished=now, held_since=None)
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
        told = outbox.due(late=late)
        if not settled.filter(pk=message_id).update(status=status, finished=now, closed=closed, **told):
            return False
        _tell("ended", message_id, status=status, late=late)
    return True


def _tell(event: str, message_id: int, **about: object) -> None:
    """One line of the service's log for each event in the life of a shout."""
    log.info(f"a shout was {event}", extra={"action": f"shout_{event}", "shout": message_id, **about})  # noqa: G004  # fixed words
