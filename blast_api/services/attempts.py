"""One attempt of one call in the database: the statements of the hot path, compiled once.

They are what callbacks run, and what the dispatcher runs to keep the carrier's answers. An attempt is named by the call's
row and the serial of its address; each statement changes something only while the serial is the row's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import product, takewhile

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Length
from django.db.models.lookups import LessThan

from blast_api.conf import configuration
from blast_api.db.prepared import ParameterType, RecordedUpdate, Select, Update
from blast_api.domain.errors import AttemptOver
from blast_api.domain.states import CallStatus
from blast_api.models import Call, CallQuerySet

from . import dnc, events, history, shouts


@dataclass(frozen=True, slots=True)
class CallAttempt:
    """One attempt of one call."""

    call_id: int
    serial: int

    def rows(self) -> CallQuerySet:
        """The call, as long as this is its current attempt."""
        return Call.objects.filter(pk=self.call_id, serial=self.serial)


def _rows(call_id: int, serial: int) -> CallQuerySet:
    return CallAttempt(call_id, serial).rows()


def public_status(now: datetime) -> Case:
    """As a column of calls: the status that others are told. A call whose delay has passed rings, reported or not."""
    rings = When(status=CallStatus.PENDING, sid__gt="", due_at__lte=now, then=Value(CallStatus.ONGOING))
    return Case(rings, default=F("status"))


_MOST_KEYS = 128  # as the column has room for
_ATTEMPT: dict[str, ParameterType] = {"call_id": int, "serial": int}


def _picked_up(now: datetime) -> dict[str, object]:
    up = {"status": CallStatus.ONGOING, "held_since": None, "started": Coalesce("started", Value(now))}
    return up | {"withdrawn": False, "recalled": False}  # of a pause: nobody takes back what is up


def _heard(now: datetime) -> dict[str, object]:
    return _picked_up(now) | {"answered": Coalesce("answered", Value(now))}


# Who answers what a pause takes back hears it: nobody is rung for nothing.
MAY_BE_HEARD = Q(withdrawn=False) | Q(recalled=True)


def _not_withdrawn(call_id: int, serial: int) -> CallQuerySet:
    return _rows(call_id, serial).with_carrier().filter(MAY_BE_HEARD)


def _audible(call_id: int, serial: int) -> CallQuerySet:
    # The list is asked once more: it may have grown while the call was on its way.
    return _not_withdrawn(call_id, serial).filter(~dnc.listed())


PROCEEDS = Select(
    lambda call_id, serial, now: (
        _not_withdrawn(call_id, serial).annotate(public_status=public_status(now)).values_list("public_status")
    ),
    **_ATTEMPT,
    now=datetime,
)
ANSWERED = Update(lambda call_id, serial, now: (_audible(call_id, serial), _picked_up(now)), **_ATTEMPT, now=datetime)
DETECTED = Update(
    lambda call_id, serial, now, who: (_audible(call_id, serial), _heard(now) | {"answerer": who}),
    **_ATTEMPT,
    now=datetime,
    who=str,
)
# A machine picked up, and the shout has nothing for machines.
SPARED = Update(
    lambda call_id, serial, now: (_audible(call_id, serial), _picked_up(now) | {"machine": True}),
    **_ATTEMPT,
    now=datetime,
)
UNHEARD = Update(
    lambda call_id, serial, now: (
        _rows(call_id, serial).with_carrier().filter(~MAY_BE_HEARD | dnc.listed()),
        _heard(now) | {"withdrawn": True, "recalled": False},
    ),
    **_ATTEMPT,
    now=datetime,
)


@dataclass(slots=True)
class ShoutRow:
    """What the end of an attempt needs of its shout: columns of a message."""

    pk: int
    application_id: int
    userdata: str
    status: str
    did: str
    audition_of_id: int | None
    delivery: dict[str, object] | None = None
    until: datetime | None = None
    calls_per_second: float | None = None
    concurrent_calls: int | None = None


@dataclass(slots=True)
class CallRow:
    """A call as one attempt of it sees it: columns of its row; no model, which would cost as much as the query."""

    pk: int
    number: str
    serial: int
    status: str
    sid: str
    attempts: int
    due_at: datetime | None
    held_since: datetime | None
    started: datetime | None
    answered: datetime | None
    answerer: str
    keys: str
    apologised: bool
    opted_out: bool
    withdrawn: bool
    recalled: bool
    machine: bool
    transferred: datetime | None
    transfer_outcome: str
    transfer_s: int | None
    message: ShoutRow
    is_told: bool = False  # its application has webhooks
    q850: int | None = None
    duration: int | None = None
    finished: datetime | None = None


_OF_THE_SHOUT = tuple(field.name for field in fields(ShoutRow))
_OF_THE_CALL = tuple(takewhile(lambda name: name != "message", (field.name for field in fields(CallRow))))
# To be settled: with the carrier, or timed out within the late window. And whether its application has webhooks, and its
# shout many more open calls.
_TO_SETTLE = Select(
    lambda call_id, serial: (
        _rows(call_id, serial)
        .outstanding()
        .filter(~Q(status=CallStatus.TIMED_OUT) | Q(message__closed=None))
        .values_list(
            *_OF_THE_CALL,
            *(f"message__{name}" for name in _OF_THE_SHOUT),
            events.listens(),
            shouts.one_of_many_open_calls(),
        )
    ),
    **_ATTEMPT,
)
_OF_AN_ENDING: dict[str, ParameterType] = {
    "serial": int,
    "status": str,
    "q850": int,
    "duration": int,
    "finished": datetime,
    "held_since": datetime,
    "due_at": datetime,
    "sid": str,
    "started": datetime,
    "answered": datetime,
    "answerer": str,
    "keys": str,
    "transfer_outcome": str,
}


def _ending_of(*, opted_out: bool, withdrawn: bool, recalled: bool, is_told: bool) -> RecordedUpdate:
    """Ends an attempt of a call, and its row, if all that the ending was concluded from still holds; and tells webhooks."""
    return RecordedUpdate(
        lambda call_id, former_serial, former_status, former_answerer, former_keys, former_outcome, **changes: (
            _rows(call_id, former_serial)
            .outstanding()
            .filter(
                status=former_status,
                answerer=former_answerer,
                keys=former_keys,
                transfer_outcome=former_outcome,
                opted_out=opted_out,
                withdrawn=withdrawn,
                recalled=recalled,
            ),
            changes,
        ),
        history.ENDED,
        events.END_TOLD if is_told else None,
        call_id=int,
        former_serial=int,
        former_status=str,
        former_answerer=str,
        former_keys=str,
        former_outcome=str,
        **_OF_AN_ENDING,
    )


_ENDED = {
    flags: _ending_of(opted_out=flags[0], withdrawn=flags[1], recalled=flags[2], is_told=flags[3])
    for flags in product((False, True), repeat=4)
}
_TIMES = Select(
    lambda call_id: Call.objects.filter(pk=call_id).values_list("serial", "finished", "started"), call_id=int
)
ACCEPTED = Update(
    lambda call_id, serial, status, sid, started: (
        _rows(call_id, serial).in_hand(),
        {"status": status, "sid": sid, "held_since": None, "started": started},
    ),
    **_ATTEMPT,
    status=str,
    sid=str,
    started=datetime,
)
PRESSED = Update(
    lambda call_id, serial, keys, count: (
        _rows(call_id, serial).with_carrier().filter(LessThan(Length("keys"), count)),
        {"keys": keys},
    ),
    **_ATTEMPT,
    keys=str,
    count=int,
)
NAMED = Update(lambda call_id, serial, sid: (_rows(call_id, serial).filter(sid=""), {"sid": sid}), **_ATTEMPT, sid=str)
# The carrier has let go of what a pause takes back: it waits with us again, and its attempt was none.
TAKEN_BACK = Update(
    lambda call_id, serial: (
        _rows(call_id, serial).with_carrier().filter(recalled=True, answered=None),
        {
            "status": CallStatus.READY,
            "sid": "",
            "held_since": None,
            "started": None,
            "withdrawn": False,
            "recalled": False,
            "attempts": F("attempts") - 1,
            "serial": F("serial") + 1,
        },
    ),
    **_ATTEMPT,
)
# The address is dead at once, not only from the next claim on: the call may be timed out before it, and late news of what
# rang without us is none.
GIVEN_BACK = Update(
    lambda call_id, serial: (
        _rows(call_id, serial).in_hand(),
        {"held_since": None, "attempts": F("attempts") - 1, "serial": F("serial") + 1},
    ),
    **_ATTEMPT,
)


def to_settle(attempt: CallAttempt) -> tuple[CallRow, bool] | None:
    """The call, if this attempt of it has not been settled yet; and whether its shout has many more that are open."""
    found = _TO_SETTLE(call_id=attempt.call_id, serial=attempt.serial)
    if not found:
        return None
    *columns, is_told, another = found[0]
    count = len(_OF_THE_CALL)
    values = (*columns[:count], ShoutRow(*columns[count:]), bool(is_told))
    return CallRow(*values), another is not None


def end(former: CallRow, row: CallRow, attempt: Mapping[str, object]) -> bool:
    """Write down how an attempt ended, in its call and in its row; False: it is no longer as `former` says, and nothing was done.

    `attempt` is what is stored of it: `history.end_of`.
    """
    found_by = {
        "call_id": former.pk,
        "former_serial": former.serial,
        "former_status": former.status,
        "former_answerer": former.answerer,
        "former_keys": former.keys,
        "former_outcome": former.transfer_outcome,
    }
    changes = {name: getattr(row, name) for name in _OF_AN_ENDING}
    stored = {f"row.{column}": value for column, value in attempt.items()}
    is_told = former.is_told and former.message.audition_of_id is None
    told = events.end_told(former.message.application_id, former.pk, former.serial, is_over=row.finished is not None)
    ending = _ENDED[former.opted_out, former.withdrawn, former.recalled, is_told]
    return ending(**found_by, **changes, **stored, **told) > 0


def taken_back(attempt: CallAttempt) -> bool:
    """A call that a pause takes back is not with the carrier any more; False: it is up, has ended, or is no longer recalled."""
    with transaction.atomic():
        changed = TAKEN_BACK(call_id=attempt.call_id, serial=attempt.serial)
        if changed:
            history.forget_unplaced([attempt.call_id])
    return changed > 0


def give_back(unplaced: Sequence[CallAttempt]) -> int:
    """Of these placements, those that are in hand were none, and their addresses are dead. Answers how many."""
    with transaction.atomic():
        given = GIVEN_BACK.many({"call_id": each.call_id, "serial": each.serial} for each in unplaced)
        if given:
            history.forget_unplaced([each.call_id for each in unplaced])
    return given


def pressed(attempt: CallAttempt, keys: str) -> None:
    """These keys were pressed in an attempt so far; of two that tell of it, the one that knows more counts."""
    keys = keys[:_MOST_KEYS]
    PRESSED(call_id=attempt.call_id, serial=attempt.serial, keys=keys, count=len(keys))


def is_heard(attempt: CallAttempt) -> bool:
    """Whether the call is up, as far as we know, and somebody may hear something on it."""
    return attempt.rows().with_carrier().filter(MAY_BE_HEARD).exists()


def opted_out(attempt: CallAttempt, keys: str) -> None:
    """The person of this call has opted out, by these keys; that counts whatever has become of the attempt."""
    keys = keys[:_MOST_KEYS]
    is_news = Q(LessThan(Length("keys"), len(keys)), serial=attempt.serial)
    known = Case(When(is_news, then=Value(keys)), default=F("keys"))
    Call.objects.filter(pk=attempt.call_id).update(opted_out=True, keys=known)


def refuse_if_over(attempt: CallAttempt, *, now: datetime) -> None:
    """Raises AttemptOver if nothing that is told of this attempt can be true any more.

    So long after the call has ended, or after a later attempt of it was placed; and if the call is not there.
    """
    for serial, finished, started in _TIMES(call_id=attempt.call_id):
        over_since = finished or (started if serial != attempt.serial else None)
        if over_since is None or over_since > now - configuration().late_window:
            return
    raise AttemptOver(f"call {attempt.call_id} is long over")
