"""The call to the author: placed, answered, recorded, verified, confirmed. Answers each callback with a Reply.

As with deliveries, a callback counts only while the serial of its address is the row's.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from blast_api.carrierx.events import RecordingReport, StatusReport
from blast_api.conf import configuration
from blast_api.domain import menus
from blast_api.domain.errors import AttemptOver
from blast_api.domain.menus import Choice
from blast_api.domain.rules import retry
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus, recording_before
from blast_api.models import AuthorCall, Message
from blast_api.records import content, outbox

from . import shouts

log = logging.getLogger(__name__)

_BARRED_AT_ONCE = 100
# A key pressed just before hanging up may be reported after the end of the call.
_GRACE = timedelta(seconds=5)
# A carrier that takes the wish to keep a recording, and answers that its time is as before, is asked again for so long.
_KEPT_WITHIN = timedelta(minutes=10)
_ENDED_AT_ONCE = 20  # shouts, with the first of their calls
_LAPSED_AT_ONCE = 1000
_ANSWERED = (RecordingState.USER_ANSWERED, RecordingState.PRESSED_STAR, RecordingState.RECORDED)
_UNDECIDED = (RecordingState.NO_REC_CALL, RecordingState.PLACED, *_ANSWERED)


class Reply(Enum):
    """What the author hears next."""

    WELCOME = auto()
    WELCOME_AGAIN = auto()  # after a key that means nothing
    RECORD = auto()
    RECORD_AGAIN = auto()  # over the same file, if there is one
    VERIFY = auto()
    VERIFY_AGAIN = auto()  # after a key that means nothing
    PLAY_BACK = auto()
    SAVED = auto()
    CANCELLED = auto()
    NO_KEY = auto()
    GOODBYE = auto()  # the call has nothing more to do


@dataclass(frozen=True, slots=True)
class AuthorAttempt:
    """One attempt to reach the author of one shout."""

    message_id: int
    serial: int

    def rows(self) -> QuerySet[AuthorCall]:
        """The recording call, as long as this is its current attempt and its shout waits for it."""
        return AuthorCall.objects.filter(pk=self.message_id, serial=self.serial, message__status=ShoutStatus.PENDING)

    def move(self, state: RecordingState, *, at: RecordingState | None = None, **changes: object) -> bool:
        """The guarded move to `state`; False if it may not be made from where the call is, or it is not `at` that state."""
        from_ = Q(state__in=recording_before(state) & ({at} if at else set(RecordingState)))
        if state is not RecordingState.PLACED:
            # Only the current claim may speak before its answer is kept.
            from_ &= ~Q(state=RecordingState.NO_REC_CALL, held_since=None)
        rows = AuthorCall.objects.filter(from_, pk__in=self.rows().values("pk"))
        return rows.update(state=state, state_since=Now(), held_since=None, **changes) > 0


# --- Claimed -------------------------------------------------------------------------------------------------------


def due(now: datetime) -> QuerySet[AuthorCall]:
    """Calls to authors that may be claimed."""
    return _waiting().filter(
        held_since=None, due_at__lte=now, message__status=ShoutStatus.PENDING, message__paused_at=None
    )


def claim(*, limit: int, now: datetime, application: int | None = None, only: int | None = None) -> list[AuthorCall]:
    """Take up to `limit` calls to authors in hand, the longest waiting first; `only` that of one shout.

    Call it inside a transaction that holds the gate. The shout's status is asked in the same statement.
    """
    whose = due(now).select_related("message")
    if application is not None:
        whose = whose.filter(message__application=application)
    if only is not None:
        whose = whose.filter(pk=only)
    skip = connection.features.has_select_for_update_skip_locked
    claimed = list(whose.order_by("due_at").select_for_update(skip_locked=skip)[:limit])
    AuthorCall.objects.filter(pk__in=[recording.pk for recording in claimed], held_since=None).update(
        held_since=now, serial=F("serial") + 1, attempts=F("attempts") + 1, sid="", refused=None
    )
    for recording in claimed:
        recording.serial, recording.attempts, recording.held_since = recording.serial + 1, recording.attempts + 1, now
    return claimed


def recalled() -> list[tuple[int, int]]:
    """Calls to authors in hand, by their serial, whose shout has ended or is paused meanwhile."""
    in_hand = AuthorCall.objects.filter(
        state=RecordingState.NO_REC_CALL, due_at__isnull=False, held_since__isnull=False
    )
    goes_on = Q(message__status=ShoutStatus.PENDING, message__paused_at=None)
    return list(in_hand.filter(~goes_on, message__closed=None).values_list("pk", "serial"))


def lapse(now: datetime) -> int:
    """Placements that nothing has confirmed in time were not made: they wait for their next turn. Answers how many."""
    before = now - timedelta(seconds=configuration().placement_confirm_timeout)
    lapsed = AuthorCall.objects.filter(
        state=RecordingState.NO_REC_CALL, held_since__lt=before, due_at__isnull=False, message__closed=None
    )
    return sum(give_back(AuthorAttempt(*each)) for each in list(lapsed.values_list("pk", "serial")[:_LAPSED_AT_ONCE]))


# --- What the carrier answered to the placement --------------------------------------------------------------------


def accepted(attempt: AuthorAttempt, *, sid: str) -> None:
    """The carrier rings the author. If a callback told so first, only the SID is news."""
    in_hand = attempt.rows().filter(held_since__isnull=False)
    if not (in_hand.exists() and attempt.move(RecordingState.PLACED, sid=sid)):
        AuthorCall.objects.filter(pk=attempt.message_id, serial=attempt.serial, sid="").update(sid=sid)


def refused(attempt: AuthorAttempt, *, now: datetime) -> None:
    """The carrier does not want this call: the shout cannot be recorded."""
    _fail(attempt, now=now)


def put_off(attempt: AuthorAttempt, *, suspect: bool, now: datetime) -> None:
    """The carrier does not take this call now: others go first, and after too many times it has failed. See `delivery`."""
    for refusals in AuthorCall.objects.filter(pk=attempt.message_id, serial=attempt.serial).values_list(
        "refusals", flat=True
    ):
        again_at = retry.put_off_until(refusals + 1, now=now)
        if again_at is None:
            refused(attempt, now=now)
        elif give_back(attempt):
            AuthorCall.objects.filter(pk=attempt.message_id).update(
                refusals=refusals + 1, refused=now if suspect else None, due_at=again_at
            )


def barred(before: datetime, *, now: datetime) -> None:
    """Authors whom the carrier forbade to ring before then: it has taken another call since."""
    suspects = _waiting().filter(held_since=None, refused__lt=before)
    for message in Message.objects.filter(author_call__in=suspects.order_by("refused")[:_BARRED_AT_ONCE]):
        with transaction.atomic():
            failed = suspects.filter(pk=message.pk, message__status=ShoutStatus.PENDING)
            if failed.update(state=RecordingState.CARRIERX_ERROR, state_since=Now(), refused=None):
                about = {"action": "recording_refused", "reason": "forbidden for this number", "shout": message.pk}
                log.error("the carrier does not call this author's number", extra=about)
                shouts.end(message, ShoutStatus.ERROR, now=now)


def clear_suspects() -> None:
    """The carrier forbids calls to all of us: that says nothing of the numbers."""
    _waiting().filter(refused__isnull=False).update(refused=None)


def _waiting() -> QuerySet[AuthorCall]:
    """Calls to authors that are to be placed, as their index knows them."""
    return AuthorCall.objects.filter(state=RecordingState.NO_REC_CALL, due_at__isnull=False)


def give_back(attempt: AuthorAttempt) -> bool:
    """The call was surely not placed: it waits for its next turn, and this address is dead."""
    unproven = AuthorCall.objects.filter(
        pk=attempt.message_id,
        serial=attempt.serial,
        state=RecordingState.NO_REC_CALL,
        held_since__isnull=False,
    )
    return unproven.update(held_since=None, attempts=F("attempts") - 1) > 0


# --- What the carrier reports --------------------------------------------------------------------------------------


def refuse_if_over(attempt: AuthorAttempt, *, now: datetime) -> None:
    """Raises AttemptOver if the author's call ended so long ago that nothing that is told of it can be true any more."""
    recording = AuthorCall.objects.filter(pk=attempt.message_id)
    for over_since in recording.values_list(Coalesce("ended", "message__finished"), flat=True):
        if over_since is None or over_since > now - configuration().late_window:
            return
    raise AttemptOver(f"the recording call of shout {attempt.message_id} is long over")


