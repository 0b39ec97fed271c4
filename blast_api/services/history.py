"""The rows of attempts: one for each placement of a call, from its claim on, and one for an end without a placement.

While an attempt is open, what is known of it are the columns of its call; the end of the call and that of its attempt are
stored together. Code of former releases claims without a row, so whoever ends an attempt inserts the row that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

from django.db.models import F, Q, QuerySet

from blast_api.carrierx.addresses import redacted
from blast_api.conf import configuration
from blast_api.db import bulk
from blast_api.db.upserts import Upsert
from blast_api.models import Attempt, Call, Message
from blast_api.records import outbox

LONGEST_REASON = 300  # characters, as the column has them
_LONGEST_TOLD = 2048  # of a reason before it is cut: of what a stranger tells, no more is looked at

_AS_THE_CALL_HAS_IT = (
    "sid",
    "started",
    "answered",
    "q850",
    "duration",
    "answerer",
    "keys",
    "transferred",
    "transfer_outcome",
    "transfer_s",
)
# What the end of an attempt adds to its row. Set afresh, its line is one more to be written.
ENDED = Upsert(
    Attempt,
    key=("call_id", "serial"),
    kept=("message_id", "number", "claimed"),
    over=("did", "ended", "ending", "reason", "record", "late", *_AS_THE_CALL_HAS_IT),
    afresh={"written": "NULL", "taken": "NULL", "writer": "''"},
)


class Ended(Protocol):
    """A call, or what was read of one, that holds how an attempt of it ended."""

    pk: int
    attempts: int
    sid: str
    status: str
    q850: int | None
    duration: int | None
    answerer: str
    keys: str
    transferred: datetime | None
    transfer_outcome: str
    transfer_s: int | None
    started: datetime | None
    answered: datetime | None
    finished: datetime | None


# --- Begun -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """A placement that somebody has claimed: which of its call's, and when its request is to leave (epoch seconds)."""

    message_id: int
    call_id: int
    serial: int
    number: int
    slot: float


def begin(claimed: Iterable[Begun], *, now: datetime) -> None:
    """Add the attempts of a claim, in one statement. Call it in the claim's transaction."""
    rows = [
        [each.message_id, each.call_id, each.serial, each.number, bulk.written(datetime.fromtimestamp(each.slot, UTC))]
        for each in claimed
    ]
    if rows:
        bulk.insert(Attempt, ["message_id", "call_id", "serial", "number", "slot"], rows, claimed=now)


def forget_unplaced(call_ids: Sequence[int]) -> None:
    """What was claimed and surely not placed was no attempt: of these calls, the open ones whose serial has passed.

    Call it in the transaction that gives them back.
    """
    if call_ids:
        left = Attempt.objects.filter(call__in=call_ids, record="").exclude(serial=F("call__serial"))
        left.delete()


# --- Ended -----------------------------------------------------------------------------------------------------------


def did(number: int, own: str) -> str:
    """The number that called in an attempt, which is a shout's own or the operator's; empty: nobody has called."""
    return (own or configuration().did) if number else ""


def reason(told: str) -> str:
    """A reason as it is stored: the carrier's words may hold anything."""
    told = told[:_LONGEST_TOLD].replace("\0", "").encode(errors="replace").decode()
    return redacted(told)[:LONGEST_REASON]


def end_at_once(message: Message, why: Callable[[str], str | None], *, now: datetime) -> None:
    """Add how those calls of a new shout ended that have ended already, in bounded memory; `why` tells it of a number."""
    ended = message.calls.filter(finished__isnull=False).values_list("position", "pk", "number", "status", "q850")
    rows = (
        [pk, status, q850, why(number) or "", outbox.name()]
        for _, pk, number, status, q850 in bulk.read(ended, "position", lambda row: row[0])
    )
    columns = ["call_id", "ending", "q850", "reason", "record"]
    bulk.insert(Attempt, columns, rows, message_id=message.pk, serial=0, number=0, ended=now)


def end_all(
    message: Message, calls: Iterable[Call], *, reasons: Mapping[int, str] = MappingProxyType({}), now: datetime
) -> None:
    """Store how calls of one shout have ended without word from the carrier; they are locked, and hold their ending already.

    Of one that the carrier has, or may have, it is the attempt that ends; of another it is a row by itself. `reasons` are
    by the keys of the calls.
    """
    rows = (
        end_of(
            call,
            call.serial,
            message_id=message.pk,
            claimed=call.started or call.held_since or (now if call.sid else None),
            own_did=message.did,
            is_audition=message.audition_of_id is not None,
            why=reason(reasons.get(call.pk, "")),
        )
        for call in calls
    )
    bulk.upsert(ENDED, (list(map(_cell, row.values())) for row in rows))


