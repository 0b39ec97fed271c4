"""The container that recordings go to: found or made ahead, so that no callback has to, and watched before it is full.

The answers of the carrier move it on, from step to step:

    find ──there is none──▶ make ──refused──▶ find again ──there is none──▶ refused: make again a minute later
      └──found────────▶ look ◀──made───┘           └──found──▶ look
                     look ──short──▶ raise ──▶ look, a minute later
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, QuerySet, Value
from django.db.models.functions import Coalesce, Now

from blast_api.carrierx.storage import key_in_use
from blast_api.conf import configuration
from blast_api.domain.quotas import Room
from blast_api.models import Container

log = logging.getLogger(__name__)

Provision = Container.Provision
# So long after it was begun, a turn has lost its dispatcher or its answer, and another begins.
_LOST_AFTER = timedelta(seconds=30)
# A tenth of a quota, which lies between the raise and the alarm, must not be used up within this.
_LOOK_AGAIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing to ask the carrier for. What comes of it counts until the next turn is begun."""

    key: str
    serial: int
    step: Provision
    sid: str  # of the container; what the operator named, before it is known
    room: Room

    def rows(self) -> QuerySet[Container]:
        return Container.objects.filter(pk=self.key, serial=self.serial)


def _key() -> str:
    return key_in_use(configuration())


def current() -> Container | None:
    """The container in use, as far as it is known; None before anybody has asked."""
    return Container.objects.filter(pk=_key()).first()


def sid() -> str:
    """Where a new recording goes; empty: to the carrier's default container. One short query."""
    return Container.objects.filter(pk=_key()).values_list("sid", flat=True).first() or ""


# --- Asked ---------------------------------------------------------------------------------------------------------


def claim(now: datetime) -> Turn | None:
    """Begin a turn, if it is time for one. Call it inside a transaction that holds the gate."""
    container = current() or _first(now)
    due = Container.objects.filter(pk=container.pk, serial=container.serial, due_at__lte=now)
    if container.due_at > now or not due.update(serial=F("serial") + 1, due_at=now + _LOST_AFTER):
        return None
    step, named = Provision(container.step), configuration().recording_container
    return Turn(container.key, container.serial + 1, step, container.sid or named, container.room)


def _first(now: datetime) -> Container:
    step = Provision.LOOK if configuration().recording_container else Provision.FIND
    Container.objects.bulk_create([Container(key=_key(), step=step, due_at=now)], ignore_conflicts=True)
    return Container.objects.get(pk=_key())


def give_back(turn: Turn) -> None:
    """It was not asked after all: somebody will."""
    turn.rows().update(due_at=Now())


def look_again(now: datetime) -> None:
    """Something has changed in the container: the carrier is asked how full it is, whatever it was about to be asked."""
    known = Container.objects.filter(pk=_key(), sid__gt="")
    known.update(step=Provision.LOOK, due_at=now, serial=F("serial") + 1)


# --- What the carrier answered -------------------------------------------------------------------------------------


def found(turn: Turn, sid: str, room: Room | None, *, now: datetime) -> None:
    """The container is there, and so full; None if the answer does not tell."""
    if room is None:
        turn.rows().update(sid=sid, refused=False)
        unclear(turn, "the carrier does not tell how full the container is", now=now)
        return
    was_raised = turn.step is Provision.RAISE
    step, due_at = (Provision.RAISE, now) if room.is_short and not was_raised else (Provision.LOOK, now + _LOOK_AGAIN)
    numbers = {
        "quota_files": room.files.limit,
        "total_files": room.files.total,
        "quota_bytes": room.bytes.limit,
        "total_bytes": room.bytes.total,
    }
    known = {"sid": sid, "checked": now, "since": None, "refused": False}
    if not turn.rows().update(step=step, due_at=due_at, **known, **numbers):
        return
    if was_raised and room.is_short:
        _complain_of_room(turn, "the carrier took the change and changed nothing")
    elif turn.step is not Provision.LOOK:
        log.info(
            "the container's quotas were raised" if was_raised else "recordings go to a container of ours",
            extra={"action": "storage_raised" if was_raised else "storage_found", "sid": sid, **numbers},
        )


def not_raised(turn: Turn, reason: str, *, now: datetime) -> None:
    """Its quotas stay as they are: it is looked into again, as somebody may have made room."""
    if turn.rows().update(step=Provision.LOOK, due_at=now + _LOOK_AGAIN):
        _complain_of_room(turn, reason)


def absent(turn: Turn, *, now: datetime) -> None:
    """There is no container by our key. It is made, unless that was refused just now: then it waits for somebody."""
    if turn.step is not Provision.FIND_AGAIN:
        turn.rows().update(sid="", step=Provision.MAKE, due_at=now)
        return
    refused(turn, "making a container was refused, and nobody else has made it", now=now, next_step=Provision.MAKE)


def not_made(turn: Turn, reason: str, *, now: datetime) -> None:
    """Somebody was first, or there may be no more: it is looked for again."""
    if turn.rows().update(step=Provision.FIND_AGAIN, due_at=now):
        log.warning("no container was made", extra={"action": "storage_not_made", "reason": reason})


def gone(turn: Turn, *, now: datetime) -> None:
    """No container has this SID. Ours is looked for by its key; what the operator named waits for somebody."""
    if turn.key == configuration().recording_container:
        refused(turn, "RECORDING_CONTAINER names a container that is not there", now=now, next_step=Provision.LOOK)
    elif turn.rows().update(sid="", step=Provision.FIND, due_at=now):
        log.warning("the container of ours is gone", extra={"action": "storage_gone", "sid": turn.sid})


def refused(turn: Turn, reason: str, *, now: datetime, next_step: Provision | None = None) -> None:
    """Nothing will come of it unless somebody does something. With a next step: there is no container, either."""
    there_is_none = {"step": next_step, "sid": ""} if next_step else {}
    since = Coalesce("since", Value(now))
    if turn.rows().update(refused=True, since=since, due_at=now + _LOOK_AGAIN, **there_is_none):
        log.error(
            "the carrier refuses us its storage: nobody watches whether there is room for recordings",
            extra={"action": "storage_refused", "step": turn.step, "reason": reason},
        )


def unclear(turn: Turn, reason: str, *, now: datetime) -> None:
    """It may have been done or not: whatever is asked next says so. Making is never repeated without looking first."""
    step = {Provision.MAKE: Provision.FIND, Provision.RAISE: Provision.LOOK}.get(turn.step, turn.step)
    since = Coalesce("since", Value(now))
    if turn.rows().update(step=step, since=since, due_at=now + _LOOK_AGAIN):
        log.warning(
            "the carrier does not tell of its storage yet",
            extra={"action": "storage_unclear", "step": turn.step, "reason": reason},
        )


def _complain_of_room(turn: Turn, reason: str) -> None:
    log.error(
        "the container of the recordings is short of room and is not raised: purge, or ask the carrier for more",
        extra={"action": "storage_not_raised", "sid": turn.sid, "free": round(turn.room.free, 3), "reason": reason},
    )
