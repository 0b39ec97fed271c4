"""Shouts, the calls to their authors and recipients, and each attempt of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from blast_api.carrierx.events import HEARD_BY
from blast_api.domain.states import (
    ENDED_SHOUTS,
    LIVE_SHOUTS,
    OPEN_CALLS,
    OPEN_SHOUTS,
    CallStatus,
    RecordingState,
    ShoutStatus,
)
from blast_api.domain.transfers import UP

from .applications import Application, Bounded
from .recordings import Recording
from .records import WAITS_TO_BE_WRITTEN, Recorded

_IN_HAND = Q(status=CallStatus.READY, held_since__isnull=False)
_WITH_CARRIER = _IN_HAND | Q(status=CallStatus.ONGOING) | Q(status=CallStatus.PENDING, sid__gt="")
_AT_REST = Q(status=CallStatus.READY, held_since=None) | Q(status=CallStatus.PENDING, sid="")


# --- Shouts ------------------------------------------------------------------------------------------------------


class MessageQuerySet(models.QuerySet["Message"]):
    def proper(self) -> Self:
        """Shouts that applications have created: whatever is listed or counted is of these, and auditions are not among them."""
        return self.filter(audition_of=None)

    def unclosed(self) -> Self:
        """Shouts of which a call may still change: the sweep must look at them."""
        return self.filter(closed__isnull=True)

    def to_begin(self, now: datetime) -> Self:
        """Recorded shouts whose time has come."""
        waiting = (ShoutStatus.READY, ShoutStatus.SCHEDULED)
        return self.unclosed().filter(status__in=waiting, starts_at__lte=now, paused_at=None)

    def live_and_settled(self) -> Self:
        """Live shouts of which every call has ended: they are over."""
        return self.unclosed().filter(~_has_calls(finished=None), status__in=LIVE_SHOUTS)

    def settled_late(self) -> Self:
        """Timed-out shouts of which every call has been settled after all."""
        unknown = _has_calls(finished=None), _has_calls(status=CallStatus.TIMED_OUT)
        return self.unclosed().filter(*(~one for one in unknown), status=ShoutStatus.TIMED_OUT)

    def with_expired_key(self, key_until: datetime) -> Self:
        """Shouts that still have an idempotency key, made that long ago."""
        return self.filter(idempotency_key__isnull=False, created__lte=key_until)

    def ended_with_open_calls(self) -> Self:
        """Ended shouts that have left calls open: they were many, or came back from a dispatcher afterwards."""
        open_ = Q(status=ShoutStatus.TIMED_OUT) & _has_calls(finished=None)
        at_rest = ~Q(status=ShoutStatus.TIMED_OUT) & _has_calls(_AT_REST, finished=None)
        return self.unclosed().filter(open_ | at_rest, status__in=ENDED_SHOUTS)

    def past_until(self, now: datetime) -> Self:
        """Open shouts whose time to place has passed."""
        return self.unclosed().filter(until__lte=now, status__in=OPEN_SHOUTS)

    def to_close(self, late_until: datetime) -> Self:
        """Ended shouts of which no call can change any more; where the carrier may still tell of one, news have their time."""
        given_up = Q(status__in=(ShoutStatus.CANCELED, ShoutStatus.ERROR))
        settled = ~_has_calls(status=CallStatus.TIMED_OUT, started__isnull=False)
        over = given_up | settled | Q(finished__lt=late_until)
        return self.unclosed().filter(over, ~_has_calls(finished=None), status__in=ENDED_SHOUTS)


def _has_calls(*conditions: Q, **which: object) -> Exists:
    """As a condition on shouts: there is such a call."""
    return Exists(Call.objects.filter(*conditions, message=OuterRef("pk"), **which))


class Message(Bounded, Recorded):
    """A shout."""

    application = models.ForeignKey(Application, models.PROTECT)
    userdata = models.CharField(max_length=255)
    caller = models.CharField(max_length=15)
    title = models.CharField(max_length=255, db_default="")
    schedule = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=ShoutStatus.choices, db_default=ShoutStatus.PENDING)
    created = models.DateTimeField()
    starts_at = models.DateTimeField(null=True)  # the zero of the batches' delays; known when recorded
    deadline = models.DateTimeField(null=True)  # code of before kept time by it; ours neither sets nor asks it
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    closed = models.DateTimeField(null=True)  # since then no call of it can change any more
    served = models.DateTimeField(null=True)  # when it last had a turn at the gate
    paused_at = models.DateTimeField(null=True)  # since then nothing of it is placed
    paused_because = models.CharField(max_length=16, db_default="")
    resumed_at = models.DateTimeField(null=True)  # attempts before then say nothing of whether it should pause
    delivery = models.JSONField(null=True)  # its rules: what was said of them, by it or by its application
    until = models.DateTimeField(null=True)  # what has not been placed by then is not placed
    did = models.CharField(max_length=15, db_default="")  # the caller id; empty: the operator's
    recording = models.ForeignKey(Recording, models.PROTECT, null=True, related_name="shouts", db_index=False)
    voicemail = models.ForeignKey(  # machines hear it instead
        Recording, models.PROTECT, null=True, related_name="shouts_to_machines", db_index=False
    )
    language = models.CharField(max_length=16, db_default="")  # of the prompts; empty: that of `VOICE_MENU`
    transfer = models.JSONField(null=True)  # by which key a recipient is put through, to whom, and how many at once
    # It plays that shout to one number first, and counts for nothing.
    audition_of = models.ForeignKey("self", models.CASCADE, null=True, related_name="auditions", db_index=False)
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001  # unique if there is one
    request_digest = models.CharField(max_length=64, db_default="")  # SHA-256 of the POST body, hexadecimal

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["application", "idempotency_key"], name="message_once_per_key"),
            models.CheckConstraint(condition=Q(status__in=ShoutStatus.values), name="message_status_known"),
        )
        indexes = (
            models.Index(fields=["application", "userdata", "-id"], name="message_list"),
            models.Index(fields=["status", "served"], condition=Q(closed=None), name="message_unsettled"),
            models.Index(fields=["application", "status", "served"], condition=Q(closed=None), name="message_in_turn"),
            models.Index(fields=["created"], condition=Q(idempotency_key__isnull=False), name="message_with_key"),
            models.Index(fields=["until"], condition=Q(closed=None, until__isnull=False), name="message_with_until"),
            models.Index(fields=["finished"], condition=WAITS_TO_BE_WRITTEN, name="message_to_write"),
            models.Index(fields=["recording"], condition=Q(recording__isnull=False), name="message_by_recording"),
            models.Index(fields=["voicemail"], condition=Q(voicemail__isnull=False), name="message_by_voicemail"),
            models.Index(fields=["audition_of"], condition=Q(audition_of__isnull=False), name="message_auditions"),
        )

    def __str__(self) -> str:
        return f"shout {self.pk}"

    @property
    def length_s(self) -> int:
        """Seconds of what is heard; 0 while nothing has been recorded. Code of before knows the author's call only."""
        return (self.recording.length_s if self.recording else self.author_call.length_s) or 0


