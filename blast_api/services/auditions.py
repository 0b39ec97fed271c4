"""A shout is played to one number first, exactly as its recipients would hear it; that counts for nothing.

An audition is a shout of one call that no list shows and no record tells of. So whatever holds for a call holds for it: the
gate, the claim, the do-not-call list that is asked again, the callbacks, and what is done where the carrier is silent.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction

from blast_api.conf import configuration
from blast_api.db.undone import again_if_undone
from blast_api.domain.errors import AlreadyEnded, InvalidField, NotRecorded, TooManyAuditions
from blast_api.domain.rules.verdict import Later, Never
from blast_api.domain.states import OPEN_SHOUTS, ShoutStatus
from blast_api.domain.times import written
from blast_api.models import Call, Message

from . import dnc, recordings, rules, schedule, shouts

log = logging.getLogger(__name__)

MOST_OPEN = 3  # of one shout
# Who asks for it sits beside the telephone, and not much longer than this.
_RINGS_WITHIN = timedelta(minutes=10)


@again_if_undone
def audition(message: Message, number: str, *, now: datetime) -> Call:
    """The call by which one number hears this shout, soon or never; `now` is the database's.

    Raises AlreadyEnded, NotRecorded, TooManyAuditions, and InvalidField (`to`) for a number that must not be rung now.
    """
    with transaction.atomic():
        # Locked: who cancels the shout comes before, or finds this audition.
        shout = Message.objects.select_for_update(of=("self",)).select_related("recording").get(pk=message.pk)
        if shout.status not in OPEN_SHOUTS:
            raise AlreadyEnded(f"The shout has already ended: it is {shout.status}.")
        if shout.recording is None:
            raise NotRecorded("The shout has no recording yet.")
        row = _row_of(shout, now=now)
        _refuse(shout, row, number, now=now)
        row.save(force_insert=True)
        call = Call.objects.create(message=row, position=0, number=number)
        recordings.add_author_call(row, shout.recording, now=now)
        shouts.release(row, length_s=shout.length_s, now=now)
    about = {"action": "shout_auditioned", "shout": shout.pk, "audition": row.pk, "call": call.pk}
    log.info("a shout is played to one number", extra=about)
    return call


def _row_of(shout: Message, *, now: datetime) -> Message:
    """Of the shout's rules it has the one that is heard: what machines get."""
    heard = {"machines": rules.in_force(shout).machines.value}
    return Message(
        audition_of=shout,
        application_id=shout.application_id,
        userdata=shout.userdata,
        caller=shout.caller,
        title=shout.title,
        status=ShoutStatus.PENDING,
        created=now,
        delivery={"attempts": 1, "pause_at": None, **heard},
        until=now + _RINGS_WITHIN,
        did=shout.did,
        recording=shout.recording,
        voicemail_id=shout.voicemail_id,
        language=shout.language,
        transfer=shout.transfer,
    )


def _refuse(shout: Message, row: Message, number: str, *, now: datetime) -> None:
    if refusal := configuration().destinations.refusal(number):
        raise InvalidField("to", f"{number} {refusal}.")
    if listed := dnc.why_listed(shout.application_id, shout.userdata, [number]).get(number):
        raise InvalidField("to", f"{number} is not called: {listed}.")
    match rules.in_force(row).hours(now, schedule.zones(number, "")):
        case Later(at=datetime() as opens, reason=reason):
            raise InvalidField("to", f"{number} may be called from {written(opens)} on: {reason}.")
        case Later(reason=reason) | Never(reason=reason):
            raise InvalidField("to", f"{number} is not called: {reason}.")
    open_ = shout.auditions.filter(status__in=OPEN_SHOUTS)
    if open_.filter(calls__number=number).exists():
        raise InvalidField("to", f"{number} is being called for an audition of this shout already.")
    if open_.count() >= MOST_OPEN:
        raise TooManyAuditions(f"{MOST_OPEN} auditions of this shout are under way; try again when one has ended.")