def answered(attempt: AuthorAttempt) -> Reply:
    """The author picked up."""
    before = attempt.rows().filter(state__in=(RecordingState.NO_REC_CALL, RecordingState.PLACED))
    if before.exists() and attempt.move(RecordingState.USER_ANSWERED):
        return Reply.WELCOME
    # The same request once more gets the same answer; any later state means that the call went on without it.
    again = attempt.rows().filter(state=RecordingState.USER_ANSWERED).exists()
    return Reply.WELCOME if again else Reply.GOODBYE


def chose_at_welcome(attempt: AuthorAttempt, digits: str, *, now: datetime) -> Reply:
    """A key at the welcome, or none."""
    choice = menus.at_welcome(digits)
    if choice is Choice.RECORD:
        moved = attempt.move(RecordingState.PRESSED_STAR, at=RecordingState.USER_ANSWERED)
        return Reply.RECORD if moved or _is(attempt, RecordingState.PRESSED_STAR) else Reply.GOODBYE
    if choice is Choice.NOTHING:
        return _cancel(attempt, Reply.NO_KEY, at=RecordingState.USER_ANSWERED, now=now)
    if not _is(attempt, RecordingState.USER_ANSWERED):
        return Reply.GOODBYE
    attempt.move(RecordingState.USER_ANSWERED)
    return Reply.WELCOME_AGAIN


