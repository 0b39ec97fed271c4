"""How often a telephone has heard us, or is hearing us: what a cap per number counts, asked by claims and by preflight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, Exists, IntegerField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from blast_api.db import bulk
from blast_api.domain.rules.limits import FrequencyCap, Scope
from blast_api.models import Call, CallQuerySet, Message


def heard_or_up(cap: FrequencyCap, application_id: int, userdata: str, *, now: datetime) -> Coalesce:
    """As a column of calls: how many calls to its number count, whichever shouts of the cap's scope they are of."""
    to_its_number = _counting(cap, application_id, userdata, now=now).filter(number=OuterRef("number"))
    counted = to_its_number.order_by().values("number").annotate(counted=Count("pk"))
    return Coalesce(Subquery(counted.values("counted")), Value(0), output_field=IntegerField())


def heard_or_up_by_number(
    cap: FrequencyCap, application_id: int, userdata: str, numbers: Sequence[str], *, now: datetime
) -> dict[str, int]:
    """How many calls count to each of these numbers; those to which none does are left out. One query."""
    to_these = _to(numbers, cap, application_id, userdata, now=now)
    return dict(to_these.order_by().values_list("number").annotate(Count("pk")))


def that_count(cap: FrequencyCap, application_id: int, userdata: str, number: str, *, now: datetime) -> list[int]:
    """The calls that count to one number, the oldest first, and no more than make the cap."""
    to_it = _counting(cap, application_id, userdata, now=now).filter(number=number)
    return list(to_it.order_by("pk").values_list("pk", flat=True)[: cap.calls])


def _to(
    numbers: Sequence[str], cap: FrequencyCap, application_id: int, userdata: str, *, now: datetime
) -> CallQuerySet:
    return _counting(cap, application_id, userdata, now=now).filter(number__in=bulk.among(numbers))


def _counting(cap: FrequencyCap, application_id: int, userdata: str, *, now: datetime) -> CallQuerySet:
    """Calls of the cap's scope that were heard within its days, or that the carrier has."""
    # Asked of each call that the number leads to. As a join it would lead planners from all shouts of a user to their calls.
    of_the_scope = Message.objects.proper().filter(pk=OuterRef("message_id"), application_id=application_id)
    if cap.scope is Scope.USER:
        of_the_scope = of_the_scope.filter(userdata=userdata)
    return Call.objects.heard_or_up(cap.since(now)).filter(Exists(of_the_scope))
