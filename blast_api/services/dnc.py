"""The do-not-call lists: one per user of an application, and one that holds for all its users.

Which of them the key 5 fills, the operator says (`OPT_OUT_SCOPE`); both always hold, so that nobody who has opted out is called
again because the operator changes that.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value

from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.domain.rules import limits
from blast_api.domain.rules.limits import Scope
from blast_api.models import Application, Call, DoNotCallNumber, Message

from . import withdrawals

# In place of the user: no request can name a user that has no name.
ALL_USERS = ""


def entries(application: Application, userdata: str) -> QuerySet[DoNotCallNumber]:
    """A user's list, newest first."""
    return DoNotCallNumber.objects.filter(application=application, userdata=userdata).order_by("-id")


def owner(userdata: str) -> str:
    """On whose list an opt-out from this user's shout goes: the user's, or, as the operator has it, that of all users."""
    return userdata if configuration().opt_out_scope == Scope.USER else ALL_USERS


def add(application_id: int, userdata: str, number: str, *, call_id: int | None = None) -> None:
    """Put a number on the list that an opt-out from this user's shout goes on; twice is once, and the first is kept."""
    entry = DoNotCallNumber(application_id=application_id, userdata=owner(userdata), number=number, call_id=call_id)
    DoNotCallNumber.objects.bulk_create([entry], ignore_conflicts=True)


def remove(application: Application, userdata: str, number: str) -> bool:
    """Take a number off a user's list; False if it was not there."""
    deleted, _ = entries(application, userdata).filter(number=number).delete()
    return deleted > 0


def against(application_id: int, userdata: str) -> QuerySet[DoNotCallNumber]:
    """The entries that keep this user's shouts from a number: its own, and those of all the application's users."""
    return DoNotCallNumber.objects.filter(application_id=application_id, userdata__in=(userdata, ALL_USERS))


def blocked(application_id: int, userdata: str) -> Exists:
    """As a condition on calls: the number must not be called by this user's shouts."""
    return Exists(against(application_id, userdata).filter(number=OuterRef("number")))


def why_listed(application_id: int, userdata: str, numbers: Sequence[str]) -> dict[str, str]:
    """Why this user's shouts must not call each of these numbers; those that they may are left out. One query."""
    entries = against(application_id, userdata).filter(number__in=bulk.among(numbers))
    found = entries.order_by("-created").values_list("number", "created", "call_id")
    return {
        number: limits.listed(since, by).reason for number, since, by in found
    }  # of two lists the older entry stays


def listed() -> Exists:
    """As a condition on calls: the number must not be called by their own shout's user."""
    # In this order PostgreSQL searches a list for both names at once; joined the other way, it reads all of it.
    entries = DoNotCallNumber.objects.filter(
        application=OuterRef("application_id"),
        userdata__in=(OuterRef("userdata"), Value(ALL_USERS)),
        number=OuterRef(OuterRef("number")),
    )
    return Exists(Message.objects.filter(Exists(entries), pk=OuterRef("message_id")))


def recall(application_id: int, userdata: str, number: str) -> None:
    """Withdraw what other shouts have already handed to the carrier for a number that is listed now: those of whom the list binds."""
    elsewhere = Call.objects.with_carrier().filter(
        message__application_id=application_id, message__closed=None, number=number, answered=None
    )
    if owner(userdata) != ALL_USERS:
        elsewhere = elsewhere.filter(message__userdata=userdata)
    with transaction.atomic():
        withdrawals.mark(elsewhere)
