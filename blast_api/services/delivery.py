"""The life of a call to a recipient: placed, answered, heard, settled, perhaps tried again.

An attempt is named by the call's row and the serial of its address. A callback changes something only while its serial
is the row's, so whatever an earlier address still reports is without effect (but an opt-out always counts).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import F, Q

from blast_api.carrierx.events import HEARD_BY, Answerer, StatusReport
from blast_api.conf import configuration
from blast_api.domain import menus
from blast_api.domain.rules import retry
from blast_api.domain.rules.said import Machines
from blast_api.domain.rules.verdict import Now
from blast_api.domain.states import LIVE_SHOUTS, OPEN_CALLS, Q850, CallStatus, ShoutStatus, call_before
from blast_api.domain.transfers import when_the_call_is_over
from blast_api.models import Call, CallQuerySet, Message

from . import attempts, dnc, events, history, pauses, rules, scripts, shouts, transfers
from .attempts import CallAttempt as CallAttempt
from .attempts import CallRow
from .scripts import Script

log = logging.getLogger(__name__)

_LAPSED_AT_ONCE = 1000
_FORBIDDEN = "forbidden for this number"
ENDED_AT_ONCE = 500
_SPARED = "a machine answered, which hears nothing by the shout's rules"
# A waiting call this far from its time cannot have rung yet, whatever the carrier's clock says.
_CLEARLY_AHEAD = timedelta(seconds=10)


# --- Claimed ---------------------------------------------------------------------------------------------------------


def recalled() -> list[tuple[int, int]]:
    """Calls in hand, by their serial, that must not leave: withdrawn with their shout, recalled by its pause, or listed since."""
    return list(Call.objects.in_hand().filter(withdrawn=True).values_list("pk", "serial"))


def lapse(now: datetime) -> int:
    """Placements that nothing has confirmed in time were not made: they wait for their next turn. Answers how many."""
    before = now - timedelta(seconds=configuration().placement_confirm_timeout)
    lapsed = Call.objects.in_hand().filter(held_since__lt=before, due_at__lt=before)
    oldest = lapsed.order_by("pk").values_list("pk", "serial")[:_LAPSED_AT_ONCE]
    return give_back([CallAttempt(pk, serial) for pk, serial in oldest])


def end_by_shout(which: CallQuerySet, status: CallStatus, *, why: str = "", now: datetime) -> dict[int, int]:
    """End such calls without word from the carrier, a bounded number of them; answers how many of which shout."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for pk, message_id in which.values_list("pk", "message_id")[:ENDED_AT_ONCE]:
        found[message_id].append(pk)
    for message_id, pks in found.items():
        with transaction.atomic():
            message = Message.objects.get(pk=message_id)
            calls = list(which.filter(pk__in=pks).order_by("pk").select_for_update(of=("self",)))
            shouts.end_calls(message, calls, status, reasons=dict.fromkeys(pks, why), now=now)
        found[message_id] = [call.pk for call in calls]
    return {message_id: len(pks) for message_id, pks in found.items()}


# --- What the carrier answered to a placement ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Placed:
    """The carrier's word that it has a call: its SID, and when it starts."""

    attempt: CallAttempt
    sid: str
    delayed: bool
    starts_at: datetime


