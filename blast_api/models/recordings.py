"""What recipients hear: recorded by phone, uploaded, or a text that is spoken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self

from django.db import models
from django.db.models import Q

from blast_api.domain.states import RecordingSource

from .applications import Application

# When what nobody sees any more is to vanish of which the carrier has nothing left: with the last shout that still names it.
WITH_ITS_SHOUTS = datetime.max.replace(tzinfo=UTC, microsecond=0)


class RecordingQuerySet(models.QuerySet["Recording"]):
    def usable(self) -> Self:
        """Recordings that the carrier has for good, or says itself, and that nobody has deleted."""
        return self.filter(doomed_at=None)

    def to_discard(self, now: datetime) -> Self:
        """Recordings that are to vanish from the carrier: deleted, or begun so long ago that nobody waits for them."""
        return self.filter(doomed_at__lte=now)


class Recording(models.Model):
    """A sound at the carrier, or a text that the carrier says; what shouts play."""

    application = models.ForeignKey(Application, models.PROTECT, db_index=False)
    userdata = models.CharField(max_length=255)
    title = models.CharField(max_length=255, db_default="")
    created = models.DateTimeField()
    source = models.CharField(max_length=8, choices=RecordingSource.choices)
    text = models.TextField(db_default="")  # that is spoken; where there is no file, by the carrier
    voice = models.CharField(max_length=64, db_default="")
    key = models.CharField(
        max_length=64, db_default=""
    )  # ours at the carrier: by it a file is found whose answer was lost
    file_sid = models.CharField(max_length=64, db_default="")
    url = models.CharField(max_length=2048, db_default="")
    take = models.PositiveSmallIntegerField(db_default=1)  # of the same file
    length_s = models.PositiveIntegerField()  # of a text that the carrier says, an estimate
    lasting = models.BooleanField(
        db_default=False
    )  # stays until it is deleted; otherwise it goes with the last shout of it
    # Since then it is to vanish; in the future while its file is on the way to the carrier. Nobody sees it any more, or yet.
    doomed_at = models.DateTimeField(null=True)
    held_since = models.DateTimeField(null=True)  # a dispatcher is about to have its file deleted

    objects = RecordingQuerySet.as_manager()

    class Meta:
        db_table = "blast_api_audio"  # the other name is that of the calls to authors
        indexes = (
            models.Index(fields=["application", "userdata", "-id"], condition=Q(doomed_at=None), name="audio_list"),
            models.Index(fields=["doomed_at"], condition=Q(doomed_at__isnull=False), name="audio_to_discard"),
            models.Index(fields=["file_sid"], condition=Q(file_sid__gt=""), name="audio_by_file"),
        )

    def __str__(self) -> str:
        return f"recording {self.pk}"

    @property
    def is_said(self) -> bool:
        """Whether the carrier says its text, so that there is no file."""
        return bool(self.text) and not self.file_sid
