"""How a shout comes about: what an application asks for is stored all or nothing, once for each idempotency key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.db.clock import database_now
from blast_api.db.undone import again_if_undone
from blast_api.domain.destinations import Destinations
from blast_api.domain.errors import KeyReused, TooManyWaiting
from blast_api.domain.recipients import Recipient, each_once
from blast_api.domain.rules.said import Said
from blast_api.domain.states import Q850_INVALID_NUMBER, CallStatus, RecordingState, ShoutStatus
from blast_api.domain.transfers import Transfer
from blast_api.models import Application, AuthorCall, Call, Message, MessageQuerySet, Recording

from . import dnc, events, history, recordings, shouts

_CHUNK = 500  # keys forgotten per transaction
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
    recording_id: int | None = None
    spoken: Recording | None = None  # of a text: made for this shout, and doomed until it has it
    voicemail_id: int | None = None  # machines hear it instead
    language: str = ""  # of the prompts; empty: that of `VOICE_MENU`
    transfer: Transfer | None = None
    idempotency_key: str | None = None
    request_digest: str = ""


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
    voicemail = voicemail_to_use(application, new, for_good=True)
    if source is None:
        _refuse_if_many_authors_wait(application)
    if new.idempotency_key is not None:  # an expired one is free, whether the sweep has come or not
        expired = Message.objects.with_expired_key(_keys_expired_at(now))
        _forget_keys(expired.filter(application=application, idempotency_key=new.idempotency_key))
    message = row_of(application, new, now=now)
    message.recording, message.voicemail = source, voicemail
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
    listed: dict[str, str] = {}
    blocked = dnc.blocked_at_once(application.pk, new.userdata)
    if sum(waiting.filter(each).update(status=CallStatus.DO_NOT_CALL, finished=now) for each in blocked):
        listed = dnc.why_listed(application.pk, new.userdata, [recipient.number for recipient in recipients])
    history.end_at_once(message, lambda number: refusal(number) or listed.get(number), now=now)
    events.of_ended_at_once(message)
    author_call = recordings.add_author_call(message, source, now=now)
    if not waiting.exists():
        all_listed = not message.calls.exclude(status=CallStatus.DO_NOT_CALL).exists()
        shouts.end(message, ShoutStatus.CANCELED if all_listed else ShoutStatus.FINISHED, now=now)
    elif source:
        shouts.release(message, length_s=source.length_s, now=database_now())
    else:
        # By the clock that claims go by: this host's may be ahead.
        AuthorCall.objects.filter(pk=author_call.pk).update(due_at=Now())
    shouts.tell("created", message.pk, recipients=len(recipients))
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
        language=new.language,
        transfer=new.transfer and new.transfer.as_json(),
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
    waiting = AuthorCall.objects.filter(
        state=RecordingState.NO_REC_CALL,
        due_at__isnull=False,
        held_since=None,
        message__application=application,
        message__status=ShoutStatus.PENDING,
    )
    if waiting[:most].count() >= most:
        raise TooManyWaiting(f"{most} authors wait to be rung; try again when some have been.")


def recording_to_use(application: Application, new: NewShout, *, for_good: bool) -> Recording | None:
    """What the shout is to play; None: its author is called. Raises InvalidField if there is no such recording.

    `for_good` locks it until the new shout has it too: who deletes recordings deletes none that is in use.
    """
    if new.spoken is not None:
        if for_good:
            Recording.objects.filter(pk=new.spoken.pk).update(doomed_at=None)
        return new.spoken
    if new.recording_id is not None:
        return recordings.to_use(application, new.userdata, new.recording_id, for_good=for_good)
    if new.old_shout_id is not None:
        return recordings.of_old_shout(application, new.userdata, new.old_shout_id, for_good=for_good)
    return None


def voicemail_to_use(application: Application, new: NewShout, *, for_good: bool) -> Recording | None:
    """What machines are to hear instead, if that is said. Raises InvalidField; `for_good` as above."""
    if new.voicemail_id is None:
        return None
    return recordings.to_use(
        application, new.userdata, new.voicemail_id, named="voicemail_recording", for_good=for_good
    )
