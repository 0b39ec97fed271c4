"""Applications, and whom their users must never call again."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from blast_api.domain.rules.listing import ListedBy


class Bounded(models.Model):
    """Whose calls have bounds of their own, inside those of the whole."""

    calls_per_second = models.FloatField(null=True)
    concurrent_calls = models.PositiveIntegerField(null=True)
    next_slot = models.FloatField(db_default=0)  # seconds since 1970: before then none of its calls leaves

    class Meta:
        abstract = True


class Application(Bounded):
    """A client of the REST API. It sees its own shouts, calls and lists only."""

    name = models.CharField(max_length=100, unique=True)
    token_digest = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001  # none for the implied one. SHA-256, hexadecimal
    created = models.DateTimeField(db_default=Now())
    revoked = models.DateTimeField(null=True)
    served = models.DateTimeField(null=True)  # when it last had a turn at the gate
    dids = models.JSONField(null=True)  # caller ids that its shouts may name, beside the operator's `DID`
    delivery = models.JSONField(null=True)  # rules of its shouts that do not say their own

    # Development is open: requests without a token are this application's.
    IMPLIED: ClassVar[str] = "development"

    def __str__(self) -> str:
        return self.name

    @property
    def is_authenticated(self) -> bool:
        """What DRF asks of whoever makes a request."""
        return True


class DoNotCallNumber(models.Model):
    """A number that one user of one application must never call again; without userdata, none of its users."""

    application = models.ForeignKey(Application, models.PROTECT, db_index=False)
    userdata = models.CharField(max_length=255)
    number = models.CharField(max_length=15)
    created = models.DateTimeField(db_default=Now())
    # Code of former releases lists numbers by a key alone, and does not say so.
    by = models.CharField(max_length=8, choices=ListedBy.choices, db_default=ListedBy.KEY)
    call_id = models.BigIntegerField(null=True)  # by which call, if by one; it may be gone

    class Meta:
        constraints = (models.UniqueConstraint(fields=["application", "userdata", "number"], name="dnc_once"),)
        indexes = (models.Index(fields=["application", "userdata", "-id"], name="dnc_list"),)

    def __str__(self) -> str:
        return f"do-not-call entry {self.pk}"


class OperatorsNumber(models.Model):
    """A number that no application must call: the operator's do-not-call list."""

    number = models.CharField(max_length=15)
    created = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = (models.UniqueConstraint(fields=["number"], name="dnc_operators_once"),)

    def __str__(self) -> str:
        return f"entry {self.pk} of the operator's do-not-call list"
