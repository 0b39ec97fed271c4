"""The transactional outbox of the record logs: rows of which a line is to be written, and which writer has them in hand."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

# As a condition on rows of which a line is to be written: it has not been, or not since it was corrected.
WAITS_TO_BE_WRITTEN = Q(record__gt="", written=None)


class LogKind(models.TextChoices):
    """The record logs."""

    CDR = "cdr"
    BDR = "bdr"
    REC_CDR = "rec_cdr"


class Recorded(models.Model):
    """A row of which a line is to be written: columns of the outbox, set with the change that the line tells of."""

    record = models.CharField(max_length=32, db_default="")  # names the line; empty: there is nothing to tell yet
    late = models.BooleanField(db_default=False)  # the line corrects an earlier one
    writer = models.CharField(max_length=64, db_default="")  # which host has it in hand, or wrote it: `state_dir.host`
    taken = models.DateTimeField(null=True)  # since when: a lease, by the database's clock
    written = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Record(models.Model):
    """A line of former releases, which stored the text of each: it is written, told and deleted like the others; none is added."""

    kind = models.CharField(max_length=8, choices=LogKind.choices)
    line = models.TextField()  # a JSON object, without the line's end
    created = models.DateTimeField(db_default=Now())
    writer = models.CharField(max_length=64, db_default="")  # which host has it in hand, or wrote it: `state_dir.host`
    taken = models.DateTimeField(null=True)  # since when: a lease, by the database's clock
    written = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["id"], condition=Q(written=None), name="record_to_write"),
            models.Index(fields=["taken"], condition=Q(written=None, taken__isnull=False), name="record_in_hand"),
        )

    def __str__(self) -> str:
        return f"{self.kind} record {self.pk}"
