"""What was long ago is deleted: shouts with their calls, attempts and recordings, and idempotency keys. Never a do-not-call list.

Everything is done in small transactions and again harmlessly, so it may run beside everything else, be killed at any line
and be run twice at once. A shout goes in this order:

1. Its recording is taken off old-shout-id, under a lock that who uses it for a new shout takes too; if another shout has
   the same file, this one lets go of it. 2. The file is deleted at the carrier. 3. The calls. 4. The shout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from blast_api.carrierx.client import Accepted, CarrierClient, Refused, Unknown
from blast_api.conf import configuration
from blast_api.domain.states import ENDED_SHOUTS
from blast_api.models import WAITS_TO_BE_WRITTEN, Attempt, AuthorCall, Call, Message, Record
from blast_api.services import creation, storage

_SHOUTS = 100
_ROWS = 2000
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
    kept: int = 0  # shouts that stay, because the carrier keeps their recording
    trouble: str = ""  # what it said last
    failures: int = 0  # in a row


def shortest() -> timedelta:
    """Nothing younger than this may be deleted: somebody may still tell, or ask, of it."""
    config = configuration()
    return max(config.late_window, timedelta(hours=config.idempotency_key_window))


def preview(before: datetime, *, now: datetime) -> Purged:
    """What `purge` would delete."""
    old = _shouts(before)
    files = AuthorCall.objects.filter(message__in=old).exclude(file_sid="")
    needed = AuthorCall.objects.exclude(file_sid="").exclude(message__in=old)
    return Purged(
        shouts=old.count(),
        calls=Call.objects.filter(message__in=old).count(),
        attempts=Attempt.objects.filter(message__in=old).count(),
        recordings=files.exclude(file_sid__in=needed.values("file_sid")).values("file_sid").distinct().count(),
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
        files = _let_go(batch)
        for pk in batch:
            if pk in files and not _delete_file(files[pk], client, done):
                done.kept += 1
                yield done
                continue
            for calls, attempts in _delete_calls(pk):
                done.calls += calls
                done.attempts += attempts
                yield done
            done.shouts += _shouts(before).filter(pk=pk).delete()[1].get(Message._meta.label, 0)
            yield done
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
def _let_go(batch: list[int]) -> dict[int, str]:
    """No new shout may use these recordings from now on; answers the files that no other shout has either."""
    sids = AuthorCall.objects.filter(pk__in=batch).exclude(file_sid="").values("file_sid")
    rows = AuthorCall.objects.filter(file_sid__in=list(sids.values_list("file_sid", flat=True).distinct()))
    # All who share a file are locked, in the order of their keys: of two at once, the second sees what the first let go.
    # They are read anew afterwards: who had the lock before us may have used a recording for a new shout.
    list(rows.order_by("pk").select_for_update().values_list("pk"))
    sharing = list(rows.order_by("pk").values_list("pk", "file_sid"))
    AuthorCall.objects.filter(pk__in=batch).update(kept=False)
    here = set(batch)
    needed = {sid for pk, sid in sharing if pk not in here}
    last_of = {sid: pk for pk, sid in sharing if sid not in needed}  # of several here, one deletes it for all
    shared = [pk for pk, sid in sharing if pk in here and last_of.get(sid) != pk]
    AuthorCall.objects.filter(pk__in=shared).update(file_sid="")
    return {pk: sid for sid, pk in last_of.items()}


def _delete_file(sid: str, client: CarrierClient, done: Purged) -> bool:
    """Whether the carrier has it no more. After some failures in a row it is not asked again."""
    if done.failures >= _MOST_FAILURES:
        return False
    outcome = client.delete_file(sid)
    match outcome:
        case Accepted():
            done.recordings += 1
        case Refused(status=404):  # somebody was faster, or we died before we knew
            pass
        case Refused() | Unknown():
            done.trouble = outcome.reason
            done.failures += 1
            return False
    done.failures = 0
    return True


def _delete_calls(message_id: int) -> Iterator[tuple[int, int]]:
    """With their attempts, in bounded transactions; tells how many of each went in it."""
    calls = Call.objects.filter(message=message_id).order_by("position").values_list("pk", "position")
    last = -1
    while batch := list(calls.filter(position__gt=last)[:_ROWS]):
        last = batch[-1][1]
        _, gone = Call.objects.filter(pk__in=[pk for pk, _ in batch]).delete()
        yield gone.get(Call._meta.label, 0), gone.get(Attempt._meta.label, 0)
