"""What the records of calls add up to. Lines are read one after another, wherever they come from, and none is kept.

A line marked `late` corrects the earlier one of the same `pk`, which said `timed-out`, or did not know what became of a
transfer: that one is not counted, whichever of the two comes first. For this the keys of such calls are remembered, and
those of people who heard the message in an attempt that failed, and nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

from blast_api.carrierx.events import HEARD_BY
from blast_api.domain.billing import Increments
from blast_api.domain.states import CallStatus
from blast_api.domain.transfers import UNKNOWN

COLUMNS = (
    "call_id",
    "call__number",
    "message__userdata",
    "message__application_id",
    "ending",
    "duration",
    "answerer",
    "transfer_outcome",
    "transfer_s",
    "ended",
    "late",
)
DIMENSIONS = ("day", "userdata", "status", "application")


@dataclass(slots=True)
class Figures:
    """Sums over attempts, and over recipients who were settled without one."""

    attempts: int = 0
    seconds: int = 0
    billed_s: int = 0  # each attempt's rounded up
    transfer_s: int = 0  # that people were put through for
    reached: int = 0  # people, who heard the message or a part of it
    opted_out: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def minutes(self) -> float:
        return self.seconds / 60

    @property
    def billed_minutes(self) -> float:
        """Whole ones are whole numbers, as by the minute they all are."""
        minutes, rest = divmod(self.billed_s, 60)
        return round(self.billed_s / 60, 3) if rest else minutes

    @property
    def transfer_minutes(self) -> float:
        return self.transfer_s / 60

    def add(self, line: Line, *, billed_s: int, reached: bool, sign: int = 1) -> None:
        """Count a line in, or out again; `reached` if it is the one by which its person counts as reached."""
        self.attempts += sign
        self.seconds += sign * line.duration
        self.billed_s += sign * billed_s
        self.transfer_s += sign * line.transfer_s
        self.opted_out += sign * (line.status == CallStatus.OPTED_OUT)
        self.reached += sign * reached
        self.outcomes[line.status] += sign

    def merge(self, other: Figures) -> None:
        """Count in all that another counted."""
        self.attempts += other.attempts
        self.seconds += other.seconds
        self.billed_s += other.billed_s
        self.transfer_s += other.transfer_s
        self.opted_out += other.opted_out
        self.reached += other.reached
        self.outcomes.update(other.outcomes)


@dataclass(frozen=True, slots=True)
class Line:
    """What is counted of a record of an attempt."""

    pk: int
    number: str
    userdata: str
    application: str
    status: str
    duration: int
    answerer: str
    finished: datetime
    late: bool
    transfer_outcome: str = ""
    transfer_s: int = 0

    @classmethod
    def read(cls, text: str | bytes) -> Line:
        """Raises ValueError for what is no such record."""
        about = json.loads(text)
        if not isinstance(about, dict):
            raise ValueError("no object")
        try:
            finished = datetime.fromisoformat(about["finished"])
            pk, duration, status = about["pk"], about["duration"], about["status"]
        except (KeyError, TypeError) as error:
            raise ValueError("a field is missing") from error
        transfer_s = about.get("transfer_seconds", 0)  # former releases knew no transfers
        if not (
            _is_natural(pk)
            and _is_natural(duration)
            and _is_natural(transfer_s)
            and isinstance(status, str)
            and finished.tzinfo
        ):
            raise ValueError("a field cannot be read")
        userdata, application = str(about.get("user_data", "")), str(about.get("application", ""))
        answerer, late = str(about.get("answerer", "")), about.get("late") is True
        number, outcome = str(about.get("to_number", "")), str(about.get("transfer_outcome", ""))
        return cls(pk, number, userdata, application, status, duration, answerer, finished, late, outcome, transfer_s)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Line:
        """What the line of an attempt says, without writing it: `row` has its columns, by `COLUMNS`."""
        ended: datetime = row["ended"]
        return cls(
            pk=row["call_id"],
            number=row["call__number"],
            userdata=row["message__userdata"],
            application=str(row["message__application_id"]),
            status=row["ending"],
            duration=row["duration"] or 0,
            answerer=row["answerer"],
            finished=ended.replace(microsecond=ended.microsecond // 1000 * 1000),  # as it is written
            late=row["late"],
            transfer_outcome=row["transfer_outcome"],
            transfer_s=row["transfer_s"] or 0,
        )

    @property
    def heard(self) -> bool:
        return self.status == CallStatus.OPTED_OUT or self.answerer in HEARD_BY

    @property
    def is_provisional(self) -> bool:
        """Whether a later line may correct it. Such a call is not placed again: no other attempt of it follows."""
        return self.status == CallStatus.TIMED_OUT or self.transfer_outcome == UNKNOWN


def _is_natural(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


Group = tuple[str, ...]


class Report:
    """Figures of the attempts that ended in a range of time (`until` is not in it), by one or more dimensions."""

    def __init__(
        self,
        by: Iterable[str],
        *,
        zone: tzinfo,
        billed: Increments,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        self.groups: dict[Group, Figures] = {}
        self._by, self._zone, self._billed = tuple(by), zone, billed
        self._since, self._until = since, until
        self._provisional: dict[int, tuple[Group, Line, bool] | None] = {}  # None: corrected before it came
        self._heard: set[int] = set()  # in an attempt that did not end as heard

    @property
    def total(self) -> Figures:
        """All groups together."""
        total = Figures()
        for figures in self.groups.values():
            total.merge(figures)
        return total

    def add(self, line: Line) -> None:
        """Count a line, if it is in the range; it corrects an earlier one in any case."""
        was_reached = False
        known = line.pk in self._provisional
        if known and line.is_provisional and (not line.late or self._provisional[line.pk] is None):
            return
        if line.late:
            if earlier := self._provisional.get(line.pk):
                group, corrected, was_reached = earlier
                self._count(group, corrected, reached=was_reached, sign=-1)
            self._provisional[line.pk] = None
        in_range = (not self._since or line.finished >= self._since) and (
            not self._until or line.finished < self._until
        )
        if not in_range:
            return
        group, reached = self._group(line), was_reached or self._reaches(line)
        self._count(group, line, reached=reached)
        if line.is_provisional:
            self._provisional[line.pk] = group, line, reached

    def _count(self, group: Group, line: Line, *, reached: bool, sign: int = 1) -> None:
        billed_s = self._billed.billed_s(line.duration)
        self.groups.setdefault(group, Figures()).add(line, billed_s=billed_s, reached=reached, sign=sign)

    def _reaches(self, line: Line) -> bool:
        """Whether somebody was reached by this attempt and by none before: older logs have people who were rung again."""
        if not line.heard or line.pk in self._heard:
            return False
        if line.status not in (CallStatus.COMPLETED, CallStatus.OPTED_OUT, CallStatus.TIMED_OUT):
            self._heard.add(line.pk)
        return True

    def rows(self) -> list[tuple[Group, Figures]]:
        """The groups in order; one of which everything was corrected is none."""
        return sorted((group, figures) for group, figures in self.groups.items() if figures.attempts)

    def _group(self, line: Line) -> Group:
        return tuple(
            line.finished.astimezone(self._zone).date().isoformat() if name == "day" else str(getattr(line, name))
            for name in self._by
        )
