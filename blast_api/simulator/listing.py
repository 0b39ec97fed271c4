"""Lists as the carrier sends them: filtered, ordered, cut into pages, in an envelope."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from urllib.parse import urlencode

from .wire import Json, Refusal, Request

DEFAULT_LIMIT = 10
GREATEST_LIMIT = 1000

_TERM = re.compile(r"""\s*([A-Za-z_][\w.]*)\s+(\w+)\s+("[^"]*"|'[^']*'|[^\s"']+)\s*""")

# By their texts, as the times are written in one form. Numbers are compared for equality only.
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
}


def envelope(items: Sequence[Json], request: Request, *, base_url: str) -> dict[str, object]:
    """Return one page of items as the query asks; raises Refusal 400 for a query the carrier does not know."""
    query = request.query
    limit = _whole(query, "limit", DEFAULT_LIMIT, low=1, high=GREATEST_LIMIT)
    offset = _whole(query, "offset", 0, low=0)
    chosen = [item for item in items if _passes(item, query.get("filter", ""))]
    chosen = _ordered(chosen, query.get("order", ""))
    page = chosen[offset : offset + limit]
    has_more = offset + len(page) < len(chosen)
    following = {**query, "limit": str(limit), "offset": str(offset + limit)}
    return {
        "count": len(page),
        "items": page,
        "limit": limit,
        "offset": offset,
        "total": len(chosen),
        "has_more": has_more,
        "pagination": {"next": f"{base_url}{request.path}?{urlencode(following)}"} if has_more else {},
    }


def _whole(query: dict[str, str], name: str, default: int, *, low: int, high: int | None = None) -> int:
    raw = query.get(name)
    if raw is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", raw) or int(raw) < low or (high is not None and int(raw) > high):
        raise Refusal(HTTPStatus.BAD_REQUEST, {"field": name, "message": f"{raw!r} is out of range"})
    return int(raw)


def _passes(item: Json, query: str) -> bool:
    """Tell whether an item passes a filter of `field operator value` terms joined by `and`; raises Refusal 400 for any other."""
    position = 0
    passes = True
    while position < len(query):
        term = _TERM.match(query, position)
        if term is None or term[2] not in _OPERATORS:
            raise Refusal(HTTPStatus.BAD_REQUEST, {"field": "filter", "message": f"cannot read {query!r}"})
        value = _as_text(_at(item, term[1]))
        passes = passes and value is not None and _OPERATORS[term[2]](value, term[3].strip("\"'"))
        position = term.end()
        if position < len(query):
            joint = re.compile(r"and\s+").match(query, position)
            if joint is None or joint.end() == len(query):
                raise Refusal(HTTPStatus.BAD_REQUEST, {"field": "filter", "message": f"cannot read {query!r}"})
            position = joint.end()
    return passes


def _at(item: Json, path: str) -> object:
    value: object = item
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _ordered(items: list[Json], order: str) -> list[Json]:
    if not order:
        return items
    found = re.fullmatch(r"([A-Za-z_]\w*)(?: (asc|desc))?", order)
    if found is None or any(found[1] not in item for item in items):
        raise Refusal(HTTPStatus.BAD_REQUEST, {"field": "order", "message": f"cannot read {order!r}"})

    def key(item: Json) -> tuple[bool, float, str]:
        value = item[found[1]]
        return (value is None, float(value), "") if isinstance(value, int | float) else (value is None, 0.0, str(value))

    return sorted(items, key=key, reverse=found[2] == "desc")
