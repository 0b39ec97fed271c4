"""What applications are to be told by webhook: a delivery for each webhook that listens, stored with the change that it tells of.

Call these in the transaction of the change. An application without webhooks costs a look at an index, and the end of an
attempt, which runs most often, not even that (`attempts`). Auditions are nobody's shouts: of them nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, F, OuterRef

from blast_api.db import bulk
from blast_api.domain.states import public_shout_status
from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import Call, Message, Webhook, WebhookDelivery

_Row = tuple[WebhookEvent, int, int]  # the event, whose it is, and the serial of an attempt


def of_shout(event: WebhookEvent, message_id: int) -> None:
    """Something happened to a shout, whose row says so already."""
    listening = {"application__webhooks__disabled": None, "application__webhooks__events__contains": event}
    rows = Message.objects.filter(pk=message_id, audition_of=None, **listening)
    for row in rows.annotate(listener=F("application__webhooks")).order_by("listener"):
        facts = {
            "status": public_shout_status(row.status, paused=row.paused_at is not None),
            "started": _said(row.started),
            "finished": _said(row.finished),
            "paused_at": _said(row.paused_at),
            "paused_because": row.paused_because or None,
        }
        listener = row.listener  # type: ignore[attr-defined]  # beside its columns
        WebhookDelivery.objects.create(webhook_id=listener, event=event, subject=message_id, facts=facts)


def of_calls(message: Message, calls: Iterable[Call]) -> None:
    """Calls of one shout have ended, and with each an attempt of it, if it was placed; they hold their ending already."""
    if message.audition_of_id is not None:
        return
    events: list[_Row] = []
    for call in calls:
        if call.started or call.held_since or call.sid:  # otherwise it was with us alone
            events.append((WebhookEvent.ATTEMPT_ENDED, call.pk, call.serial))
        events.append((WebhookEvent.CALL_ENDED, call.pk, call.serial))
    _add(message.application_id, events)


def of_ended_at_once(message: Message) -> None:
    """A shout was made of which some calls have ended already, none of them placed."""
    if not _listening(message.application_id, WebhookEvent.CALL_ENDED):
        return
    ended = message.calls.filter(finished__isnull=False).order_by("position").values_list("pk", flat=True)
    _add(message.application_id, [(WebhookEvent.CALL_ENDED, pk, 0) for pk in ended])


def of_call_corrected(call: Call, message: Message) -> None:
    """It turned out later how an ended call has ended: it is told again."""
    if message.audition_of_id is None:
        _add(message.application_id, [(WebhookEvent.CALL_ENDED, call.pk, call.serial)])


def of_end_corrected(call_id: int, serial: int) -> None:
    """It turned out later what came of a transfer in an attempt that has ended: it is told again, and so is its call if that is over."""
    for call in Call.objects.select_related("message").filter(pk=call_id, message__audition_of=None):
        events: list[_Row] = [(WebhookEvent.ATTEMPT_ENDED, call_id, serial)]
        if call.finished and call.serial == serial:
            events.append((WebhookEvent.CALL_ENDED, call_id, serial))
        _add(call.message.application_id, events)


def of_entries(application_id: int, entries: Sequence[int]) -> None:
    """Numbers were put on a do-not-call list: the ids of their entries."""
    _add(application_id, [(WebhookEvent.DNC_ADDED, pk, 0) for pk in entries])


def _listening(application_id: int, event: WebhookEvent) -> list[int]:
    enabled = Webhook.objects.enabled().filter(application=application_id, events__contains=event)
    return list(enabled.order_by("pk").values_list("pk", flat=True))


def _add(application_id: int, events: Sequence[_Row]) -> None:
    if not events:
        return
    enabled = Webhook.objects.enabled().filter(application=application_id)
    for pk, listens_to in enabled.order_by("pk").values_list("pk", "events"):
        words = listens_to.split()
        rows = [row for row in events if row[0] in words]
        if rows:
            bulk.insert(WebhookDelivery, ["event", "subject", "serial"], rows, webhook_id=pk)


def _said(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


# --- With the end of an attempt --------------------------------------------------------------------------------------


def listens() -> Exists:
    """As a column of a call: whether its application has webhooks that are told of anything."""
    return Exists(Webhook.objects.enabled().filter(application=OuterRef("message__application")))


def end_told(application_id: int, call_id: int, serial: int, *, is_over: bool) -> dict[str, object]:
    """What END_TOLD is told of the end of an attempt, with which the call is over or is not."""
    values = (application_id, call_id, serial, 2 if is_over else 1)
    return dict(zip(END_TOLD.columns, values, strict=True))


class EndTold:
    """The statement that adds what is told of the end of an attempt, and perhaps of its call, to those who listen.

    It runs beside the one that ends it.
    """

    columns: tuple[str, ...] = ("told.application_id", "told.call_id", "told.serial", "told.kinds")

    def sql(self, source: str = "") -> str:
        """In a dialect that both databases know. See `prepared.Beside`."""
        table, webhooks = (connection.ops.quote_name(each._meta.db_table) for each in (WebhookDelivery, Webhook))
        big, small = ("::bigint", "::integer") if connection.vendor == "postgresql" else ("", "")
        kinds = (
            f"SELECT 1 AS place, '{WebhookEvent.ATTEMPT_ENDED}' AS word UNION ALL SELECT 2, '{WebhookEvent.CALL_ENDED}'"
        )
        return (
            f"INSERT INTO {table} (webhook_id, event, subject, serial) "  # noqa: S608  # names are ours
            f"SELECT listening.id, kind.word, one.subject, one.serial FROM {source} "
            f"(SELECT %s{big} AS application, %s{big} AS subject, %s{small} AS serial, %s{small} AS kinds) AS one "
            f"JOIN {webhooks} AS listening ON listening.application_id = one.application AND listening.disabled IS NULL "
            f"JOIN ({kinds}) AS kind ON listening.events LIKE '%%' || kind.word || '%%' AND kind.place <= one.kinds "
            f"ORDER BY listening.id, kind.place"
        )


END_TOLD = EndTold()