def recorded(
    attempt: AuthorAttempt, report: RecordingReport, *, take: int | None, is_silent: bool = False, now: datetime
) -> Reply:
    """A take is stored at the carrier; `take` is which one, if that is known."""
    recording = attempt.rows().filter(state__in=(RecordingState.PRESSED_STAR, RecordingState.RECORDED)).first()
    if recording is None or take not in (None, recording.take + (recording.state == RecordingState.PRESSED_STAR)):
        return Reply.GOODBYE
    if recording.state == RecordingState.RECORDED:
        return Reply.VERIFY
    if not report.url or not report.file_sid:
        log.error("a recording without its file", extra={"action": "recording_unusable", "shout": attempt.message_id})
        return failed(attempt, now=now)
    length_s = report.duration_s
    if length_s == 0 or is_silent:  # nobody is rung to hear nothing
        return Reply.RECORD_AGAIN
    if length_s is None:  # no longer than since the author pressed the key
        length_s = math.ceil(max((now - recording.state_since).total_seconds(), 1))
    attempt.move(
        RecordingState.RECORDED,
        url=report.url,
        file_sid=report.file_sid,
        length_s=length_s,
        recorded=now,
        take=F("take") + 1,
    )
    return Reply.VERIFY


def nothing_recorded(attempt: AuthorAttempt) -> Reply:
    """The carrier heard only silence; the state's time limit bounds how often that may happen."""
    return Reply.RECORD_AGAIN if _is(attempt, RecordingState.PRESSED_STAR) else Reply.GOODBYE


def failed(attempt: AuthorAttempt, *, now: datetime) -> Reply:
    """The carrier could not record."""
    _fail(attempt, at=RecordingState.PRESSED_STAR, now=now)
    return Reply.GOODBYE


def chose_at_verification(attempt: AuthorAttempt, digits: str, *, take: int | None, now: datetime) -> Reply:
    """A key at the verification menu of a take, or none. After CONFIRM the file must still be kept: see `kept`."""
    current = AuthorCall.objects.filter(pk=attempt.message_id, serial=attempt.serial)
    if take is not None and current.exclude(take=take).exists():
        return Reply.GOODBYE
    choice = menus.at_verification(digits)
    if choice is Choice.CONFIRM:
        moved = attempt.move(RecordingState.CONFIRMED)
        return Reply.SAVED if moved or _confirmed(attempt) else Reply.GOODBYE
    if choice is Choice.RECORD:
        moved = attempt.move(RecordingState.PRESSED_STAR, at=RecordingState.RECORDED)
        return Reply.RECORD_AGAIN if moved or _is(attempt, RecordingState.PRESSED_STAR) else Reply.GOODBYE
    if choice in (Choice.CANCEL, Choice.NOTHING):
        reply = Reply.CANCELLED if choice is Choice.CANCEL else Reply.NO_KEY
        return _cancel(attempt, reply, at=RecordingState.RECORDED, now=now)
    if not _is(attempt, RecordingState.RECORDED):
        return Reply.GOODBYE
    attempt.move(RecordingState.RECORDED)
    return {Choice.PLAY_BACK: Reply.PLAY_BACK, Choice.HEAR_MENU: Reply.VERIFY}.get(choice, Reply.VERIFY_AGAIN)


def ended(attempt: AuthorAttempt, report: StatusReport, *, now: datetime) -> None:
    """The call to the author is over. The first final word counts; it is recorded whatever became of the shout.

    Raises AttemptOver.
    """
    refuse_if_over(attempt, now=now)
    if report.ending is None:
        log.warning(
            "status callback without a final status",
            extra={"action": "status_unknown", "shout": attempt.message_id, "word": report.word},
        )
        return
    with transaction.atomic():
        current = AuthorCall.objects.filter(pk=attempt.message_id, serial=attempt.serial, ended=None)
        proven = ~Q(state=RecordingState.NO_REC_CALL, held_since=None)
        told = {"report": content.report(report.body)} | outbox.due()
        if not current.filter(proven).update(ended=now, **told):
            return
        recording = AuthorCall.objects.select_related("message").get(pk=attempt.message_id)
        if recording.state in (RecordingState.NO_REC_CALL, RecordingState.PLACED):
            if report.ending in (CallStatus.FAILED, CallStatus.APP_ERROR):
                _fail(attempt, now=now)
            else:
                attempt.move(RecordingState.PLACED)
                shouts.end(recording.message, ShoutStatus.CANCELED, now=now)


