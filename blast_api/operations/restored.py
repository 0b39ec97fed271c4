"""After the restore of an older backup: what came after it is forgotten here, and not by the world.

Phones have rung since, people have pressed 5 since, and addresses name ids that the database would give away again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, QuerySet

from blast_api.db import state_dir
from blast_api.domain.states import OPEN_SHOUTS, CallStatus, ShoutStatus
from blast_api.models import OUTBOXES, Application, DoNotCallNumber, Message, MessageQuerySet
from blast_api.services import dnc, shouts

from .sequences import counted, last_id, set_last_id
from .usage import Line

_AHEAD = 1_000_000


@dataclass(slots=True)
class Mended:
    """What was done, or would be."""

    canceled: int = 0
    listed: int = 0  # numbers that were not on their do-not-call list
    doubtful: int = 0  # records that may be in the logs already


def preview(ended: Iterable[Line]) -> Mended:
    """What `mend` would do."""
    unlisted = {
        (line.application, dnc.owner(line.userdata), line.number)
        for line in _opted_out(ended)
        if not _against(line).exists()
    }
    return Mended(
        canceled=_open().count(), listed=len(unlisted), doubtful=sum(outbox.waiting().count() for outbox in OUTBOXES)
    )


def mend(ended: Iterable[Line], *, now: datetime) -> Mended:
    """Make the database fit to be used. Call it before anything else uses it; again is harmless.

    1. Ids go on far ahead: no callback of a call placed since the backup finds another call under its id. 2. Who opted out
    by these records is listed again. 3. Whatever has not ended is canceled: it may all have been done, or canceled, since.
    4. Records that had not been written are looked for in the logs before they are. Raises OSError without STATE_DIR.
    """
    done = Mended()
    with transaction.atomic():
        for model in filter(counted, apps.get_app_config("blast_api").get_models()):
            set_last_id(model, connection, last_id(model, connection) + _AHEAD)
    for line in _opted_out(ended):
        if not _against(line).exists():
            dnc.add(int(line.application), line.userdata, line.number, call_id=line.pk)
            done.listed += 1
    host = state_dir.host()
    done.doubtful = sum(outbox.waiting().update(taken=F(outbox.since), writer=host) for outbox in OUTBOXES)
    for message in list(_open()):
        done.canceled += shouts.end(message, ShoutStatus.CANCELED, now=now)
    return done


def _opted_out(ended: Iterable[Line]) -> Iterator[Line]:
    """Of these records, those of opt-outs from an application that is there."""
    known = {str(pk) for pk in Application.objects.values_list("pk", flat=True)}
    for line in ended:
        if line.status == CallStatus.OPTED_OUT and line.application in known:
            yield line


def _against(line: Line) -> QuerySet[DoNotCallNumber]:
    return dnc.against(int(line.application), line.userdata).filter(number=line.number)


def _open() -> MessageQuerySet:
    return Message.objects.unclosed().filter(status__in=OPEN_SHOUTS)
