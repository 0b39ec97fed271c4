"""The do-not-call lists: one per user of an application, one that holds for all its users, and the operator's, for everybody.

Which of an application's lists the key 5 fills, the operator says (`OPT_OUT_SCOPE`). All lists always hold, so that nobody
who has opted out is called again because the operator changes that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import BigIntegerField, Count, Exists, Max, OuterRef, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan

from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.db.undone import again_if_undone
from blast_api.domain.rules import listing
from blast_api.domain.rules.limits import Scope
from blast_api.domain.rules.listing import ListedBy
from blast_api.models import Application, Call, CallQuerySet, DoNotCallNumber, Gate, Message, OperatorsNumber

from . import events, withdrawals

# In place of the user: no request can name a user that has no name.
ALL_USERS = ""
_NOTHING_ELSE = Q()
_CHUNK = 5000  # numbers of one transaction
_FEW = 100  # numbers whose calls are looked up one by one
_RECALLED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class DoNotCallList:
    """One of the lists: a user's; without userdata its application's own; without an application the operator's."""

    application_id: int | None = None
    userdata: str = ALL_USERS


class ListedNumber(NamedTuple):
    """A number on a list: since when, and by what it came there. A tuple: a list may have a hundred thousand."""

    id: int
    number: str
    created: datetime
    by: str
    call_id: int | None


@dataclass(frozen=True, slots=True)
class Put:
    """Of the numbers that were to be listed, how many are new there, and how many were there before."""

    added: int
    there_before: int


@dataclass(frozen=True, slots=True)
class ListLength:
    """How long one list is, and when it grew last; both names None: the operator's."""

    application: str | None
    userdata: str | None  # None: the application's own list
    numbers: int
    last: datetime | None


# --- Told ------------------------------------------------------------------------------------------------------------


def entries(application: Application, userdata: str) -> QuerySet[DoNotCallNumber]:
    """A user's list, or the application's own, newest first."""
    return DoNotCallNumber.objects.filter(application=application, userdata=userdata).order_by("-id")


def read(which: DoNotCallList) -> Iterator[ListedNumber]:
    """A list from its beginning, in bounded memory."""
    yield from map(ListedNumber._make, bulk.read(_rows(which), "id", lambda row: row[0]))


def newest(which: DoNotCallList, *, limit: int) -> list[ListedNumber]:
    """The end of a list, the last entry first."""
    return [ListedNumber(*row) for row in _rows(which).order_by("-id")[:limit]]


def _rows(which: DoNotCallList) -> QuerySet[Any, tuple[Any, ...]]:
    if which.application_id is not None:
        own = DoNotCallNumber.objects.filter(application=which.application_id, userdata=which.userdata)
        return own.values_list(*ListedNumber._fields)
    told = {"by": Value(ListedBy.OPERATOR), "call_id": Value(None, output_field=BigIntegerField())}
    return OperatorsNumber.objects.annotate(**told).values_list(*ListedNumber._fields)


def lengths(*, limit: int) -> list[ListLength]:
    """The operator's list, and those of the applications, the one that grew last first."""
    operators = OperatorsNumber.objects.aggregate(numbers=Count("pk"), last=Max("created"))
    groups = DoNotCallNumber.objects.order_by().values("application__name", "userdata")
    grown = groups.annotate(numbers=Count("pk"), last=Max("created")).order_by("-last", "application__name", "userdata")
    rows = (
        ListLength(row["application__name"], row["userdata"] or None, row["numbers"], row["last"])
        for row in grown[: limit - 1]
    )
    return [ListLength(None, None, operators["numbers"], operators["last"]), *rows]


# --- Asked -----------------------------------------------------------------------------------------------------------


def against(application_id: int, userdata: str) -> QuerySet[DoNotCallNumber]:
    """The application's entries that keep this user's shouts from a number: the user's, and those of all its users."""
    return DoNotCallNumber.objects.filter(application_id=application_id, userdata__in=(userdata, ALL_USERS))


def blocked(application_id: int, userdata: str) -> Q:
    """As a condition on a few calls, perhaps of very many: the number must not be called by this user's shouts."""
    # Always true, and it keeps PostgreSQL, which cannot know that they are few, from reading whole lists for them.
    each_by_itself = GreaterThan(OuterRef("number"), Value(""))
    of_application, of_operator = blocked_at_once(application_id, userdata, Q(each_by_itself))
    return Q(of_application) | Q(of_operator)


def blocked_at_once(application_id: int, userdata: str, also: Q = _NOTHING_ELSE) -> tuple[Exists, Exists]:
    """The same for very many calls: a condition for each kind of list, which a planner looks up as a whole if it is alone."""
    of_application = against(application_id, userdata).filter(also, number=OuterRef("number"))
    return Exists(of_application), Exists(OperatorsNumber.objects.filter(also, number=OuterRef("number")))


