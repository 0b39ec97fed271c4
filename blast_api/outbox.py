"""The transactional outbox of the record logs: a module beside the models, which has its rows, too."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Record(models.Model):
    """One line of a record log, stored with the change that it records and written to the file afterwards."""

    class Kind(models.TextChoices):
        CDR = "cdr"
        BDR = "bdr"
        REC_CDR = "rec_cdr"

    kind = models.CharField(max_length=8, choices=Kind.choices)
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
