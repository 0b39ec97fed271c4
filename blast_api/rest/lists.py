"""Lists of any length in bounded memory: rows are read, shaped and sent a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from blast_api.models import Call, Message, Recording, told_status

_CHUNK = 500
_render = JSONRenderer().render


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
