"""What goes to the carrier, and where: the gate that everything passes, the hosts that dispatch, the container of files."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from blast_api.domain.quotas import Quota, Room


class Gate(models.Model):
    """The one row that everything for the carrier passes: the next free slot, and whether the carrier is in trouble.

    A dispatcher locks it for as long as it claims, so claims never compete. Two lanes, two rows: calls, and the errands
    that are no calls but are paced as well (withdrawing).
    """

    class Lane(models.TextChoices):
        CALLS = "calls"
        ERRANDS = "errands"

    class Cause(models.TextChoices):
        DENIED = "denied"  # it refuses us: credentials, permission or address
        BUSY = "busy"  # it cannot be reached, or asks us to wait
        UNCLEAR = "unclear"  # its answers are lost, or say nothing

    lane = models.CharField(max_length=8, choices=Lane.choices, primary_key=True)
    next_slot = models.FloatField(db_default=0)  # seconds since 1970, the database's clock
    shut_until = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=300, db_default="")  # why it is shut or on trial; empty: all is well
    troubles = models.PositiveIntegerField(db_default=0)  # in a row
    cause = models.CharField(max_length=8, choices=Cause.choices, db_default="")  # of the last of them
    since = models.DateTimeField(null=True)  # the first of them
    denials = models.PositiveIntegerField(db_default=0)  # calls forbidden in a row, and none taken in between
    denied = models.DateTimeField(null=True)  # the last of them
    starts = models.JSONField(null=True)  # of calls with a delay: `pacing.Starts`

    def __str__(self) -> str:
        return f"gate of {self.lane}"


class CronHost(models.Model):
    """A host on which the cron jobs run, and when they last did: who only watches cannot know otherwise."""

    name = models.CharField(max_length=64, primary_key=True)
    last_run = models.DateTimeField(db_default=Now())
    unreachable_since = models.DateTimeField(null=True)  # it cannot reach the carrier, and places nothing

    def __str__(self) -> str:
        return f"host {self.name}"


class Container(models.Model):
    """Where recordings go, and how full it was when the carrier last told.

    Without a `sid` it is not known yet: recordings go to the carrier's default container. What is asked next, and when, are
    `step` and `due_at`; each turn of asking has a `serial`, and an answer that is of an older turn changes nothing.
    """

    class Provision(models.TextChoices):
        FIND = "find"  # by its key
        MAKE = "make"  # there is none by that key
        FIND_AGAIN = "find again"  # making it was refused: perhaps because somebody was first
        LOOK = "look"  # how full it is
        RAISE = "raise"  # its quotas: it is short

    key = models.CharField(max_length=64, primary_key=True)  # ours at the carrier, or the SID that the operator names
    sid = models.CharField(max_length=64, db_default="")
    step = models.CharField(max_length=10, choices=Provision.choices, db_default=Provision.FIND)
    due_at = models.DateTimeField(db_default=Now())
    serial = models.PositiveIntegerField(db_default=0)
    quota_files = models.PositiveBigIntegerField(null=True)  # null: no limit
    total_files = models.PositiveBigIntegerField(db_default=0)
    quota_bytes = models.PositiveBigIntegerField(null=True)
    total_bytes = models.PositiveBigIntegerField(db_default=0)
    checked = models.DateTimeField(null=True)  # when the carrier told these four
    since = models.DateTimeField(null=True)  # the first time in a row that it did not
    refused = models.BooleanField(db_default=False)  # it will not, unless somebody does something

    def __str__(self) -> str:
        return f"container {self.key}"

    @property
    def room(self) -> Room:
        """How full it is."""
        return Room(Quota(self.total_files, self.quota_files), Quota(self.total_bytes, self.quota_bytes))
