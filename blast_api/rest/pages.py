"""Pages of a list: by the row that was seen last, which stays true while the list changes, or by counting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

from blast_api.conf import configuration

Row = TypeVar("Row", bound=Model)
LARGEST_ID = 2**63 - 1
_MOST_DIGITS = 100  # zeros in front among them
_CURSORS = ("before", "after")
_Links = dict[str, dict[str, int]]  # for each, the parameters that differ from this page's


@dataclass(frozen=True, slots=True)
class Order:
    """How a list goes: by which column, no two rows alike, and which parameter names the id of the row seen last."""

    column: str
    cursor: str
    descending: bool

    def sorted(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """The rows in this order."""
        return rows.order_by(f"-{self.column}" if self.descending else self.column)

    def past(self, rows: QuerySet[Row], value: int) -> QuerySet[Row]:
        """The rows that come after the one with this value."""
        return rows.filter(**{f"{self.column}__{'lt' if self.descending else 'gt'}": value})

    def up_to(self, rows: QuerySet[Row], value: int) -> QuerySet[Row]:
        """The rows as far as the one with this value, which is the last of them."""
        return rows.filter(**{f"{self.column}__{'gte' if self.descending else 'lte'}": value})


NEWEST_FIRST = Order("pk", "before", descending=True)
BY_POSITION = Order("position", "after", descending=False)


def page(
    request: HttpRequest, rows: QuerySet[Row], order: Order, *, path: str, **named: str
) -> tuple[QuerySet[Row], dict[str, str]]:
    """The rows that are asked for, in this order, and the headers that tell of the others; without any bound all rows.

    `path` and the parameters `named` are where links lead. What is added to a list that goes by the newest first, while
    it is read, is no part of it.
    """
    limit = _natural(request, "limit", low=1, high=configuration().max_limit)
    offset = _natural(request, "offset", low=0, high=configuration().max_offset)
    seen = _seen(request, rows, order)
    if seen is not None and offset is not None:
        raise ValidationError({"offset": [f"Not together with {order.cursor}: that counts from the row seen last."]})
    asked = order.sorted(rows)
    if seen is not None:
        asked = order.past(asked, seen)
    elif order.descending:
        asked = _as_of_now(asked)
    if limit is None and offset is None and seen is None:
        return asked, {}
    links: _Links = {}
    total = rows.count()
    if offset is not None:
        asked, links = _counted(asked, limit, offset, total)
    elif limit is not None:
        asked, links = _walked(asked, limit, order)
    headers = {"X-Total-Count": str(total)}
    if links:
        base, query = request.build_absolute_uri(path), request.GET.dict() | named
        told = [f'<{base}?{urlencode({**query, **link})}>; rel="{name}"' for name, link in links.items()]
        headers["Link"] = ", ".join(told)
    return asked, headers


def _as_of_now(rows: QuerySet[Row]) -> QuerySet[Row]:
    newest = rows.values_list("pk", flat=True).first()
    return rows.filter(pk__lte=newest or 0)


def _counted(rows: QuerySet[Row], limit: int | None, offset: int, total: int) -> tuple[QuerySet[Row], _Links]:
    if limit is None:
        return rows[offset:], {}
    links = {}
    if offset + limit < total:
        links["next"] = {"limit": limit, "offset": offset + limit}
    if offset > 0:
        links["prev"] = {"limit": limit, "offset": max(offset - limit, 0)}
    return rows[offset : offset + limit], links


def _walked(rows: QuerySet[Row], limit: int, order: Order) -> tuple[QuerySet[Row], _Links]:
    """The page ends with a row, not after so many: if one goes before it is read it is shorter, and no row is skipped."""
    edge = list(rows.values_list(order.column, "pk")[limit - 1 : limit + 1])  # the page's last row, and who follows it
    if len(edge) < 2:
        return rows, {}
    (last, pk), _ = edge
    return order.up_to(rows, last), {"next": {"limit": limit, order.cursor: pk}}


def _seen(request: HttpRequest, rows: QuerySet[Row], order: Order) -> int | None:
    """Where in the list the row is that was seen last, there or gone; None if nothing was seen yet."""
    for cursor in {*_CURSORS} - {order.cursor}:
        if cursor in request.GET:  # who is not understood would be led through the first page for ever
            raise ValidationError({cursor: [f"This list goes on by {order.cursor}."]})
    pk = _natural(request, order.cursor, low=0, high=LARGEST_ID)
    if pk is None or order.column == "pk":
        return pk
    place: int | None = rows.filter(pk=pk).values_list(order.column, flat=True).first()
    if place is None:
        raise ValidationError({order.cursor: ["Expected the id of a row of this list."]})
    return place


def _natural(request: HttpRequest, name: str, *, low: int, high: int) -> int | None:
    written = request.GET.get(name)
    if written is None:
        return None
    natural = written.isascii() and written.isdigit() and len(written) <= _MOST_DIGITS
    if not (natural and low <= int(written) <= high):
        raise ValidationError({name: [f"Expected a whole number from {low} to {high}."]})
    return int(written)