def end_of(
    call: Ended,
    serial: int,
    *,
    message_id: int,
    claimed: datetime | None,
    own_did: str,
    why: str,
    is_audition: bool,
    late: bool = False,
) -> dict[str, object]:
    """What is stored of an attempt that has ended, by the columns of ENDED in their order; `call` says how it did.

    `claimed` counts where code of a former release claimed it. No line is written of an audition.
    """
    known: dict[str, object] = {
        "call_id": call.pk,
        "serial": serial,
        "message_id": message_id,
        "number": call.attempts,
        "claimed": claimed,
        "did": did(call.attempts, own_did),
        "ended": call.finished,
        "ending": call.status,
        "reason": why,
        "record": "" if is_audition else outbox.name(),
        "late": late,
    }
    known |= {column: getattr(call, column) for column in _AS_THE_CALL_HAS_IT}
    return {column: known[column] for column in ENDED.columns}


def _cell(value: object) -> object:
    return bulk.written(value) if isinstance(value, datetime) else value


# --- Told ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttemptTold:
    """An attempt as others are told of it; while it is open, `ended` and `ending` are None."""

    id: int
    call_id: int
    phone: str
    reference: str
    number: int
    claimed: datetime
    slot: datetime | None
    sid: str
    started: datetime | None
    answered: datetime | None
    ended: datetime | None
    ending: str | None
    q850: int | None
    duration: int | None
    answerer: str
    keys: str
    transferred: datetime | None
    transfer_outcome: str
    transfer_s: int | None
    reason: str


def of_call(call: Call) -> tuple[list[AttemptTold], str]:
    """The attempts of a call in their order; and why it ended, if it did so while none was placed. One query.

    Those that code of former releases claimed are told if our code has ended them.
    """
    rows = list(Attempt.objects.filter(call=call).order_by("serial"))
    why = next((row.reason for row in reversed(rows) if row.claimed is None), "")
    return [told for row in rows if (told := _told(row, call))], why


def of_message(message: Message) -> QuerySet[Attempt]:
    """The attempts of a shout's calls, each with its call; `told` tells of them."""
    is_told = Q(serial=F("call__serial")) | Q(ended__isnull=False)
    return Attempt.objects.filter(is_told, message=message, claimed__isnull=False).select_related("call")


def told(rows: Iterable[Attempt]) -> Iterator[AttemptTold]:
    """These attempts as others are told of them; they come with their calls."""
    return (each for row in rows if (each := _told(row, row.call)))


def that_ended(named: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Attempt]:
    """Attempts that have ended, with their calls, of those named by call and serial; what is gone is left out. One query."""
    wanted = set(named)
    rows = Attempt.objects.filter(call__in={pk for pk, _ in wanted}, claimed__isnull=False, ended__isnull=False)
    found = {(row.call_id, row.serial): row for row in rows.select_related("call")}
    return {key: row for key, row in found.items() if key in wanted}


def with_reasons(calls: Sequence[Call]) -> Sequence[Call]:
    """These calls, each with `why` it ended without a call, if a rule says so. One query."""
    ended = Attempt.objects.filter(call__in=[call.pk for call in calls], claimed=None).order_by("serial")
    why = dict(ended.values_list("call_id", "reason"))
    for call in calls:
        call.why = why.get(call.pk, "")  # type: ignore[attr-defined]  # beside its columns
    return calls


def _told(row: Attempt, call: Call) -> AttemptTold | None:
    """As its row says, and its call while this is its latest attempt; None: it was none, or nobody knows how it ended."""
    state: Attempt | Call
    if row.claimed is None:
        return None
    if row.serial == call.serial:
        state, ended, ending = call, call.finished, call.status if call.finished else None
    elif row.ended:
        state, ended, ending = row, row.ended, row.ending
    else:
        return None
    return AttemptTold(
        id=row.pk,
        call_id=call.pk,
        phone=call.number,
        reference=call.reference,
        number=row.number,
        claimed=row.claimed,
        slot=row.slot,
        sid=state.sid,
        started=state.started,
        answered=state.answered,
        ended=ended,
        ending=ending,
        q850=state.q850,
        duration=state.duration,
        answerer=state.answerer,
        keys=state.keys,
        transferred=state.transferred,
        transfer_outcome=state.transfer_outcome,
        transfer_s=state.transfer_s,
        reason=row.reason,
    )