# --- What goes to the carrier --------------------------------------------------------------------------------------


class Placement(models.Model):
    """A call for the carrier to place, of an author or of a recipient: the columns of the claim, which is a lease.

    `held_since` set and no answer kept: the request may have left or not, and only a callback can tell. That is the
    same whether the dispatcher died, the answer was lost, or it is still on its way.
    """

    serial = models.PositiveIntegerField(db_default=0)  # of the address in use; each claim makes a new one
    attempts = models.PositiveSmallIntegerField(db_default=0)  # counted at the claim, given back if nothing was placed
    due_at = models.DateTimeField(null=True)  # when it should ring
    held_since = models.DateTimeField(null=True)  # its slot; the claim
    sid = models.CharField(max_length=64, db_default="")  # the carrier's name for the current attempt
    refusals = models.PositiveSmallIntegerField(db_default=0)  # times that the carrier would not have it then
    refused = models.DateTimeField(null=True)  # the last of them, while it may be forbidden for its number

    class Meta:
        abstract = True


class AuthorCall(Placement, Recorded):
    """The call to the author, and the take in progress. Nobody is called where the shout has another source.

    Code of former releases plays what stands here, so what is heard is noted here, too.
    """

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="author_call")
    state = models.CharField(max_length=16, choices=RecordingState.choices, db_default=RecordingState.NO_REC_CALL)
    state_since = models.DateTimeField()
    ended = models.DateTimeField(null=True)  # when the carrier told us that the call is over
    take = models.PositiveSmallIntegerField(db_default=0)
    file_sid = models.CharField(max_length=64, db_default="")
    url = models.CharField(max_length=2048, db_default="")
    length_s = models.PositiveIntegerField(null=True)
    recorded = models.DateTimeField(null=True)
    kept = models.BooleanField(db_default=False)  # made permanent at the carrier
    report = models.TextField(db_default="")  # what the carrier said of the end of the call: JSON, as it said it

    class Meta:
        db_table = "blast_api_recording"  # as it was called before recordings were a thing of their own
        constraints = (models.CheckConstraint(condition=Q(state__in=RecordingState.values), name="rec_state_known"),)
        indexes = (
            models.Index(
                fields=["due_at"],
                condition=Q(state=RecordingState.NO_REC_CALL, due_at__isnull=False),
                name="recording_to_place",
            ),
            models.Index(
                fields=["message"], condition=Q(state=RecordingState.CONFIRMED, kept=False), name="recording_to_keep"
            ),
            models.Index(fields=["ended"], condition=WAITS_TO_BE_WRITTEN, name="recording_to_write"),
        )

    def __str__(self) -> str:
        return f"call to the author of shout {self.pk}"


