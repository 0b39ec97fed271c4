"""Pages of a list: by the row that was seen last, which stays true while the list changes, or by counting."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

Row = TypeVar("Row", bound=Model)
LARGEST_ID = 2**63 - 1
_MOST_DIGITS = 100  # zeros in front among them
_MOST_ROWS = 10**9  # of `limit`, and of `offset`
_CURSORS = ("before", "after")
_CHUNK = 1000
_LONGEST_ZONE = 64  # characters; no zone has a longer name
# Percent-encoded, the longest name would have 3,060 characters. All headers of an answer share a proxy's buffer of 4 kB.
_LONGEST_NAME = 255
_Links = dict[str, dict[str, int]]  # for each, the parameters that say where it leads


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

    def since(self, rows: QuerySet[Row], value: int) -> QuerySet[Row]:
        """The rows from the one with this value on."""
        return rows.filter(**{f"{self.column}__{'lte' if self.descending else 'gte'}": value})

    def up_to(self, rows: QuerySet[Row], value: int) -> QuerySet[Row]:
        """The rows as far as the one with this value, which is the last of them."""
        return rows.filter(**{f"{self.column}__{'gte' if self.descending else 'lte'}": value})


NEWEST_FIRST = Order("pk", "before", descending=True)
OLDEST_FIRST = Order("pk", "after", descending=False)
BY_POSITION = Order("position", "after", descending=False)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """The rows that are asked for, and the headers that tell of the others."""

    rows: QuerySet[Row]  # in order
    order: Order
    headers: dict[str, str]
    most: int = LARGEST_ID

    def chunks(self) -> Iterator[list[Row]]:
        """The rows, some hundred at a time: each time those that now come after the row read last.

        Nothing of them is held in between, neither here nor by the database. Each is told once, as it is when it is read.
        """
        rows, left = self.rows, self.most
        while chunk := list(rows[: min(left, _CHUNK)]):
            yield chunk
            if len(chunk) < _CHUNK:
                break
            left -= len(chunk)
            rows = self.order.past(self.rows, getattr(chunk[-1], self.order.column))


def page(request: HttpRequest, rows: QuerySet[Row], order: Order, *, path: str, **named: str) -> Page[Row]:
    """The rows that are asked for, in this order; without any bound all rows.

    `path` and the parameters `named` are what the list is called in links. What is added to a list that goes by the newest
    first, while it is read, is no part of it.
    """
    limit = _natural(request, "limit", low=1, high=_MOST_ROWS)
    offset = _natural(request, "offset", low=0, high=_MOST_ROWS)
    seen = _seen(request, rows, order)
    if seen is not None and offset is not None:
        raise ValidationError({"offset": [f"Not together with {order.cursor}: that counts from the row seen last."]})
    asked = order.sorted(rows)
    if seen is not None:
        asked = order.past(asked, seen)
    elif order.descending:
        asked = _as_of_now(asked)
    if limit is None and offset is None and seen is None:
        return Page(asked, order, {})
    links: _Links = {}
    total = rows.count()
    if offset is not None:
        asked, links = _counted(asked, order, limit, offset, total)
    elif limit is not None:
        asked, links = _walked(asked, limit, order)
    headers = {"X-Total-Count": str(total)}
    if links:
        base, called = request.build_absolute_uri(path), _brief({**named, **_shown(request)})
        parts = [f'<{base}?{urlencode({**called, **link})}>; rel="{name}"' for name, link in links.items()]
        headers["Link"] = ", ".join(parts)
    most = limit if offset is not None and limit is not None else LARGEST_ID
    return Page(asked, order, headers, most)


def named(request: HttpRequest, name: str) -> str:
    """What the query says under this name, or in a link of ours that had to be short; empty if it says nothing."""
    in_brief = request.GET.get(f"{name}64", "")
    if not in_brief or name in request.GET:
        return request.GET.get(name, "")
    try:
        return urlsafe_b64decode(in_brief + "=" * (-len(in_brief) % 4)).decode()
    except (binascii.Error, ValueError):
        raise ValidationError({f"{name}64": ["Expected base64url of UTF-8, as in our links."]}) from None


def _brief(named: dict[str, str]) -> dict[str, str]:
    """The parameters of a link; a name that would be long in percent-encoding is in base64, at most half as long."""
    brief = {}
    for name, value in named.items():
        if len(quote(value)) > _LONGEST_NAME:
            name, value = f"{name}64", urlsafe_b64encode(value.encode()).decode().rstrip("=")
        brief[name] = value
    return brief


def _shown(request: HttpRequest) -> dict[str, str]:
    """As what the page is shown, which holds for the others."""
    told = {name: request.GET.get(name, "") for name in ("format", "zone")}
    return {name: value for name, value in told.items() if 0 < len(value) <= _LONGEST_ZONE}


def _as_of_now(rows: QuerySet[Row]) -> QuerySet[Row]:
    newest = rows.values_list("pk", flat=True).first()
    return rows.filter(pk__lte=newest or 0)


def _counted(
    rows: QuerySet[Row], order: Order, limit: int | None, offset: int, total: int
) -> tuple[QuerySet[Row], _Links]:
    if offset:
        first = rows.values_list(order.column, flat=True)[offset : offset + 1].first()
        rows = rows.none() if first is None else order.since(rows, first)
    links: _Links = {}
    if limit is None:
        return rows, links
    if offset + limit < total:
        links["next"] = {"limit": limit, "offset": offset + limit}
    if offset > 0:
        links["prev"] = {"limit": limit, "offset": max(offset - limit, 0)}
    return rows, links


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