def why_listed(application_id: int, userdata: str, numbers: Sequence[str]) -> dict[str, str]:
    """Why this user's shouts must not call each of these numbers; those that they may are left out. Two queries."""
    these = bulk.among(numbers)
    own = against(application_id, userdata).filter(number__in=these)
    found = [*own.order_by("-created").values_list("number", "created", "by", "call_id")]
    why = {number: (since, listing.listed(since, by, call)) for number, since, by, call in found}
    for number, since in OperatorsNumber.objects.filter(number__in=these).values_list("number", "created"):
        if number not in why or since < why[number][0]:
            why[number] = since, listing.listed(since, ListedBy.OPERATOR)
    return {number: said.reason for number, (_, said) in why.items()}  # of several entries the oldest


def listed() -> Q:
    """As a condition on calls: the number must not be called by their own shout's user."""
    # In this order PostgreSQL searches a list for both names at once; joined the other way, it reads all of it.
    of_application = DoNotCallNumber.objects.filter(
        application=OuterRef("application_id"),
        userdata__in=(OuterRef("userdata"), Value(ALL_USERS)),
        number=OuterRef(OuterRef("number")),
    )
    operators = OperatorsNumber.objects.filter(number=OuterRef("number"))
    own = Message.objects.filter(Exists(of_application), pk=OuterRef("message_id"))
    return Q(Exists(own)) | Q(Exists(operators))


# --- The key 5 -------------------------------------------------------------------------------------------------------


def owner(userdata: str) -> str:
    """On whose list an opt-out from this user's shout goes: the user's, or, as the operator has it, that of all users."""
    return userdata if configuration().opt_out_scope == Scope.USER else ALL_USERS


def add(application_id: int, userdata: str, number: str, *, call_id: int | None = None) -> None:
    """Put a number on the list that an opt-out from this user's shout goes on; twice is once, and the first is kept."""
    with transaction.atomic(savepoint=False):
        _put(DoNotCallList(application_id, owner(userdata)), [number], by=ListedBy.KEY, call_id=call_id)


def recall(application_id: int, userdata: str, number: str) -> None:
    """Withdraw what other shouts have already handed to the carrier for a number that is listed now: those of whom the list binds."""
    elsewhere = _on_their_way().filter(message__application_id=application_id, number=number)
    if owner(userdata) != ALL_USERS:
        elsewhere = elsewhere.filter(message__userdata=userdata)
    with transaction.atomic():
        withdrawals.mark(elsewhere)


# --- Lists that somebody changes -------------------------------------------------------------------------------------


def put(which: DoNotCallList, numbers: Iterable[str], *, by: ListedBy) -> Put:
    """List numbers, each in its one form; those that are there stay as they are. Again is harmless, and completes what was interrupted.

    1. List them in small transactions, for which no claim and no callback has to wait long. 2. Withdraw what the carrier
    already has for them. From the first on nobody hears anything on such a call, whatever becomes of the second.
    """
    distinct = sorted(set(numbers))  # in one order, so that two who list the same wait for each other in turn
    added = sum(
        _put_together(which, distinct[first : first + _CHUNK], by=by) for first in range(0, len(distinct), _CHUNK)
    )
    _recall_listed(distinct)
    return Put(added, len(distinct) - added)


def remove(which: DoNotCallList, numbers: Sequence[str]) -> int:
    """Take numbers off a list; answers how many were there."""
    if which.application_id is None:
        return OperatorsNumber.objects.filter(number__in=bulk.among(numbers)).delete()[0]
    own = DoNotCallNumber.objects.filter(application=which.application_id, userdata=which.userdata)
    return own.filter(number__in=bulk.among(numbers)).delete()[0]


@again_if_undone
def _put_together(which: DoNotCallList, numbers: Sequence[str], *, by: ListedBy) -> int:
    with transaction.atomic():
        return _put(which, numbers, by=by)


def _put(which: DoNotCallList, numbers: Sequence[str], *, by: ListedBy, call_id: int | None = None) -> int:
    rows = ([number] for number in numbers)
    if which.application_id is None:
        return len(bulk.insert_new(OperatorsNumber, ["number"], rows))
    owner = {"application_id": which.application_id, "userdata": which.userdata}
    new = bulk.insert_new(DoNotCallNumber, ["number"], rows, by=by, call_id=call_id, **owner)
    events.of_entries(which.application_id, new)
    return len(new)


def _recall_listed(numbers: Sequence[str]) -> None:
    """Withdraw what the carrier has, and nobody has answered yet, for numbers that any list binds."""
    _let_claims_pass()
    bound = _on_their_way().filter(listed()).exclude(withdrawn=True, recalled=False)
    if len(numbers) <= _FEW:
        bound = bound.filter(number__in=numbers)
    pks = list(bound.order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(pks), _RECALLED_AT_ONCE):
        _withdraw(pks[first : first + _RECALLED_AT_ONCE])


@again_if_undone
def _withdraw(pks: Sequence[int]) -> None:
    with transaction.atomic():
        withdrawals.mark(_on_their_way().filter(pk__in=pks))


def _let_claims_pass() -> None:
    """Wait for the claim in hand, if there is one: it may have asked the lists before they grew. The next one has not."""
    with transaction.atomic():
        list(Gate.objects.filter(pk=Gate.Lane.CALLS).select_for_update().values_list("pk"))


def _on_their_way() -> CallQuerySet:
    """Calls that the carrier has, or may have, and nobody has answered."""
    return Call.objects.unfinished().with_carrier().filter(message__closed=None, answered=None)
