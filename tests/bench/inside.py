"""What the bench does within the service's settings: a child process per function, JSON in and out.

python -m tests.bench.inside NAME '{"argument": ...}'
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.utils import timezone

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import Count  # noqa: E402

from blast_api.carrierx.addresses import address  # noqa: E402
from blast_api.db import bulk  # noqa: E402
from blast_api.db.clock import database_now  # noqa: E402
from blast_api.domain.callbacks import Party  # noqa: E402
from blast_api.domain.states import OPEN_CALLS, CallStatus, RecordingState, ShoutStatus  # noqa: E402
from blast_api.models import Application, AuthorCall, Call, Message  # noqa: E402
from blast_api.services import shouts  # noqa: E402

AUTHOR = "15555552090"
_CONFIRMED: dict[str, object] = {"state": RecordingState.CONFIRMED, "kept": True}


def number(group: int, index: int) -> str:
    """A valid number, its area code that of the group; a million each."""
    return f"1{300 + group}{220 + index // 10000 % 80:03d}{index % 10000:04d}"


def fill(
    *,
    calls: int,
    group: int = 0,
    status: str = CallStatus.PENDING,
    attempts: int = 0,
    application: str = Application.IMPLIED,
) -> int:
    """A recorded shout that is not released yet, or with calls of another status: its id."""
    now = timezone.now()
    whose, _ = Application.objects.get_or_create(name=application)
    ongoing = status != CallStatus.PENDING or attempts > 0
    message = Message.objects.create(
        application=whose,
        userdata="bench",
        caller=AUTHOR,
        created=now,
        status=ShoutStatus.ONGOING if ongoing else ShoutStatus.PENDING,
        starts_at=now if ongoing else None,
        started=now if ongoing else None,
    )
    recorded: dict[str, Any] = {
        "file_sid": "f",
        "url": "http://127.0.0.1:9/f.wav",
        "length_s": 8,
        "recorded": now,
        "take": 1,
    }
    if ongoing:
        recorded |= _CONFIRMED | {"ended": now}
    else:  # its author listens to it: what is confirmed, the sweeps release
        recorded |= {"state": RecordingState.RECORDED}
    AuthorCall.objects.create(message=message, state_since=now, **recorded)
    rows = ((position, number(group, position)) for position in range(calls))
    stamps: dict[str, object] = {"due_at": now, "serial": attempts, "attempts": attempts} if ongoing else {}
    if status == CallStatus.READY and attempts:
        stamps["held_since"] = now
    if status == CallStatus.PENDING and attempts:
        stamps["sid"] = "s"
    if status == CallStatus.ONGOING:
        stamps |= {"started": now, "answered": now, "sid": "s", "answerer": "HUMAN"}
    if status not in OPEN_CALLS:
        stamps["finished"] = now
    bulk.insert(Call, ["position", "number"], rows, message_id=message.pk, status=status, **stamps)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum would have done by then; SQLite never does by itself
    return message.pk


def release(*, shout: int) -> float:
    """Release a shout as the author's confirmation would; when that was committed, on the monotonic clock."""
    with transaction.atomic():
        message = Message.objects.get(pk=shout)
        AuthorCall.objects.filter(pk=shout).update(**_CONFIRMED)
        assert shouts.release(message, length_s=8, now=database_now())
    return time.monotonic()


def fill_many(*, shouts: int, calls: int, group: int, **like: Any) -> None:
    """So many shouts like that, of groups from this one on."""
    for index in range(shouts):
        fill(calls=calls, group=group + index, **like)


def cancel_many(*, calls: int) -> None:
    """Cancel every shout of so many calls."""
    for message in Message.objects.annotate(size=Count("calls")).filter(size=calls):
        shouts.cancel(message, now=database_now())


def release_all() -> None:
    """Release every shout that is not."""
    for pk in Message.objects.filter(
        status=ShoutStatus.PENDING, author_call__state=RecordingState.RECORDED
    ).values_list("pk", flat=True):
        release(shout=pk)


def addresses(*, shout: int, step: str) -> list[str]:
    """The paths under which the carrier reports on the calls of a shout."""
    calls = Call.objects.filter(message=shout).order_by("position").values_list("pk", "serial")
    return ["/" + address(Party.RECIPIENT, pk, serial, step).split("/", 3)[3] for pk, serial in calls]


def count(*, shout: int, **which: Any) -> int:
    """How many calls of a shout there are of a kind."""
    return Call.objects.filter(message=shout, **which).count()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (fill, fill_many, cancel_many, release, release_all, addresses, count)
}

if __name__ == "__main__":
    from . import inside_costs, inside_hours, inside_webhooks

    others = inside_costs.FUNCTIONS | inside_webhooks.FUNCTIONS | {"hours": inside_hours.hours}
    answer = (FUNCTIONS | others)[sys.argv[1]](**json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps(answer))
