"""A recipient is put through to a person: as many of a shout at once as it allows, and what became of it.

Who is put through stands in the row of the call before the document says so; the carrier tells the outcome once, perhaps
after the end of the call, or never.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from blast_api.carrierx.events import BridgeReport
from blast_api.domain.menus import Wish
from blast_api.domain.states import CallStatus
from blast_api.domain.transfers import UNKNOWN, UP
from blast_api.models import Attempt, Call, Message
from blast_api.records import outbox

from . import attempts, events, scripts
from .attempts import CallAttempt
from .scripts import Script

LONGEST = timedelta(hours=1)  # that two may speak
_MAY_TRY_AGAIN = frozenset({CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED})


def wished(attempt: CallAttempt, script: Script, digits: str, *, now: datetime) -> Wish:
    """What is granted to who pressed a key that is none of ours: TRANSFER, TRANSFER_LATER or END.

    Of several claimers of the last place one gets it: the shout's row is locked. The same key once more is the same transfer.
    """
    transfer = script.transfer
    if transfer is None or digits[:1] != transfer.key:
        return Wish.END
    with transaction.atomic():
        shout = Message.objects.select_for_update(of=("self",)).filter(calls=attempt.call_id).get()
        others = shout.calls.put_through().exclude(pk=attempt.call_id)
        if transfer.concurrent is not None and others[: transfer.concurrent].count() >= transfer.concurrent:
            return Wish.TRANSFER_LATER
        mine = attempt.rows().with_carrier().filter(attempts.MAY_BE_HEARD)
        mine.exclude(transfer_outcome=UP).update(transferred=now, transfer_outcome=UP, transfer_s=None)
    return Wish.TRANSFER


def ended(attempt: CallAttempt, report: BridgeReport, *, now: datetime) -> Script | None:
    """The two have parted, or never met: what it needs to let the person try again; None: the call is over. Raises AttemptOver.

    The first word counts. Where the carrier does not tell how long they spoke, it is unknown.
    """
    attempts.refuse_if_over(attempt, now=now)
    outcome = {"transfer_outcome": report.outcome or UNKNOWN, "transfer_s": report.seconds}
    is_news = {"serial": attempt.serial, "transfer_outcome__in": (UP, UNKNOWN) if report.outcome else (UP,)}
    with transaction.atomic():
        Call.objects.filter(pk=attempt.call_id, **is_news).update(**outcome)
        # Where the end of the call was told first, its line is corrected.
        told = Attempt.objects.filter(call=attempt.call_id, record__gt="", **is_news)
        if told.update(**outcome, **outbox.due(late=True)):
            events.of_end_corrected(attempt.call_id, attempt.serial)
    still_there = attempt.rows().with_carrier().filter(attempts.MAY_BE_HEARD, transferred__isnull=False)
    may_try_again = report.outcome in _MAY_TRY_AGAIN and still_there.exists()
    return scripts.of_call(attempt.call_id) if may_try_again else None
