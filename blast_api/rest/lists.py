"""Lists of any length in bounded memory: rows are read, shaped and sent a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Count, Model, Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from blast_api.conf import configuration
from blast_api.models import Call, Message, Recording, told_status

Row = TypeVar("Row", bound=Model)
_CHUNK = 500
_MOST_DIGITS = 100  # zeros in front among them
_render = JSONRenderer().render


def page(request: HttpRequest, rows: QuerySet[Row]) -> tuple[QuerySet[Row], dict[str, str]]:
    """The rows that `limit` and `offset` ask for, and the headers that tell of the others; without them all rows."""
    limit = _natural(request, "limit", low=1, high=configuration().max_limit)
    offset = _natural(request, "offset", low=0, high=configuration().max_offset)
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


def _natural(request: HttpRequest, name: str, *, low: int, high: int) -> int | None:
    written = request.GET.get(name)
    if written is None:
        return None
    natural = written.isascii() and written.isdigit() and len(written) <= _MOST_DIGITS
    if not (natural and low <= int(written) <= high):
        raise ValidationError({name: [f"Expected a whole number from {low} to {high}."]})
    return int(written)


def _link(request: HttpRequest, limit: int, offset: int, relation: str) -> str:
    query = urlencode({**request.GET.dict(), "limit": limit, "offset": offset})
    return f'<{request.build_absolute_uri(escape_uri_path(request.path))}?{query}>; rel="{relation}"'


def streamed(rows: Iterable[object], shape: BaseSerializer[Any], headers: dict[str, str]) -> StreamingHttpResponse:
    """A bare JSON array of the rows in this shape."""
    return StreamingHttpResponse(_array(rows, shape), content_type="application/json", headers=headers)


def _array(rows: Iterable[object], shape: BaseSerializer[Any]) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        yield before + _render(shape.to_representation(row))
        before = b","
    yield b"[]" if before == b"[" else b"]"


@dataclass(frozen=True, slots=True)
class Shout:
    """A shout as the API shows it, with what its calls tell about it."""

    message: Message
    recipients: list[str]
    calls: dict[str, int]  # how many have each status
    recipients_requested_dnc: bool

    @property
    def voc(self) -> Recording | None:
        """What was recorded, if anything was."""
        recording = self.message.recording
        return recording if recording.recorded else None


def shouts_of(messages: QuerySet[Message]) -> Iterator[Shout]:
    """Shouts with their calls; `messages` must come newest first, and may be a page.

    Three queries however many shouts and calls there are, read side by side; at most one shout is in memory whole.
    """
    calls = Call.objects.filter(message__in=messages.values("pk"))
    numbers = _Shares(calls.order_by("-message", "position").values_list("message", "number"))
    by_status = calls.annotate(told=told_status(timezone.now())).order_by("-message").values_list("message", "told")
    counts = _Shares(by_status.annotate(count=Count("pk"), opted_out=Count("pk", filter=Q(opted_out=True))))
    for message in messages.select_related("recording").iterator(_CHUNK):
        told = list(counts.of(message.pk))
        yield Shout(
            message,
            recipients=[number for (number,) in numbers.of(message.pk)],
            calls={status: count for status, count, _ in told},
            recipients_requested_dnc=any(opted_out for *_, opted_out in told),
        )


class _Shares:
    """Rows that come by descending message: asked for one message after another, they give each its own."""

    def __init__(self, rows: QuerySet[Call, tuple[Any, ...]]) -> None:
        self._rows = rows.iterator(_CHUNK)
        self._ahead = next(self._rows, None)

    def of(self, message_id: int) -> Iterator[tuple[Any, ...]]:
        """The rows of this message, without its id."""
        while self._ahead is not None and self._ahead[0] >= message_id:
            if self._ahead[0] == message_id:  # a higher one is of a shout that was made since we began
                yield self._ahead[1:]
            self._ahead = next(self._rows, None)
