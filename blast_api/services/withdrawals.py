"""Calls are marked to be taken back from the carrier, and from whoever has them in hand: because of a cancellation, an opt-out or a pause."""

from __future__ import annotations

from blast_api.models import Call, CallQuerySet

_CHUNK = 500


def mark(calls: CallQuerySet, *, recalled: bool = False) -> None:
    """Mark them; `recalled`: each waits with us again, and who answers first hears the message. Call it inside a transaction.

    All of them are locked before, in the order of their keys, as by all who lock many.
    """
    pks = list(calls.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    for first in range(0, len(pks), _CHUNK):
        Call.objects.filter(pk__in=pks[first : first + _CHUNK]).update(withdrawn=True, recalled=recalled)
