"""Hours in which people are called, by the clock on their own wall.

A window is open at a moment if the wall clock of every zone in question then shows a time within it, on one of its days. So it
needs no rule of its own for the nights on which clocks are set: what a clock skips is not there, and what it shows twice counts twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from blast_api.domain.zones import zone

from .verdict import Because, Later, Never, Now, Verdict

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = time(0)
_MOST_NAMED = 3
_DAY = timedelta(days=1)
_A_MONDAY = date(2024, 1, 1)
# A week, and a day on each side: what does not open within it never does, but for a night on which clocks are set.
_HORIZON_DAYS = 9


@dataclass(frozen=True, slots=True)
class Window:
    """From one time of day until before another, on these days (0 is Monday); if that is not later, until the next day.

    A window that goes on after midnight belongs to the day on which it began. `until` 00:00 is the end of the day.
    """

    since: time
    until: time
    days: frozenset[int] = frozenset(range(7))
    zone: str | None = None  # whose clock counts; None: the recipient's

    def is_open(self, at: datetime, zones: Sequence[str]) -> bool:
        """Whether all these zones, or the window's own, show a time within it."""
        return all(self._shows(at.astimezone(zone(name))) for name in self._asked(zones))

    def shut(self, at: datetime, zones: Sequence[str]) -> list[str]:
        """Those of these zones, or the window's own, that show a time outside it."""
        return [name for name in self._asked(zones) if not self._shows(at.astimezone(zone(name)))]

    def opens(self, at: datetime, zones: Sequence[str]) -> datetime | None:
        """The first moment from `at` on at which it is open, in UTC; None: there is none, as where zones never agree."""
        return _next(self, at.astimezone(UTC), tuple(self._asked(zones)), wanted=True)

    def closes(self, at: datetime, zones: Sequence[str]) -> datetime | None:
        """The first moment from `at` on at which it is closed, in UTC; None: it never is."""
        return _next(self, at.astimezone(UTC), tuple(self._asked(zones)), wanted=False)

    def verdict(self, at: datetime, zones: Sequence[str]) -> Verdict:
        """Now, or later at its opening; never, if it does not open, or nobody knows a zone."""
        asked = tuple(self._asked(zones))
        if not asked:
            return Never(Because.WINDOW, "no zone of this number is known")
        if self.is_open(at, asked):
            return Now()
        if (opens := self.opens(at, asked)) is None:
            return Never(Because.WINDOW, f"{_some(asked)} are never all open")
        openings = ", ".join(f"{name} opens at {self.since:%H:%M}" for name in self.shut(at, asked))
        return Later(Because.WINDOW, opens, openings)

    def is_within(self, other: Window) -> bool | None:
        """Whether it is open only while another is; None: they go by different clocks, so nobody can tell."""
        if self.zone != other.zone:
            return None
        edges = [
            datetime.combine(_A_MONDAY + timedelta(days=day), edge)
            for day in range(7)
            for edge in {self.since, self.until, other.since, other.until, _MIDNIGHT}
        ]
        return not any(self._shows(wall) and not other._shows(wall) for wall in edges)

    def _asked(self, zones: Sequence[str]) -> Sequence[str]:
        return zones if self.zone is None else (self.zone,)

    def _shows(self, wall: datetime) -> bool:
        shown, day = wall.time(), wall.weekday()
        if self.since < self.until or self.until == _MIDNIGHT:
            return day in self.days and shown >= self.since and (shown < self.until or self.until == _MIDNIGHT)
        return (shown >= self.since and day in self.days) or (shown < self.until and (day - 1) % 7 in self.days)


def _some(zones: Sequence[str]) -> str:
    """Their names, or of many the first: a number that tells only its country may be in forty."""
    if len(zones) <= _MOST_NAMED:
        return " and ".join(zones)
    return f"{', '.join(zones[:_MOST_NAMED])} and {len(zones) - _MOST_NAMED} more zones"


@lru_cache(maxsize=4096)
def _next(window: Window, at: datetime, zones: tuple[str, ...], *, wanted: bool) -> datetime | None:
    """The first moment at which it is open, or is not; only where some clock passes an edge, or is set, can that change."""
    if not zones:
        return None
    if window.is_open(at, zones) is wanted:
        return at
    edges = {edge for name in zones for edge in _edges(window, at, zone(name))}
    return next((edge for edge in sorted(edges) if edge > at and window.is_open(edge, zones) is wanted), None)


def _edges(window: Window, at: datetime, where: ZoneInfo) -> Iterator[datetime]:
    """Moments, in UTC, at which this zone's clock shows an edge of the window, midnight, or another offset than before."""
    today = at.astimezone(where).date()
    for day in range(-1, _HORIZON_DAYS):
        date = today + timedelta(days=day)
        begun = _instant(datetime.combine(date, _MIDNIGHT), where, fold=0)
        ended = _instant(datetime.combine(date + _DAY, _MIDNIGHT), where, fold=0)
        if begun.astimezone(where).utcoffset() != ended.astimezone(where).utcoffset():
            yield _change(begun, ended, where)
        for shown in {window.since, window.until, _MIDNIGHT}:
            for fold in (0, 1):
                yield _instant(datetime.combine(date, shown), where, fold=fold)


def _instant(wall: datetime, where: ZoneInfo, *, fold: int) -> datetime:
    return wall.replace(tzinfo=where, fold=fold).astimezone(UTC)


def _change(early: datetime, late: datetime, where: ZoneInfo) -> datetime:
    """When, between these, the clock was set: to the second, as the zones' own tables are."""
    offset = early.astimezone(where).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(where).utcoffset() == offset:
            early = middle
        else:
            late = middle
    return late
