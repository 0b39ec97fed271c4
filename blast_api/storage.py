"""The row of the container of ours at the carrier: a module beside the models, which has them all."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from .domain.quotas import Quota, Room


class Container(models.Model):
    """Where recordings go, and how full it was when the carrier last told.

    Without a `sid` it is not known yet: recordings go to the carrier's default container. What is asked next, and when, are
    `step` and `due_at`; each turn of asking has a `serial`, and an answer that is of an older turn changes nothing.
    """

    class Step(models.TextChoices):
        FIND = "find"  # by its key
        MAKE = "make"  # there is none by that key
        FIND_AGAIN = "find again"  # making it was refused: perhaps because somebody was first
        LOOK = "look"  # how full it is
        RAISE = "raise"  # its quotas: it is short

    key = models.CharField(max_length=64, primary_key=True)  # ours at the carrier, or the SID that the operator names
    sid = models.CharField(max_length=64, db_default="")
    step = models.CharField(max_length=10, choices=Step.choices, db_default=Step.FIND)
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
