"""What was long ago is deleted: shouts with their calls, attempts and recordings, and idempotency keys. Never a do-not-call list.

Everything is done in small transactions and again harmlessly, so it may run beside everything else, be killed at any line
and be run twice at once. A shout goes in this order:

1. Its calls. 2. The shout; in the same transaction, what only it played is doomed, under a lock that who uses it for a new
   shout takes too. 3. At the end, what is doomed is deleted at the carrier; what that keeps is tried again by the dispatcher.
   What was uploaded stays until somebody deletes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from blast_api.carrierx.client import Accepted, CarrierClient
from blast_api.carrierx.outcomes import is_gone
from blast_api.conf import configuration
from blast_api.domain.states import ENDED_SHOUTS
from blast_api.models import WAITS_TO_BE_WRITTEN, Attempt, AuthorCall, Call, Message, Record, Recording
from blast_api.services import creation, recordings, storage

_SHOUTS = 100
_ROWS = 2000
_FILES = 100
_STALE = timedelta(minutes=5)  # a file in hand for so long is nobody's
_MOST_FAILURES = 5


@dataclass(slots=True)
class Purged:
    """How many of each are gone, or would go; and what the carrier would not let go of."""

    shouts: int = 0
    calls: int = 0
    attempts: int = 0
    recordings: int = 0
    records: int = 0  # of former releases, which stored the text of each line
    keys: int = 0
    kept: int = 0  # recordings that the carrier has not let go of
    trouble: str = ""  # what it said last
    failures: int = 0  # in a row


def shortest() -> timedelta:
    """Nothing younger than this may be deleted: somebody may still tell, or ask, of it."""
    config = configuration()
    return max(config.late_window, timedelta(hours=config.idempotency_key_window))


def preview(before: datetime, *, now: datetime) -> Purged:
    """What `purge` would delete."""
    old = _shouts(before)
    young = Message.objects.exclude(pk__in=old.values("pk"))
    in_use = Exists(young.filter(Q(recording=OuterRef("pk")) | Q(voicemail=OuterRef("pk"))))
    named = Exists(old.filter(Q(recording=OuterRef("pk")) | Q(voicemail=OuterRef("pk"))))
    last = Recording.objects.usable().filter(named, ~in_use, lasting=False, file_sid__gt="")
    doomed = Recording.objects.to_discard(now).filter(file_sid__gt="")
    nobodys = AuthorCall.objects.filter(message__in=old, file_sid__gt="").exclude(
        file_sid__in=Recording.objects.filter(file_sid__gt="").values("file_sid")
    )
    return Purged(
        shouts=old.count(),
        calls=Call.objects.filter(message__in=old).count(),
        attempts=Attempt.objects.filter(message__in=old).count(),
        recordings=last.count() + doomed.count() + nobodys.values("file_sid").distinct().count(),
        records=_records(before).count(),
        keys=Message.objects.with_expired_key(now - timedelta(hours=configuration().idempotency_key_window)).count(),
    )


def purge(before: datetime, client: CarrierClient, *, now: datetime) -> Iterator[Purged]:
    """Delete what ended, or was written, before then; tells after each step how far it is."""
    done = Purged()
    while forgotten := creation.forget_keys(now):
        done.keys += forgotten
        yield done
    last = 0
    while batch := list(_shouts(before).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_SHOUTS]):
        last = batch[-1]
        for pk in batch:
            for calls, attempts in _delete_calls(pk):
                done.calls += calls
                done.attempts += attempts
                yield done
            done.shouts += _delete_shout(pk, before, now=now)
            yield done
    yield from _discard(client, done, now=now)
    if done.recordings:
        storage.look_again(now)
    last = 0
    while batch := list(_records(before).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_ROWS]):
        last = batch[-1]
        done.records += Record.objects.filter(pk__in=batch).delete()[0]
        yield done


def _shouts(before: datetime) -> QuerySet[Message]:
    """Shouts that ended before then, of which nothing can change any more, and every line is written."""
    old = Message.objects.filter(status__in=ENDED_SHOUTS, finished__lt=before, closed__lt=before)
    told = old.exclude(WAITS_TO_BE_WRITTEN).exclude(pk__in=AuthorCall.objects.filter(WAITS_TO_BE_WRITTEN).values("pk"))
    return told.exclude(pk__in=Attempt.objects.filter(WAITS_TO_BE_WRITTEN).values("message"))


def _records(before: datetime) -> QuerySet[Record]:
    return Record.objects.filter(written__lt=before)


@transaction.atomic
def _delete_shout(pk: int, before: datetime, *, now: datetime) -> int:
    """With what only it played, which is doomed. Answers how many shouts went: its auditions go with it."""
    played = recordings.locked(pk)
    if not (shout := _shouts(before).filter(pk=pk)).exists():
        return 0
    recordings.doom_what_was_not_kept(pk, now=now)
    gone = shout.delete()[1].get(Message._meta.label, 0)
    recordings.doom_unused(played, now=now)
    return gone


def _discard(client: CarrierClient, done: Purged, *, now: datetime) -> Iterator[Purged]:
    """Delete at the carrier what is doomed, as `dispatch.errands` does. What it keeps is let go, for whoever comes next."""
    while recordings.forget(now):
        pass
    kept = []
    while batch := recordings.claim_to_discard(limit=_FILES, stale=now - _STALE, now=now):
        for recording in batch:
            if not _delete_file(recording, client, done, now=now):
                kept.append(recording.pk)
            yield done
    for pk in kept:
        recordings.let_go(pk)
    done.kept = len(kept)


def _delete_file(recording: Recording, client: CarrierClient, done: Purged, *, now: datetime) -> bool:
    """Whether the carrier has it no more. After some failures in a row it is not asked again."""
    if done.failures >= _MOST_FAILURES:
        return False
    about = (recording.file_sid, recording.key)
    outcome = client.discard(client.prepare_discarding(*about), *about)
    if is_gone(outcome):
        recordings.discarded(recording.pk, now=now)
        done.recordings += isinstance(outcome, Accepted)  # or somebody was faster, or we died before we knew
        done.failures = 0
        return True
    assert not isinstance(outcome, Accepted)
    done.trouble = outcome.reason
    done.failures += 1
    return False


def _delete_calls(message_id: int) -> Iterator[tuple[int, int]]:
    """With their attempts, in bounded transactions; tells how many of each went in it."""
    calls = Call.objects.filter(message=message_id).order_by("position").values_list("pk", "position")
    last = -1
    while batch := list(calls.filter(position__gt=last)[:_ROWS]):
        last = batch[-1][1]
        _, gone = Call.objects.filter(pk__in=[pk for pk, _ in batch]).delete()
        yield gone.get(Call._meta.label, 0), gone.get(Attempt._meta.label, 0)
