"""The life of a call to a recipient: placed, answered, heard, settled, perhaps tried again.

An attempt is named by the call's row and the serial of its address. A callback changes something only while its serial
is the row's, so whatever an earlier address still reports is without effect (but an opt-out always counts).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from blast_api import menus, records
from blast_api.carrierx.events import Answerer, StatusReport
from blast_api.compiled import Kind, Select, Update
from blast_api.conf import configuration
from blast_api.models import Call, CallQuerySet, Message, Recording
from blast_api.states import LIVE_SHOUTS, OPEN_CALLS, Q850, CallStatus, ShoutStatus, call_before

from . import dnc, shouts

log = logging.getLogger(__name__)

_LAPSED_AT_ONCE = 1000
# A waiting call this far from its time cannot have rung yet, whatever the carrier's clock says.
_CLEARLY_AHEAD = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one call."""

    call_id: int
    serial: int

    def rows(self) -> CallQuerySet:
        """The call, as long as this is its current attempt."""
        return Call.objects.filter(pk=self.call_id, serial=self.serial)


# --- The statements of the hot path: callbacks, and the answers that the dispatcher keeps ------------------------------


def _rows(call_id: int, serial: int) -> CallQuerySet:
    return Attempt(call_id, serial).rows()


_ATTEMPT: dict[str, Kind] = {"call_id": int, "serial": int}
_PICKED_UP = {"status": CallStatus.ONGOING, "held_since": None}


def _picked_up(now: datetime) -> dict[str, object]:
    return _PICKED_UP | {"answered": Coalesce("answered", Value(now)), "started": Coalesce("started", Value(now))}


def _audible(call_id: int, serial: int) -> CallQuerySet:
    # The list is asked once more: it may have grown while the call was on its way.
    return _rows(call_id, serial).with_carrier().filter(~dnc.listed(), withdrawn=False)


_ANSWERED = Update(lambda call_id, serial, now: (_audible(call_id, serial), _picked_up(now)), **_ATTEMPT, now=datetime)
_DETECTED = Update(
    lambda call_id, serial, now, who: (_audible(call_id, serial), _picked_up(now) | {"answerer": who}),
    **_ATTEMPT,
    now=datetime,
    who=str,
)
_UNHEARD = Update(
    lambda call_id, serial, now: (
        _rows(call_id, serial).with_carrier().filter(Q(withdrawn=True) | dnc.listed()),
        _picked_up(now) | {"withdrawn": True},
    ),
    **_ATTEMPT,
    now=datetime,
)
_RECORDING = Select(
    lambda call_id: Recording.objects.filter(message__calls=call_id).values_list("url", "take"), call_id=int
)
_OF_THE_CALL = ("pk", "number", "serial", "status", "sid", "attempts", "due_at", "held_since", "started", "answered")
_OF_ITS_END = ("answerer", "opted_out", "withdrawn")
_OF_THE_SHOUT = ("pk", "application_id", "userdata", "status", "created")
# To be settled: with the carrier, or timed out within the late window.
_UNSETTLED = Select(
    lambda call_id, serial: (
        (
            _rows(call_id, serial).with_carrier()
            | _rows(call_id, serial).filter(status=CallStatus.TIMED_OUT, message__closed=None)
        )
        .select_for_update(of=("self",))
        .values_list(*_OF_THE_CALL, *_OF_ITS_END, *(f"message__{name}" for name in _OF_THE_SHOUT))
    ),
    **_ATTEMPT,
)
_OF_AN_ATTEMPT: dict[str, Kind] = {
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
}
_ENDED = Update(
    lambda call_id, former_serial, former_status, **changes: (
        _rows(call_id, former_serial).filter(status=former_status),
        changes,
    ),
    call_id=int,
    former_serial=int,
    former_status=str,
    **_OF_AN_ATTEMPT,
)
_ACCEPTED = Update(
    lambda call_id, serial, status, sid, started: (
        _rows(call_id, serial).in_hand(),
        {"status": status, "sid": sid, "held_since": None, "started": started},
    ),
    **_ATTEMPT,
    status=str,
    sid=str,
    started=datetime,
)
_NAMED = Update(lambda call_id, serial, sid: (_rows(call_id, serial).filter(sid=""), {"sid": sid}), **_ATTEMPT, sid=str)
_GIVEN_BACK = Update(
    lambda call_id, serial: (
        _rows(call_id, serial).in_hand(),
        {"held_since": None, "attempts": F("attempts") - 1},
    ),
    **_ATTEMPT,
)


# --- Claimed ---------------------------------------------------------------------------------------------------------


