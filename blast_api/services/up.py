"""What rings or is up at this moment, which bounds of calls at once are held against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count, Q

from blast_api.domain.states import RecordingState, ShoutStatus
from blast_api.models import Call, Recording

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
        """By the indexes of what is up: they hold no call that waits with us."""
        up = cls()
        calls = Call.objects.order_by()
        started = calls.filter(finished=None, started__isnull=False)
        in_hand = calls.in_hand().filter(started=None)
        authors = Recording.objects.filter(
            Q(state__in=_AUTHOR_IS_UP) | Q(state=RecordingState.NO_REC_CALL, held_since__isnull=False),
            ended=None,
            message__closed=None,
            message__status=ShoutStatus.PENDING,
        ).order_by()
        for rows in (started, in_hand, authors):
            counted = rows.values_list("message_id", "message__application_id").annotate(count=Count("pk"))
            for message_id, application_id, count in counted:
                up.by_shout[message_id] += count
                up.by_application[application_id] += count
        return up