class CallQuerySet(models.QuerySet["Call"]):
    def proper(self) -> Self:
        """Calls to recipients of shouts: those of auditions are none."""
        return self.filter(message__audition_of=None)

    def unfinished(self) -> Self:
        """Calls that have not ended."""
        return self.filter(finished=None)

    def in_hand(self) -> Self:
        """Calls on their way to the carrier: it may have them or not."""
        return self.filter(_IN_HAND)

    def with_carrier(self) -> Self:
        """Calls that the carrier has, or may have."""
        return self.filter(_WITH_CARRIER)

    def put_through(self) -> Self:
        """Open calls of which the person speaks to whom the shout transfers."""
        return self.filter(finished=None, transfer_outcome=UP)

    def heard_or_up(self, since: datetime) -> Self:
        """Calls that somebody has heard since then, or that the carrier has."""
        return self.filter(_WITH_CARRIER | Q(answerer__in=sorted(HEARD_BY), answered__gt=since))

    def outstanding(self) -> Self:
        """Calls that the carrier may still tell the end of: it has them, or they were timed out."""
        return self.filter(_WITH_CARRIER | Q(status=CallStatus.TIMED_OUT))

    def at_rest(self) -> Self:
        """Open calls that are with us alone."""
        return self.filter(_AT_REST)

    def due(self, until: datetime) -> Self:
        """Calls that may be claimed, the earliest first."""
        return self.filter(status=CallStatus.READY, held_since=None, due_at__lte=until).order_by("due_at", "pk")

    def near(self, until: datetime) -> Self:
        """Calls that may be claimed before their time. What the carrier would not have waits with us."""
        return self.due(until).filter(refusals=0)

    def claimable(self, until: datetime, *, now: datetime) -> Self:
        """Calls that may be claimed now: who is due by then, and before their time only who is near."""
        return self.near(until) if until > now else self.due(until)