def claim(message: Message, *, limit: int, until: datetime, now: datetime) -> list[Call]:
    """Take up to `limit` calls of a locked shout in hand, the earliest first; those listed since are settled instead.

    1. Lock ready calls that nobody else holds. 2. Ask the do-not-call list, in this same transaction. 3. Stamp the claim
    and a new address. Call it inside a transaction that holds the gate.
    """
    due = message.calls.due(until).annotate(listed=dnc.blocked(message.application_id, message.userdata))
    skip = connection.features.has_select_for_update_skip_locked
    calls = list(due.select_for_update(of=("self",), skip_locked=skip)[:limit])
    listed = {call.pk for call in calls if call.listed}  # type: ignore[attr-defined]  # annotated above
    shouts.end_calls(message, [call for call in calls if call.pk in listed], CallStatus.DO_NOT_CALL, now=now)
    claimed = [call for call in calls if call.pk not in listed]
    # By key alone: the rows are locked, and what was ready a moment ago misleads the planner.
    Call.objects.filter(pk__in=[call.pk for call in claimed]).update(
        held_since=now, serial=F("serial") + 1, attempts=F("attempts") + 1, sid="", withdrawn=False
    )
    for call in claimed:
        call.serial, call.attempts, call.held_since = call.serial + 1, call.attempts + 1, now
    return claimed


def lapse(now: datetime) -> int:
    """Placements that nothing has confirmed in time were not made: they wait for their next turn. Answers how many."""
    before = now - timedelta(seconds=configuration().placement_confirm_timeout)
    lapsed = Call.objects.in_hand().filter(held_since__lt=before, due_at__lt=before)
    return give_back([Attempt(pk, serial) for pk, serial in lapsed.values_list("pk", "serial")[:_LAPSED_AT_ONCE]])


# --- What the carrier answered to a placement ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """The carrier's word that it has a call: its SID, and when it starts."""

    attempt: Attempt
    sid: str
    delayed: bool
    starts_at: datetime


def accepted(placed: Sequence[Placed]) -> None:
    """The carrier has these calls. Of those for which a callback told so first, only the SID is news."""
    rows = [{"call_id": each.attempt.call_id, "serial": each.attempt.serial, "sid": each.sid} for each in placed]
    _ACCEPTED.many(
        row | {"status": CallStatus.PENDING if each.delayed else CallStatus.ONGOING, "started": each.starts_at}
        for row, each in zip(rows, placed, strict=True)
    )
    _NAMED.many(rows)


def refused(attempt: Attempt, *, now: datetime) -> None:
    """The carrier does not want this call, now or ever: it has failed."""
    with transaction.atomic():
        call = attempt.rows().in_hand().select_related("message").select_for_update(of=("self",)).first()
        if call is None:
            return
        _end(call, CallStatus.FAILED, duration=None, again=False, now=now)


def give_back(attempts: Sequence[Attempt]) -> int:
    """These calls were surely not placed: they wait for their next turn, and these addresses are dead."""
    return _GIVEN_BACK.many({"call_id": each.call_id, "serial": each.serial} for each in attempts)


# --- What the carrier reports ----------------------------------------------------------------------------------------


def answered(attempt: Attempt, *, now: datetime) -> bool:
    """Somebody picked up. False: nobody may hear anything on this call (any more)."""
    told = {"call_id": attempt.call_id, "serial": attempt.serial, "now": now}
    return _ANSWERED(**told) > 0 or _nobody_hears(**told)


def _nobody_hears(**told: object) -> bool:
    """The phone was picked up all the same, which is kept; always False."""
    _UNHEARD(**told)
    return False


def detected(attempt: Attempt, who: Answerer, *, now: datetime) -> str | None:
    """Answering-machine detection has spoken: the URL of the message to play; None: hang up."""
    told = {"call_id": attempt.call_id, "serial": attempt.serial, "now": now}
    heard = _DETECTED(**told, who=who.value) > 0 or _nobody_hears(**told)
    return _message_url(attempt) if heard and who is not Answerer.HANGUP else None


def pressed(attempt: Attempt, digits: str) -> tuple[menus.Wish, str]:
    """A key, or none: what the person wishes, and the URL of the message for a replay."""
    wish = menus.at_delivery(digits)
    if wish is menus.Wish.OPT_OUT:
        opt_out(attempt.call_id)
    if wish is not menus.Wish.REPLAY:
        return wish, ""
    if not attempt.rows().with_carrier().filter(withdrawn=False).exists():
        return menus.Wish.END, ""
    return wish, _message_url(attempt)


def _message_url(attempt: Attempt) -> str:
    ((url, take),) = _RECORDING(call_id=attempt.call_id)
    return Recording(url=url, take=take).play_url


def opt_out(call_id: int) -> None:
    """The person at the other end must never be called again by this user. Overtakes any ending, also the last."""
    with transaction.atomic():
        call = Call.objects.select_related("message").select_for_update(of=("self",)).filter(pk=call_id).first()
        if call is None:
            return
        message = call.message
        dnc.add(message.application_id, message.userdata, call.number)
        Call.objects.filter(pk=call_id).update(opted_out=True)
        ended = call_before(CallStatus.OPTED_OUT) - OPEN_CALLS
        Call.objects.filter(pk=call_id, status__in=ended).update(
            status=CallStatus.OPTED_OUT, q850=Q850[CallStatus.OPTED_OUT]
        )
        # Afterwards, and by itself: what is on the list is there, whatever other calls are locked at this moment.
        transaction.on_commit(partial(dnc.recall, message.application_id, message.userdata, call.number))


