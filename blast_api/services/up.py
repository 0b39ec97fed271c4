"""What rings or is up at this moment, which bounds of calls at once are held against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain

from django.db.models import Q

from blast_api.domain.states import RecordingState, ShoutStatus
from blast_api.models import Call, Message

_AUTHOR_IS_UP = (
    RecordingState.PLACED,
    RecordingState.USER_ANSWERED,
    RecordingState.PRESSED_STAR,
    RecordingState.RECORDED,
)


@dataclass(slots=True)
class Up:
    """How many calls ring or are up, or are on their way to the carrier, of authors and recipients: by shout, by application."""

    by_shout: Counter[int] = field(default_factory=Counter)
    by_application: Counter[int] = field(default_factory=Counter)

    @classmethod
    def counted(cls) -> Up:
        """By the indexes of what is up: they hold no call that waits with us.

        Grouped here, and their shouts are looked up afterwards: else planners go through all calls that are open, or all shouts.
        """
        calls = Call.objects.order_by()
        started = calls.filter(finished=None, started__isnull=False)
        in_hand = calls.in_hand().filter(started=None)
        rings = Q(author_call__state__in=_AUTHOR_IS_UP) | Q(
            author_call__state=RecordingState.NO_REC_CALL, author_call__held_since__isnull=False
        )
        recorded = Message.objects.unclosed().filter(rings, author_call__ended=None, status=ShoutStatus.PENDING)
        up = cls()
        for message_id in chain(*(rows.values_list("message_id", flat=True) for rows in (started, in_hand))):
            up.by_shout[message_id] += 1
        up.by_shout.update(recorded.values_list("pk", flat=True))
        for message_id, application_id in Message.objects.filter(pk__in=up.by_shout).values_list("pk", "application"):
            up.by_application[application_id] += up.by_shout[message_id]
        return up