class Call(Placement):
    """The delivery call to one recipient, over all its attempts; columns about an attempt are of the latest."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="calls", db_index=False)
    position = models.PositiveIntegerField()  # in the list of recipients
    number = models.CharField(max_length=15)
    zone = models.CharField(max_length=64, db_default="")  # as it was given; empty: those of its number
    reference = models.CharField(max_length=255, db_default="")  # the application's own word for the recipient
    status = models.CharField(max_length=24, choices=CallStatus.choices, db_default=CallStatus.PENDING)
    started = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    duration = models.PositiveIntegerField(null=True)  # seconds
    q850 = models.PositiveSmallIntegerField(null=True)
    answerer = models.CharField(max_length=8, db_default="")  # AMD's word; empty: nothing was played
    keys = models.CharField(max_length=128, db_default="")  # pressed, one after another
    machine = models.BooleanField(db_default=False)  # one picked up, and by the shout's rules hears nothing
    transferred = models.DateTimeField(null=True)  # when the person was put through
    transfer_outcome = models.CharField(max_length=16, db_default="")  # empty: there was none
    transfer_s = models.PositiveIntegerField(null=True)  # seconds that the two spoke
    opted_out = models.BooleanField(db_default=False)
    apologised = models.BooleanField(db_default=False)  # a fault of ours was heard instead of the message
    withdrawn = models.BooleanField(db_default=False)  # is taken back, wherever it is; nobody hears it any more
    recalled = models.BooleanField(db_default=False)  # but who answers before it is back hears it, and it waits again

    objects = CallQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["message", "number"], name="call_once_per_number"),
            models.UniqueConstraint(fields=["message", "position"], name="call_position"),
            models.CheckConstraint(condition=Q(status__in=CallStatus.values), name="call_status_known"),
            # An index asks for open calls by this: it is one comparison, on every database.
            models.CheckConstraint(
                condition=Q(status__in=sorted(OPEN_CALLS), finished=None)
                | Q(~Q(status__in=sorted(OPEN_CALLS)), finished__isnull=False),
                name="call_open_until_finished",
            ),
        )
        indexes = (
            models.Index(
                fields=["message", "due_at", "id"],
                condition=Q(status=CallStatus.READY, held_since=None),
                name="call_to_claim",
            ),
            models.Index(
                fields=["held_since"],
                condition=Q(status=CallStatus.READY, held_since__isnull=False),
                name="call_unconfirmed",
            ),
            models.Index(fields=["message"], condition=Q(finished=None), name="call_open"),
            models.Index(fields=["status"], condition=Q(finished=None), name="call_open_by_status"),
            models.Index(
                fields=["message"],
                condition=Q(withdrawn=True, status=CallStatus.PENDING),
                name="call_to_withdraw",
            ),
            models.Index(
                fields=["started"], condition=Q(finished=None, started__isnull=False), name="call_with_carrier"
            ),
            models.Index(
                fields=["message", "started"], condition=Q(status=CallStatus.TIMED_OUT), name="call_timed_out"
            ),
            models.Index(fields=["number", "-id"], name="call_by_number"),
            models.Index(fields=["refused"], condition=Q(refused__isnull=False), name="call_suspect"),
            models.Index(
                fields=["message"],
                condition=Q(finished=None, transfer_outcome=UP),
                name="call_put_through",
            ),
        )

    def __str__(self) -> str:
        return f"call {self.pk}"


class Attempt(Recorded):
    """One placement of a call, from its claim on; or, never claimed, how a call ended without one.

    Its serial is that of the signed address. While it is open, what is known of it are the columns of its call.
    """

    # Its call's; not checked again, because that would lock the shout for whoever has locked the call.
    message = models.ForeignKey(Message, models.CASCADE, db_index=False, db_constraint=False)
    call = models.ForeignKey(Call, models.CASCADE, related_name="history", db_index=False)
    serial = models.PositiveIntegerField()
    number = models.PositiveSmallIntegerField()  # the first is 1; 0: no placement came before the end
    claimed = models.DateTimeField(null=True)
    slot = models.DateTimeField(null=True)  # when its request was to leave
    did = models.CharField(max_length=15, db_default="")  # the number that called
    sid = models.CharField(max_length=64, db_default="")
    started = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    ending = models.CharField(max_length=24, db_default="")
    q850 = models.PositiveSmallIntegerField(null=True)
    duration = models.PositiveIntegerField(null=True)  # seconds
    answerer = models.CharField(max_length=8, db_default="")
    keys = models.CharField(max_length=128, db_default="")
    transferred = models.DateTimeField(null=True)
    transfer_outcome = models.CharField(max_length=16, db_default="")
    transfer_s = models.PositiveIntegerField(null=True)
    reason = models.CharField(max_length=300, db_default="")  # the carrier's own words, or the rule and its figures

    class Meta:
        constraints = (models.UniqueConstraint(fields=["call", "serial"], name="attempt_once"),)
        indexes = (
            models.Index(fields=["message", "id"], name="attempt_of_shout"),
            models.Index(fields=["ended", "id"], condition=WAITS_TO_BE_WRITTEN, name="attempt_to_write"),
            models.Index(
                fields=["taken"], condition=WAITS_TO_BE_WRITTEN & Q(taken__isnull=False), name="attempt_in_hand"
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number} of call {self.call_id}"
