"""People who use the pages, and what they did there."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Now

from blast_api.domain.roles import Role

from .applications import Application


class Person(AbstractBaseUser):
    """Somebody who signs in. A viewer or sender sees the applications named here, an operator all."""

    name = models.CharField(max_length=100, unique=True)
    role = models.CharField(max_length=10, choices=Role.choices)
    applications = models.ManyToManyField(Application, related_name="people")
    created = models.DateTimeField(db_default=Now())
    is_active = models.BooleanField(db_default=True)

    USERNAME_FIELD = "name"

    objects = BaseUserManager["Person"]()

    # Development is open: whoever is on this host is this person, who has no row.
    IMPLIED = "development"

    def __str__(self) -> str:
        return self.name


class Deed(models.Model):
    """What somebody did on a page: stays when the person is gone."""

    at = models.DateTimeField(db_default=Now())
    who = models.CharField(max_length=100)
    action = models.CharField(max_length=30)
    application = models.ForeignKey(Application, models.CASCADE, null=True, db_index=False)
    message_id = models.BigIntegerField(null=True)  # the shout that it was done to, which may be gone
    number = models.CharField(max_length=15, db_default="")  # the phone number that it was done to
    detail = models.CharField(max_length=255, db_default="")

    class Meta:
        indexes = (
            models.Index(
                fields=["message_id", "id"], condition=models.Q(message_id__isnull=False), name="deeds_of_shout"
            ),
            models.Index(fields=["number", "id"], condition=~models.Q(number=""), name="deeds_of_number"),
        )

    def __str__(self) -> str:
        return f"deed {self.pk}"
