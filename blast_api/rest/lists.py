"""Lists of any length in bounded memory: rows are read, shaped and sent a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from ..models import Call, Message

Row = TypeVar("Row", bound=Model)
_CHUNK = 500
_render = JSONRenderer().render


def page(request: HttpRequest, rows: QuerySet[Row]) -> tuple[QuerySet[Row], dict[str, str]]:
    """The rows that `limit` and `offset` ask for, and the headers that tell of the others; without them all rows."""
    limit, offset = _natural(request, "limit", low=1), _natural(request, "offset", low=0)
    if limit is None and offset is None:
        return rows, {}
    total, first = rows.count(), offset or 0
    links = []
    if limit is not None and first + limit < total:
        links.append(_link(request, limit, first + limit, "next"))
    if limit is not None and first > 0:
        links.append(_link(request, limit, max(first - limit, 0), "prev"))
    headers = {"X-Total-Count": str(total)} | ({"Link": ", ".join(links)} if links else {})
    return rows[first : None if limit is None else first + limit], headers


def _natural(request: HttpRequest, name: str, *, low: int) -> int | None:
    written = request.GET.get(name)
    if written is None:
        return None
    if not (written.isascii() and written.isdigit() and len(written) <= 9 and int(written) >= low):
        raise ValidationError({name: [f"Expected a whole number, {low} or more."]})
    return int(written)


def _link(request: HttpRequest, limit: int, offset: int, relation: str) -> str:
    query = urlencode({**request.GET.dict(), "limit": limit, "offset": offset})
    return f'<{request.build_absolute_uri(request.path)}?{query}>; rel="{relation}"'


def streamed(rows: Iterable[object], shape: BaseSerializer[Any], headers: dict[str, str]) -> StreamingHttpResponse:
    """A bare JSON array of the rows in this shape."""
    response = StreamingHttpResponse(_array(rows, shape), content_type="application/json")
    response.headers.update(headers)
    return response


def _array(rows: Iterable[object], shape: BaseSerializer[Any]) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        yield before + _render(shape.to_representation(row))
        before = b","
    yield b"[]" if before == b"[" else b"]"


def with_calls(messages: QuerySet[Message]) -> Iterator[Message]:
    """Shouts, newest first, each with its `recipients`, `calls` per status and `recipients_requested_dnc`.

    Three queries however many shouts and calls there are, read side by side; at most one shout is in memory whole.
    """
    newest_first = messages.select_related("recording").order_by("-pk")
    calls = Call.objects.filter(message__in=messages.order_by("-pk").values("pk"))
    numbers = calls.order_by("-message", "position").values_list("message", "number")
    counted = calls.order_by("-message").values_list("message", "status")
    counts = counted.annotate(count=Count("pk"), opted_out=Count("pk", filter=Q(opted_out=True)))
    next_numbers, next_counts = _by_message(numbers), _by_message(counts)
    for message in newest_first.iterator(_CHUNK):
        message.recipients = [number for _, number in next_numbers(message.pk)]
        told = list(next_counts(message.pk))
        message.call_counts = {status: count for _, status, count, _ in told}
        message.recipients_requested_dnc = any(opted_out for *_, opted_out in told)
        message.voc = message.recording if message.recording.recorded else None
        yield message


def _by_message(rows: QuerySet[Call, Any]) -> Any:
    """A reader of rows that come by descending message: asked for one message after another, it gives each its own."""
    ahead = rows.iterator(_CHUNK)
    row: tuple[Any, ...] | None = next(ahead, None)

    def of(message_id: int) -> Iterator[tuple[Any, ...]]:
        nonlocal row
        while row is not None and row[0] > message_id:
            row = next(ahead, None)  # of a shout that was made since we began
        while row is not None and row[0] == message_id:
            yield row
            row = next(ahead, None)

    return of
