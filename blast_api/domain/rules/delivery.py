"""The rules of one shout as they are in force: what it says, then its application, then the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from . import said
from .limits import PauseAt, until
from .retry import MACHINE, RetryPolicy
from .said import Machines
from .verdict import Because, Later, Never, Rule, Verdict, earliest
from .window import Window

_AFTER_A_MACHINE_S = 3600.0  # a machine is tried again, if nobody says when


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Rules in force. A moment is open if both windows are: a shout may narrow the operator's, and never widens it."""

    window: Window | None
    calling_window: Window | None  # the operator's, for every shout
    until: datetime | None
    retry: RetryPolicy
    machines: Machines
    calls_per_second: float | None
    concurrent_calls: int | None
    pause_at: PauseAt | None

    @property
    def windows(self) -> list[Window]:
        """Those that must be open, all at once."""
        return [window for window in (self.window, self.calling_window) if window is not None]

    @property
    def has_hours(self) -> bool:
        """Whether the clock of a recipient decides about anything."""
        return self.window is not None or self.calling_window is not None

    def hours(self, at: datetime, zones: Sequence[str]) -> Verdict:
        """Whether somebody in these zones may be rung then: now, later at the first moment at which they may, or never."""
        rules: list[Rule] = [partial(window.verdict, zones=zones) for window in self.windows]
        first, said_then = earliest(rules, at)
        if not isinstance(said_then, Later):
            return said_then
        if first is None:
            return Never(Because.WINDOW, "its hours and the operator's are never open at once")
        return Later(Because.WINDOW, first, said_then.reason)

    def shut_zone(self, at: datetime, zones: Sequence[str]) -> str | None:
        """The zone whose clock keeps somebody in these zones from being rung then, of several the last that opens; None: none does."""
        shut = [(window.opens(at, (name,)) or at, name) for window in self.windows for name in window.shut(at, zones)]
        return max(shut)[1] if shut else None

    def closes(self, at: datetime, zones: Sequence[str]) -> datetime | None:
        """The first moment from then on at which nobody in these zones may be rung; None: there is none in the next days."""
        return min((closes for window in self.windows if (closes := window.closes(at, zones))), default=None)

    def in_time(self, at: datetime) -> Verdict:
        """Now, or never: what has not been placed by its time is not placed."""
        return until(self.until, at)

    def told(self) -> dict[str, object]:
        """As JSON: every rule, said or not."""
        window = self.window or self.calling_window
        return {
            "window": window and said.window_json(window),
            "until": self.until,
            "attempts": self.retry.limit + 1,
            "retry": {str(ending): seconds for ending, seconds in self.retry.delays_s.items()},
            "machines": self.machines.value,
            "calls_per_second": self.calls_per_second,
            "concurrent_calls": self.concurrent_calls,
            "pause_at": said.as_json({"pause_at": self.pause_at})["pause_at"],
        }


def in_force(
    rules: Mapping[str, object] | None,
    *,
    operators: Delivery,
    until: datetime | None = None,
    calls_per_second: float | None = None,
    concurrent_calls: int | None = None,
) -> Delivery:
    """Rules as they are stored with a shout, over those of the operator."""
    said_of = rules or {}
    own: dict[str, object] = {}
    if "window" in said_of:
        own["window"] = said.window(said_of["window"])
    if "machines" in said_of:
        own["machines"] = Machines(str(said_of["machines"]))
    if "pause_at" in said_of:
        own["pause_at"] = None if said_of["pause_at"] is None else said.pause_at(said_of["pause_at"])
    delays_s = dict(said_of.get("retry", operators.retry.delays_s))  # type: ignore[call-overload]  # as it was stored
    if own.get("machines") is Machines.RETRY:
        delays_s.setdefault(MACHINE, _AFTER_A_MACHINE_S)
    limit = int(str(said_of.get("attempts", operators.retry.limit + 1))) - 1
    return replace(
        operators,
        retry=RetryPolicy(delays_s, limit),
        until=until,
        calls_per_second=calls_per_second,
        concurrent_calls=concurrent_calls,
        **own,  # type: ignore[arg-type]  # each of its type
    )
