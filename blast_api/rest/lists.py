"""Lists of any length in bounded memory: rows are read, shaped and sent a few at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import BaseSerializer

from blast_api.domain.states import PAUSED, public_shout_status
from blast_api.models import Application, Call, CallQuerySet, Message, Recording
from blast_api.services import rules, waiting
from blast_api.services.attempts import public_status
from blast_api.services.waiting import Outlook

from . import tables
from .tables import CSVFile
from .throttling import LongList

_PIECE = 32 * 1024  # bytes; a list of two or more is long
_JSON = "application/json"
_CALLS = 5000  # of the shouts that are read at once
render = JSONRenderer().render

Listed = HttpResponse | StreamingHttpResponse


def answer(
    application: Application,
    rows: Iterable[object],
    shape: BaseSerializer[Any],
    headers: dict[str, str],
    file: CSVFile | None = None,
) -> Listed:
    """The rows in this shape: a bare JSON array, or a CSV file (see `tables.csv_asked`).

    Raises Throttled if it is long, and the application reads too many.
    """
    headers = {**headers, "Vary": "Accept"}
    if file is None:
        return sent(application, pieces(map(shape.to_representation, rows)), headers)
    headers["Content-Disposition"] = f'attachment; filename="{file.name}.csv"'
    return sent(application, tables.pieces(rows, shape, file.zone), headers, content_type=tables.CONTENT_TYPE)


def sent(
    application: Application, pieces: Iterator[bytes], headers: dict[str, str], *, content_type: str = _JSON
) -> Listed:
    """The pieces of an answer, streamed if there are more than one. Raises Throttled as `answer` does."""
    first, second = next(pieces), next(pieces, None)
    if second is None:
        return HttpResponse(first, content_type=content_type, headers=headers)
    whole = LongList(application, chain((first, second), pieces))
    return StreamingHttpResponse(whole, content_type=content_type, headers=headers)


def pieces(rows: Iterable[object], *, before: bytes = b"", after: bytes = b"") -> Iterator[bytes]:
    """An array of plain rows in pieces, each but the last one of some size: every one is a write to the network."""
    piece = bytearray(before + b"[")
    between = b""
    for row in rows:
        piece += between + render(row)
        between = b","
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece + b"]" + after)


@dataclass(frozen=True, slots=True)
class Voice:
    """What is heard, as the API shows it with a shout; `length` in seconds."""

    created: datetime
    length: int
    url: str


@dataclass(frozen=True, slots=True)
class Shout:
    """A shout as the API shows it, with what its calls tell about it."""

    message: Message
    recipients: list[str]
    calls: dict[str, int]  # how many have each status
    recipients_requested_dnc: bool
    outlook: Outlook

    @property
    def status(self) -> str:
        """The status that is told."""
        return public_shout_status(self.message.status, paused=self.message.paused_at is not None)

    @property
    def paused_at(self) -> datetime | None:
        """Since when it is paused."""
        return self.message.paused_at if self.status == PAUSED else None

    @property
    def paused_because(self) -> str | None:
        """Why it is paused."""
        return self.message.paused_because if self.status == PAUSED else None

    @property
    def delivery(self) -> dict[str, object]:
        """Its rules as they are in force."""
        return rules.in_force(self.message).told()

    @property
    def caller_id(self) -> str:
        """Who calls."""
        return rules.caller_id(self.message)

    @property
    def recording(self) -> int | None:
        """The id of what is heard, as long as it can be looked up."""
        return _id_of(self.message.recording)

    @property
    def voicemail_recording(self) -> int | None:
        """The id of what machines hear instead."""
        return _id_of(self.message.voicemail)

    @property
    def voc(self) -> Voice | None:
        """What is heard, or the take that the author has recorded; None before there is one."""
        message = self.message
        if message.recording:
            return Voice(message.recording.created, message.length_s, message.recording.url)
        author_call = message.author_call
        return Voice(author_call.recorded, message.length_s, author_call.url) if author_call.recorded else None


def _id_of(recording: Recording | None) -> int | None:
    return recording.pk if recording and recording.doomed_at is None else None


def calls_of(calls: CallQuerySet) -> CallQuerySet:
    """Calls with what is told of each beside its columns; an audition's are of the shout that it plays."""
    return calls.annotate(
        public_status=public_status(timezone.now()),
        shout_id=Coalesce("message__audition_of", "message"),
        audition=Q(message__audition_of__isnull=False),
    )


def shouts(chunks: Iterable[Sequence[Message]]) -> Iterator[Shout]:
    """Shouts with their calls; at most one that has many calls is in memory at a time."""
    for chunk in chunks:
        for batch in _batches(chunk):
            yield from shouts_of(batch)


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """In order, as many together as have a bounded number of calls together, or one alone that has more."""
    last = Call.objects.filter(message=OuterRef("pk")).order_by("-position").values("position")[:1]
    rows = Message.objects.filter(pk__in=[message.pk for message in messages])
    lasts: dict[int, int | None] = dict(rows.values_list("pk", Subquery(last)))
    batch: list[Message] = []
    calls = 0
    for message in messages:
        of_this = (lasts.get(message.pk) or 0) + 1
        if batch and calls + of_this > _CALLS:
            yield batch
            batch, calls = [], 0
        batch.append(message)
        calls += of_this
    yield batch


def shouts_of(messages: Sequence[Message], *, numbered: bool = True) -> Iterator[Shout]:
    """These shouts with their calls, by a few queries however many there are; their recipients' numbers only if `numbered`."""
    now = timezone.now()
    calls = Call.objects.filter(message__in=messages)
    numbers, by_status, opted_out = (
        defaultdict[int, list[str]](list),
        defaultdict[int, dict[str, int]](dict),
        set[int](),
    )
    of_each = calls.order_by("message", "position") if numbered else Call.objects.none()
    for pk, number in of_each.values_list("message", "number"):
        numbers[pk].append(number)
    by_told = calls.annotate(public_status=public_status(now)).order_by().values("message", "public_status")
    refused = Count("pk", filter=Q(opted_out=True))
    groups = list(by_told.annotate(count=Count("pk"), refused=refused, **waiting.columns(now)))
    for group in groups:
        by_status[group["message"]][group["public_status"]] = group["count"]
        if group["refused"]:
            opted_out.add(group["message"])
    outlooks = waiting.outlooks(messages, groups, now=now)
    for message in messages:
        pk = message.pk
        yield Shout(message, numbers[pk], by_status[pk], pk in opted_out, outlooks[pk])
