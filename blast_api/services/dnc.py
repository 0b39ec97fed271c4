"""The do-not-call lists: one per user of an application."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from blast_api.db import bulk
from blast_api.models import Application, Call, DoNotCallNumber

from . import withdrawals


def entries(application: Application, userdata: str) -> QuerySet[DoNotCallNumber]:
    """A user's list, newest first."""
    return DoNotCallNumber.objects.filter(application=application, userdata=userdata).order_by("-id")


def add(application_id: int, userdata: str, number: str) -> None:
    """Put a number on a user's list; twice is once."""
    DoNotCallNumber.objects.bulk_create(
        [DoNotCallNumber(application_id=application_id, userdata=userdata, number=number)], ignore_conflicts=True
    )


def remove(application: Application, userdata: str, number: str) -> bool:
    """Take a number off a user's list; False if it was not there."""
    deleted, _ = entries(application, userdata).filter(number=number).delete()
    return deleted > 0


def blocked(application_id: int, userdata: str) -> Exists:
    """As a condition on calls: the number is on this user's list."""
    return Exists(_against(application_id, userdata).filter(number=OuterRef("number")))


def listed_since(application_id: int, userdata: str, numbers: Sequence[str]) -> dict[str, datetime]:
    """Since when each of these numbers is on this user's list; those that are not are left out. One query."""
    entries = _against(application_id, userdata).filter(number__in=bulk.among(numbers))
    return dict(entries.order_by("-created").values_list("number", "created"))  # of two lists the older entry stays


def _against(application_id: int, userdata: str) -> QuerySet[DoNotCallNumber]:
    """All entries that forbid calls of this user."""
    return DoNotCallNumber.objects.filter(application_id=application_id, userdata=userdata)


def listed() -> Exists:
    """As a condition on calls: the number is on the list of their own shout's user."""
    of_its_user = DoNotCallNumber.objects.filter(
        number=OuterRef("number"),
        application__message=OuterRef("message_id"),
        application__message__userdata=F("userdata"),
    )
    return Exists(of_its_user)


def recall(application_id: int, userdata: str, number: str) -> None:
    """Withdraw what this user's other shouts have already handed to the carrier for a number that is listed now."""
    elsewhere = Call.objects.with_carrier().filter(
        message__application_id=application_id,
        message__userdata=userdata,
        message__closed=None,
        number=number,
        answered=None,
    )
    with transaction.atomic():
        withdrawals.mark(elsewhere)