def lock(several: Iterable[CallAttempt]) -> None:
    """Lock these calls in the order of their keys, as all do who lock many. Call it inside a transaction, before anything else."""
    pks = [attempt.call_id for attempt in several]
    list(Call.objects.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk"))


def accepted(placed: Sequence[Placed]) -> None:
    """The carrier has these calls. Of those for which a callback told so first, only the SID is news."""
    rows = [{"call_id": each.attempt.call_id, "serial": each.attempt.serial, "sid": each.sid} for each in placed]
    attempts.ACCEPTED.many(
        row | {"status": CallStatus.PENDING if each.delayed else CallStatus.ONGOING, "started": each.starts_at}
        for row, each in zip(rows, placed, strict=True)
    )
    attempts.NAMED.many(rows)


def refused(attempt: CallAttempt, *, reason: str = "", now: datetime) -> None:
    """The carrier does not want this call, now or ever: it has failed. `reason` are its own words."""
    if (found := attempts.to_settle(attempt)) is None:
        return
    row, _ = found
    is_in_hand = row.status == CallStatus.READY
    if is_in_hand and _end(row, CallStatus.FAILED, duration=None, said=reason, again=False, now=now):
        transaction.on_commit(partial(shouts.finish_if_settled, row.message.pk, now=now))


def put_off(attempt: CallAttempt, *, reason: str = "", suspect: bool, now: datetime) -> None:
    """The carrier does not take this call now: others go first, and after too many times it has failed.

    A `suspect` may be forbidden for its number: `barred` ends it when the carrier has taken another.
    """
    in_hand = attempt.rows().in_hand()
    for refusals, due_at in in_hand.values_list("refusals", "due_at"):
        again_at = retry.put_off_until(refusals + 1, now=now)
        if again_at is None:
            refused(attempt, reason=reason, now=now)
            return
        with transaction.atomic():
            given_back = in_hand.update(
                refusals=refusals + 1,
                refused=now if suspect else None,
                due_at=max(again_at, due_at or now),
                held_since=None,
                attempts=F("attempts") - 1,
                serial=F("serial") + 1,
            )
            if given_back:
                history.forget_unplaced([attempt.call_id])


def barred(before: datetime, *, now: datetime) -> None:
    """What the carrier forbade before then, it forbids for the number, for it has taken another since: such calls have failed."""
    suspects = Call.objects.filter(status=CallStatus.READY, held_since=None, refused__lt=before)
    ended = end_by_shout(suspects.order_by("refused"), CallStatus.FAILED, why=_FORBIDDEN, now=now)
    for message_id, count in ended.items():
        about = {"action": "call_refused", "reason": _FORBIDDEN, "shout": message_id, "count": count}
        log.error("the carrier refused calls to numbers that it does not call", extra=about)


def clear_suspects() -> None:
    """The carrier forbids calls to all of us: that says nothing of the numbers."""
    Call.objects.filter(refused__isnull=False).update(refused=None)


def give_back(unplaced: Sequence[CallAttempt]) -> int:
    """These calls were surely not placed: they wait for their next turn, and these addresses are dead."""
    return attempts.give_back(unplaced)


# --- What the carrier reports ----------------------------------------------------------------------------------------


def answered(attempt: CallAttempt, *, now: datetime) -> bool:
    """The carrier asks what to do with this call. False: nobody may hear anything on it (any more).

    Raises AttemptOver. Nothing is written where nothing is news: that it rings by now is known, unless this comes before the carrier's answer.
    """
    params = {"call_id": attempt.call_id, "serial": attempt.serial, "now": now}
    match attempts.PROCEEDS(**params):
        case [(CallStatus.ONGOING,)]:
            return True
        case [_] if attempts.ANSWERED(**params):
            return True
    return _nobody_hears(attempt, now=now)


def _nobody_hears(attempt: CallAttempt, *, now: datetime) -> bool:
    """The phone was picked up all the same, which is kept; always False. Raises AttemptOver."""
    if not attempts.UNHEARD(call_id=attempt.call_id, serial=attempt.serial, now=now):
        attempts.refuse_if_over(attempt, now=now)
    return False


def detected(attempt: CallAttempt, who: Answerer, *, now: datetime) -> Script | None:
    """Answering-machine detection has spoken: what is to be heard; None: hang up. Raises AttemptOver."""
    params = {"call_id": attempt.call_id, "serial": attempt.serial, "now": now}
    # Looked up first: noted as heard is only what can be played, also if the database goes away in between.
    script = scripts.of_call(attempt.call_id)
    if who is Answerer.MACHINE and script.for_machines is None:
        if not attempts.SPARED(**params):
            _nobody_hears(attempt, now=now)
        return None
    heard = attempts.DETECTED(**params, who=who.value) > 0 or _nobody_hears(attempt, now=now)
    return script if heard and who is not Answerer.HANGUP else None


def pressed(attempt: CallAttempt, digits: str, *, replays: int = 0, now: datetime) -> tuple[menus.Wish, Script | None]:
    """A key, or none: what the person is granted, and what is to be heard for it. Raises AttemptOver.

    After so many `replays` as there may be, none is granted.
    """
    attempts.refuse_if_over(attempt, now=now)
    wish = menus.at_delivery(digits)
    if wish is menus.Wish.OPT_OUT:
        opt_out(attempt, keys="0" * replays + digits)
    elif digits:
        attempts.pressed(attempt, "0" * replays + digits)
    if wish is menus.Wish.OPT_OUT:
        return wish, scripts.of_call(attempt.call_id)
    if not digits or not attempts.is_heard(attempt):
        return menus.Wish.END, None
    script = scripts.of_call(attempt.call_id)
    if wish is menus.Wish.REPLAY:
        return (wish, script) if replays < configuration().max_replays else (menus.Wish.END, None)
    return transfers.wished(attempt, script, digits, now=now), script


def may_be_asked(attempt: CallAttempt, *, now: datetime) -> Script | None:
    """What it needs to ask the person again; None: nobody is there. Raises AttemptOver."""
    attempts.refuse_if_over(attempt, now=now)
    return scripts.of_call(attempt.call_id) if attempts.is_heard(attempt) else None


def apologised(attempt: CallAttempt, *, asked: datetime) -> None:
    """A fault of ours was heard instead of what was asked for then: whatever the carrier says, it was no delivery.

    What has been noted as heard since then was not: a database that we gave up may have noted it all the same.
    """
    noted_since = attempt.rows().filter(answered__gte=asked)
    if not noted_since.update(apologised=True, answerer=""):
        attempt.rows().update(apologised=True)


def opt_out(attempt: CallAttempt, *, keys: str) -> None:
    """The person at the other end must never be called again by those whom their list binds. Overtakes any ending, also the last.

    Who hears an audition tries the key out: nobody is listed.
    """
    with transaction.atomic():
        same = Call.objects.filter(pk=attempt.call_id)
        call = same.select_related("message").select_for_update(of=("self",)).first()
        if call is None:
            return
        message = call.message
        if message.audition_of_id:
            attempts.pressed(attempt, keys)
            return
        dnc.add(message.application_id, message.userdata, call.number, call_id=call.pk)
        attempts.opted_out(attempt, keys)
        ended = call_before(CallStatus.OPTED_OUT) - OPEN_CALLS
        if same.filter(status__in=ended).update(status=CallStatus.OPTED_OUT, q850=Q850[CallStatus.OPTED_OUT]):
            events.of_call_corrected(call, message)
        # Afterwards, and by itself: what is on the list is there, whatever other calls are locked at this moment.
        transaction.on_commit(partial(dnc.recall, message.application_id, message.userdata, call.number))


def settled(attempt: CallAttempt, report: StatusReport, *, now: datetime) -> None:
    """How the call ended. The first final word on an attempt counts; all others change nothing. Raises AttemptOver."""
    if report.ending is None:
        attempts.refuse_if_over(attempt, now=now)
        log.warning(
            "status callback without a final status",
            extra={"action": "status_unknown", "call": attempt.call_id, "word": report.word},
        )
        return
    while (found := attempts.to_settle(attempt)) is not None:
        row, is_one_of_many = found
        if report.sid and row.sid and report.sid != row.sid:
            log.info("the carrier names this call in two ways", extra={"action": "sid_differs", "call": row.pk})
        row.sid = row.sid or report.sid
        row.started = row.started or row.held_since
        if row.recalled and report.ending is CallStatus.CANCELLED and attempts.taken_back(attempt):
            return  # word of our own withdrawal
        late = row.status == CallStatus.TIMED_OUT
        if not _end(row, report.ending, duration=report.duration_s, said=report.said, late=late, now=now):
            continue  # it has changed under our hands, as by a key that was pressed: look again
        if late:
            shouts.finish_late(row.message.pk, now=now)
        elif not is_one_of_many:
            shouts.finish_if_settled(row.message.pk, now=now)
        return
    attempts.refuse_if_over(attempt, now=now)


def _end(
    row: CallRow,
    reported: CallStatus,
    *,
    duration: int | None,
    said: str = "",
    again: bool = True,
    late: bool = False,
    now: datetime,
) -> bool:
    """End the attempt of a row as it was read, record it, and make the call ready `again` if it is to be retried.

    False: the row is no longer as it was read, and nothing was done.
    """
    former, ending = copy(row), _ending(row, reported)
    assert former.status in call_before(ending)
    row.status, row.q850, row.duration, row.finished = ending, Q850.get(ending), duration, now
    row.transfer_outcome = when_the_call_is_over(row.transfer_outcome)
    row.held_since = None
    stored = history.end_of(
        row,
        row.serial,
        message_id=row.message.pk,
        claimed=former.started or former.held_since or now,
        own_did=row.message.did,
        is_audition=row.message.audition_of_id is not None,
        why=history.reason(f"{said} ({_SPARED})" if row.machine else said),
        late=late,
    )
    if again and row.message.status in LIVE_SHOUTS and not late and row.answerer not in HEARD_BY:
        again_at = _again_at(row, ending, now=now)
        if again_at:
            row.serial += 1  # this attempt is recorded: its address is dead, also if the call is timed out as it waits
            if (
                again_at > now or row.due_at is None
            ):  # otherwise it keeps its place, before calls that were due after it
                row.due_at = again_at
            row.status, row.sid, row.answerer, row.keys = CallStatus.READY, "", "", ""
            row.started = row.answered = row.finished = row.duration = row.q850 = None
    ended = attempts.end(former, row, stored)
    if ended and ending is CallStatus.FAILED:
        transaction.on_commit(partial(pauses.pause_if_failing, row.message.pk, now=now))
    return ended


def _again_at(row: CallRow, ending: CallStatus, *, now: datetime) -> datetime | None:
    """When the call is tried again, by its shout's rules; None: never. A machine that was spared is an ending of its own."""
    in_force = rules.in_force(row.message)
    if row.machine and in_force.machines is not Machines.RETRY:
        return None
    word = retry.MACHINE if row.machine else ending
    again_at = in_force.retry.due_at(word, attempts=row.attempts, now=now)
    return again_at if again_at and isinstance(in_force.in_time(again_at), Now) else None


def _ending(row: CallRow, reported: CallStatus) -> CallStatus:
    """What became of the call by our own record: the carrier's word is not all there is to it."""
    if row.opted_out:
        return CallStatus.OPTED_OUT
    if row.withdrawn and not row.recalled and not row.answerer:
        return _withdrawal_ending(row)
    if reported is CallStatus.COMPLETED and row.answerer not in HEARD_BY:
        return CallStatus.APP_ERROR if row.apologised else CallStatus.NO_ANSWER
    return reported


# --- Withdrawn -------------------------------------------------------------------------------------------------------


def _withdrawal_ending(row: CallRow) -> CallStatus:
    """A call withdrawn with its shout is cancelled; one of a shout that goes on was for a number listed since."""
    return CallStatus.CANCELLED if row.message.status == ShoutStatus.CANCELED else CallStatus.DO_NOT_CALL


def claim_to_withdraw(*, limit: int, stale: datetime, now: datetime, only: int | None = None) -> list[Call]:
    """Take withdrawn calls in hand that wait at the carrier; a claim older than `stale` is nobody's."""
    free = Q(held_since=None) | Q(held_since__lt=stale)
    waiting = Call.objects.filter(free, withdrawn=True, status=CallStatus.PENDING, sid__gt="").order_by("due_at")
    if only is not None:
        waiting = waiting.filter(message=only)
    skip = connection.features.has_select_for_update_skip_locked
    claimed = list(waiting.select_for_update(skip_locked=skip)[:limit])
    Call.objects.filter(pk__in=[call.pk for call in claimed], status=CallStatus.PENDING).update(held_since=now)
    return claimed


def let_go(attempt: CallAttempt) -> None:
    """A waiting call in hand was not withdrawn after all: somebody will take it again."""
    attempt.rows().filter(status=CallStatus.PENDING).update(held_since=None)


def withdrawn(attempt: CallAttempt, *, still_waited: bool, now: datetime) -> None:
    """The carrier answered a withdrawal: the call still waited there and is gone, or it no longer waits."""
    if (found := attempts.to_settle(attempt)) is None:
        return
    row, _ = found
    if not row.withdrawn or row.answered or row.status == CallStatus.TIMED_OUT:
        return
    if not still_waited and row.due_at and row.due_at < now + _CLEARLY_AHEAD:
        # It rings, or rang: its document hangs up, and its status callback tells the rest.
        attempt.rows().filter(status=CallStatus.PENDING).update(status=CallStatus.ONGOING, held_since=None)
        return
    if row.recalled and row.status == CallStatus.PENDING and attempts.taken_back(attempt):
        return
    row.started = None  # it never rang
    if _end(row, _withdrawal_ending(row), duration=None, now=now):
        transaction.on_commit(partial(shouts.finish_if_settled, row.message.pk, now=now))
