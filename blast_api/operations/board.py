"""Shouts as a page shows them: how far each is, how fast it goes, what it waits for. By a few queries however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from blast_api.db.clock import database_now
from blast_api.domain.numbers import normalise
from blast_api.domain.outcomes import Outcome, by_outcome
from blast_api.domain.states import OPEN_CALLS, OPEN_SHOUTS, PAUSED, ShoutStatus, public_shout_status
from blast_api.models import Call, Message, MessageQuerySet
from blast_api.services import waiting
from blast_api.services.attempts import public_status
from blast_api.services.waiting import Outlook

_TURNS = (ShoutStatus.ONGOING, PAUSED, ShoutStatus.READY, ShoutStatus.PENDING, ShoutStatus.SCHEDULED)
_JUST_NOW = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Card:
    """One shout: its figures are of one moment."""

    id: int
    title: str
    userdata: str
    application: str
    status: str
    created: datetime
    starts_at: datetime | None
    started: datetime | None
    finished: datetime | None
    paused_at: datetime | None
    paused_because: str
    length_s: int
    calls: Mapping[str, int]
    calls_per_second: float  # that began to ring, over the last ten seconds
    outlook: Outlook

    @property
    def total(self) -> int:
        return sum(self.calls.values())

    @property
    def open(self) -> int:
        """Calls that have not ended."""
        return sum(count for status, count in self.calls.items() if status in OPEN_CALLS)

    @property
    def settled(self) -> int:
        return self.total - self.open

    @property
    def outcomes(self) -> dict[Outcome, int]:
        return by_outcome(self.calls)

    @property
    def is_open(self) -> bool:
        """Whether anything may still change."""
        return self.finished is None or self.open > 0


@dataclass(frozen=True, slots=True)
class Board:
    """Shouts at one moment: those that go on first."""

    at: datetime = field(repr=False)
    cards: Sequence[Card] = field(default_factory=list)
    before: int | None = None  # the id with which the next page begins, if there is one

    @property
    def moves(self) -> bool:
        """Whether a look in two seconds may show something else."""
        return any(card.is_open for card in self.cards)


def board(
    *,
    applications: Collection[int] | None,
    search: str = "",
    state: str = "",
    before: int | None = None,
    limit: int = 25,
) -> Board:
    """Shouts of these applications (None: of all), the open ones first on the first page, then the newest.

    `search` is in the title, is the user's name, the shout's id, or a number that it calls. `state`: open, ended or both.
    """
    now = database_now()
    messages = Message.objects.proper().select_related("application", "author_call", "recording")
    if applications is not None:
        messages = messages.filter(application__in=applications)
    messages = _found(messages, search.strip())
    is_open = Q(status__in=OPEN_SHOUTS)
    running: list[Message] = []
    if state != "ended" and before is None:
        running = sorted(messages.filter(is_open).order_by("-id")[:limit], key=_turn)
    rest: list[Message] = []
    if state != "open":
        ended = messages.exclude(is_open).order_by("-id")
        rest = list((ended.filter(pk__lt=before) if before else ended)[: limit + 1])
    more = rest[limit - 1].pk if len(rest) > limit else None
    return Board(now, cards([*running, *rest[:limit]], now=now), more)


def _turn(message: Message) -> int:
    """What calls comes first, then what is paused, what is recorded or about to start, what has its time ahead."""
    status = public_shout_status(message.status, paused=message.paused_at is not None)
    return _TURNS.index(status) if status in _TURNS else len(_TURNS)


def _found(messages: MessageQuerySet, search: str) -> MessageQuerySet:
    if not search or "\0" in search:
        return messages
    found = Q(title__icontains=search) | Q(userdata=search)
    if search.isascii() and search.isdigit() and len(search) < len(str(2**63)):
        found |= Q(pk=int(search))
    with suppress(ValueError):
        found |= Q(pk__in=Call.objects.filter(number=normalise(search)).values("message"))
    return messages.filter(found)


def card(message: Message) -> Card:
    """One shout."""
    (told,) = cards([message], now=database_now())
    return told


def cards(messages: Sequence[Message], *, now: datetime) -> list[Card]:
    """These shouts, read with their application, author's call and recording."""
    groups = list(
        Call.objects.filter(message__in=messages)
        .annotate(public_status=public_status(now))
        .order_by()
        .values("message", "public_status")
        .annotate(
            count=Count("pk"),
            just_now=Count("pk", filter=Q(started__lte=now, started__gt=now - _JUST_NOW)),
            **waiting.columns(now),
        )
    )
    by_shout: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for group in groups:
        by_shout[group["message"]].append(group)
    outlooks = waiting.outlooks(messages, groups, now=now)
    return [_card(message, by_shout[message.pk], outlooks[message.pk]) for message in messages]


def _card(message: Message, groups: Sequence[Mapping[str, Any]], outlook: Outlook) -> Card:
    return Card(
        id=message.pk,
        title=message.title,
        userdata=message.userdata,
        application=message.application.name,
        status=public_shout_status(message.status, paused=message.paused_at is not None),
        created=message.created,
        starts_at=message.starts_at,
        started=message.started,
        finished=message.finished,
        paused_at=message.paused_at,
        paused_because=message.paused_because,
        length_s=message.length_s,
        calls={group["public_status"]: group["count"] for group in groups},
        calls_per_second=sum(group["just_now"] for group in groups) / _JUST_NOW.total_seconds(),
        outlook=outlook,
    )