# --- Confirmed -----------------------------------------------------------------------------------------------------


def claim_to_keep(*, limit: int, stale: datetime, now: datetime, only: int | None = None) -> list[AuthorCall]:
    """Take confirmed recordings in hand whose files are not permanent yet; a claim older than `stale` is nobody's."""
    free = Q(held_since=None) | Q(held_since__lt=stale)
    waiting = AuthorCall.objects.filter(free, state=RecordingState.CONFIRMED, kept=False, message__closed=None)
    if only is not None:
        waiting = waiting.filter(pk=only)
    claimed = list(waiting[:limit])
    AuthorCall.objects.filter(pk__in=[recording.pk for recording in claimed]).update(held_since=now)
    return claimed


def let_go(message_id: int) -> None:
    """A recording in hand was not kept after all: somebody will take it again."""
    confirmed = AuthorCall.objects.filter(pk=message_id, state=RecordingState.CONFIRMED, kept=False)
    confirmed.update(held_since=None)


def kept(message_id: int) -> bool:
    """The carrier has made the file permanent: `sweeps.release` may release the shout."""
    confirmed = AuthorCall.objects.filter(pk=message_id, state=RecordingState.CONFIRMED, kept=False)
    return confirmed.update(kept=True, held_since=None) > 0


def may_still_be_kept(message_id: int, *, now: datetime) -> bool:
    """Whether the author confirmed so recently that the carrier is asked again to do what it said it had done."""
    return AuthorCall.objects.filter(pk=message_id, state_since__gt=now - _KEPT_WITHIN).exists()


def lost(message_id: int, *, now: datetime) -> None:
    """The carrier will not keep the file: the shout has no message to play."""
    with transaction.atomic():
        confirmed = AuthorCall.objects.filter(pk=message_id, state=RecordingState.CONFIRMED, kept=False)
        if confirmed.update(state=RecordingState.CARRIERX_ERROR, state_since=Now(), held_since=None):
            shouts.end(Message.objects.get(pk=message_id), ShoutStatus.ERROR, now=now)


# --- Time ----------------------------------------------------------------------------------------------------------


def expire(now: datetime) -> int:
    """Shouts whose author hung up undecided are canceled; those too long in one state are timed out. A bounded number."""
    limits: Mapping[RecordingState, float | None] = configuration().recording_state_limits
    pending = AuthorCall.objects.filter(message__status=ShoutStatus.PENDING, message__closed=None)
    hung_up = pending.filter(ended__lt=now - _GRACE, state__in=_UNDECIDED)
    changed = _end_all(hung_up, ShoutStatus.CANCELED, now=now)
    for state, limit_s in limits.items():
        if limit_s is not None:
            stale = pending.filter(state=state, state_since__lt=now - timedelta(seconds=limit_s))
            changed += _end_all(stale, ShoutStatus.TIMED_OUT, now=now)
    return changed


def _end_all(recordings: QuerySet[AuthorCall], status: ShoutStatus, *, now: datetime) -> int:
    messages = Message.objects.filter(pk__in=list(recordings.values_list("pk", flat=True)[:_ENDED_AT_ONCE]))
    return sum(shouts.end(message, status, now=now) for message in messages)


# --- Steps that several callbacks share ----------------------------------------------------------------------------


def _is(attempt: AuthorAttempt, state: RecordingState) -> bool:
    return attempt.rows().filter(state=state).exists()


def _confirmed(attempt: AuthorAttempt) -> bool:
    """Whether this author has confirmed before; the shout may have gone on since."""
    return AuthorCall.objects.filter(
        pk=attempt.message_id, serial=attempt.serial, state=RecordingState.CONFIRMED
    ).exists()


def _cancel(attempt: AuthorAttempt, reply: Reply, *, at: RecordingState, now: datetime) -> Reply:
    """The author will not have it; the same request once more gets the same answer."""
    if _is(attempt, at):
        shouts.end(Message.objects.get(pk=attempt.message_id), ShoutStatus.CANCELED, now=now)
    here = AuthorCall.objects.filter(pk=attempt.message_id, serial=attempt.serial, state=at)
    return reply if here.filter(message__status=ShoutStatus.CANCELED).exists() else Reply.GOODBYE


def _fail(attempt: AuthorAttempt, *, at: RecordingState | None = None, now: datetime) -> None:
    with transaction.atomic():
        if attempt.move(RecordingState.CARRIERX_ERROR, at=at):
            shouts.end(Message.objects.get(pk=attempt.message_id), ShoutStatus.ERROR, now=now)