def settled(attempt: Attempt, report: StatusReport, *, now: datetime) -> None:
    """How the call ended. The first final word on an attempt counts; all others change nothing."""
    if report.ending is None:
        log.warning(
            "status callback without a final status",
            extra={"action": "status_unknown", "call": attempt.call_id, "word": report.word},
        )
        return
    with transaction.atomic():
        call = _unsettled(attempt)
        if call is None:
            return
        late = call.status == CallStatus.TIMED_OUT
        if report.sid and call.sid and report.sid != call.sid:
            log.info("the carrier names this call in two ways", extra={"action": "sid_differs", "call": call.pk})
        call.sid = call.sid or report.sid
        call.started = call.started or call.held_since
        _end(call, report.ending, duration=report.duration_s, late=late, now=now)


def _unsettled(attempt: Attempt) -> Call | None:
    """The call, locked, if this attempt of it has not been settled yet, with what its record needs of its shout."""
    rows = _UNSETTLED(call_id=attempt.call_id, serial=attempt.serial)
    if not rows:
        return None
    names = (*_OF_THE_CALL, *_OF_ITS_END)
    message = Message(**dict(zip(_OF_THE_SHOUT, rows[0][len(names) :], strict=True)))
    return Call(**dict(zip(names, rows[0], strict=False)), message=message)


def _end(
    call: Call, told: CallStatus, *, duration: int | None, again: bool = True, late: bool = False, now: datetime
) -> None:
    """End the attempt of a locked row, record it, and make the call ready `again` if it is to be retried."""
    message = call.message
    serial, before, ending = call.serial, call.status, _ending(call, told)
    call.status, call.q850, call.duration, call.finished = ending, Q850.get(ending), duration, now
    call.held_since = None
    records.add_cdr(call, message, late=late)
    if again and message.status in LIVE_SHOUTS and not late:
        again_at = configuration().retry_policy.due_at(ending, attempts=call.attempts, now=now)
        if again_at:
            call.serial += 1  # this attempt is recorded: its address is dead, also if the call is timed out as it waits
            if (
                again_at > now or call.due_at is None
            ):  # otherwise it keeps its place, before the calls that were due after it
                call.due_at = again_at
            call.status, call.sid, call.answerer = CallStatus.READY, "", ""
            call.started = call.answered = call.finished = call.duration = call.q850 = None
    assert before in call_before(ending)
    changes = {name: getattr(call, name) for name in _OF_AN_ATTEMPT}
    _ENDED(call_id=call.pk, former_serial=serial, former_status=before, **changes)
    finish = shouts.finish_late if late else shouts.finish_if_settled
    transaction.on_commit(partial(finish, message.pk, now=now))


def _ending(call: Call, told: CallStatus) -> CallStatus:
    """What became of the call by our own record: the carrier's word is not all there is to it."""
    if call.opted_out:
        return CallStatus.OPTED_OUT
    if call.withdrawn and not call.answerer:
        return withdrawal_ending(call)
    return told


# --- Withdrawn -------------------------------------------------------------------------------------------------------


def withdrawal_ending(call: Call) -> CallStatus:
    """A call withdrawn with its shout is cancelled; one of a shout that goes on was for a number listed since."""
    return CallStatus.CANCELLED if call.message.status == ShoutStatus.CANCELED else CallStatus.DO_NOT_CALL


def claim_to_withdraw(*, limit: int, stale: datetime, now: datetime, only: int | None = None) -> list[Call]:
    """Take withdrawn calls in hand that wait at the carrier; a claim older than `stale` is nobody's."""
    free = Q(held_since=None) | Q(held_since__lt=stale)
    waiting = Call.objects.filter(free, withdrawn=True, status=CallStatus.PENDING, sid__gt="").order_by("due_at")
    if only is not None:
        waiting = waiting.filter(message=only)
    claimed = list(waiting[:limit])
    Call.objects.filter(pk__in=[call.pk for call in claimed], status=CallStatus.PENDING).update(held_since=now)
    return claimed


def let_go(attempt: Attempt) -> None:
    """A waiting call in hand was not withdrawn after all: somebody will take it again."""
    attempt.rows().filter(status=CallStatus.PENDING).update(held_since=None)


def withdrawn(attempt: Attempt, *, still_waited: bool, now: datetime) -> None:
    """The carrier answered a withdrawal: the call still waited there and is gone, or it no longer waits."""
    with transaction.atomic():
        unheard = attempt.rows().with_carrier().filter(withdrawn=True, answered=None)
        call = unheard.select_related("message").select_for_update(of=("self",)).first()
        if call is None:
            return
        if not still_waited and call.due_at and call.due_at < now + _CLEARLY_AHEAD:
            # It rings, or rang: its document hangs up, and its status callback tells the rest.
            attempt.rows().filter(status=CallStatus.PENDING).update(status=CallStatus.ONGOING, held_since=None)
            return
        call.started = None  # it never rang
        _end(call, withdrawal_ending(call), duration=None, now=now)
