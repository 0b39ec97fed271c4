"""What a webhook is told: the event, and the resource in the words of the REST API.

A payload is made when it is first sent, of the rows as they are then; of a shout the status, and what belongs to it, are as
they were at the event. What fails is told again as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from blast_api.domain.webhooks import TEST, WebhookEvent
from blast_api.models import Call, DoNotCallNumber, Message, WebhookDelivery
from blast_api.rest import lists
from blast_api.rest.do_not_call_serializers import DoNotCallSerializer
from blast_api.rest.serializers import CallSerializer, ListedAttemptSerializer, ShoutSerializer
from blast_api.services import history

_SHOUTS = frozenset(event for event in WebhookEvent if event.startswith("shout."))
_Data = dict[str, Any]


class ShoutDataSerializer(ShoutSerializer):
    """A shout without its recipients, who may be a hundred thousand."""

    recipients = None  # type: ignore[assignment]  # the framework's way to leave a field out


def bodies(deliveries: Sequence[WebhookDelivery]) -> dict[int, str]:
    """The body of each by its key, the same as before for what failed; what it was to tell of is gone where there is none."""
    told = {row.pk: row.body for row in deliveries if row.body}
    new = [row for row in deliveries if not row.body]
    data = _data(new)
    for row in new:
        if row.pk in data:
            head = {"type": row.event, "timestamp": row.created, "sequence": row.pk}
            told[row.pk] = lists.render(head | {"data": data[row.pk]}).decode()
    return told


def _data(deliveries: Sequence[WebhookDelivery]) -> dict[int, _Data]:
    by_event: defaultdict[str, list[WebhookDelivery]] = defaultdict(list)
    for row in deliveries:
        by_event[row.event].append(row)
    told: dict[int, _Data] = {}
    shouts = [row for row in deliveries if row.event in _SHOUTS]
    shapes = _shouts({row.subject for row in shouts})
    told |= {row.pk: shapes[row.subject] | (row.facts or {}) for row in shouts if row.subject in shapes}
    rows = by_event[WebhookEvent.CALL_ENDED]
    calls = {call.pk: call for call in _calls({row.subject for row in rows})}
    told |= {row.pk: CallSerializer(calls[row.subject]).data for row in rows if row.subject in calls}
    told |= dict(_attempts(by_event[WebhookEvent.ATTEMPT_ENDED]))
    rows = by_event[WebhookEvent.DNC_ADDED]
    entries: Mapping[int, DoNotCallNumber] = DoNotCallNumber.objects.in_bulk([row.subject for row in rows])
    for row in rows:
        if entry := entries.get(row.subject):
            told[row.pk] = {**DoNotCallSerializer(entry).data, "userdata": entry.userdata or None}
    told |= {row.pk: {"webhook_id": row.subject} for row in by_event[TEST]}
    return told


def _shouts(pks: Collection[int]) -> dict[int, _Data]:
    if not pks:
        return {}
    rows = Message.objects.filter(pk__in=pks).select_related("author_call", "recording", "voicemail")
    shouts = lists.shouts_of(list(rows), numbered=False)
    return {shout.message.pk: dict(ShoutDataSerializer(shout).data) for shout in shouts}


def _calls(pks: Collection[int]) -> Sequence[Call]:
    return history.with_reasons(list(lists.calls_of(Call.objects.filter(pk__in=pks)))) if pks else []


def _attempts(deliveries: Sequence[WebhookDelivery]) -> Iterator[tuple[int, _Data]]:
    rows = history.that_ended((row.subject, row.serial) for row in deliveries) if deliveries else {}
    for delivery in deliveries:
        if row := rows.get((delivery.subject, delivery.serial)):
            for attempt in history.told([row]):
                yield delivery.pk, {**ListedAttemptSerializer(attempt).data, "shout_id": row.message_id}
