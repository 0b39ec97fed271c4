"""What is counted where it happens, in every process: the events among the metrics. States are asked of the database.

Every value of every label stands here, so that strangers can make no new ones; no number, token or user is among them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import product
from pathlib import Path

from django.core.signals import setting_changed

from blast_api.db import state_dir
from blast_api.domain.callbacks import Callback, Party, Reason
from blast_api.domain.states import ENDED_SHOUTS, OPEN_CALLS, CallStatus

from .shared_counts import Tally

Labels = tuple[str, ...]
OTHER = "other"  # a value of each label: whatever is not listed

_families: list[Counter | Histogram] = []


class _Family:
    """Numbers of one name, one or more for each combination of the labels' values; they lie side by side."""

    _cells = 1

    def __init__(self, name: str, meaning: str, **labels: Sequence[str]) -> None:
        self.name = name
        self.meaning = meaning
        self.labels = tuple(labels)
        combined = tuple(product(*labels.values()))
        last = _families[-1] if _families else None
        first = last.end if last else 0
        self._places = {values: first + self._cells * index for index, values in enumerate(combined)}
        self.end: int = first + self._cells * len(combined)

    def _place(self, values: Labels) -> int:
        """Where the numbers for these values begin; what is not known is another one's."""
        try:
            return self._places[values]
        except KeyError:
            known = tuple({of_label[at] for of_label in self._places} for at in range(len(self.labels)))
            return self._places[tuple(v if v in k else OTHER for v, k in zip(values, known, strict=True))]

    def layout(self) -> str:
        return f"{type(self).__name__} {self.name} {self.labels} {list(self._places)}"


class Counter(_Family):
    """How often something happened."""

    def __init__(self, name: str, meaning: str, **labels: Sequence[str]) -> None:
        super().__init__(name, meaning, **labels)
        _families.append(self)

    def add(self, *values: str, times: int = 1) -> None:
        """It happened; `values` are of the labels, in their order."""
        _tally.add((self._place(values), times))

    def changes(self, *values: str) -> tuple[tuple[int, float], ...]:
        """What changes when it happens once."""
        return ((self._place(values), 1),)

    def samples(self, numbers: Sequence[float]) -> Iterator[tuple[Labels, float]]:
        """Each combination of values with its number, out of what `read` answered."""
        for values, place in self._places.items():
            yield values, numbers[place]


class Histogram(_Family):
    """How long something took: the sum of the seconds, then the number in each bucket, the last one without a bound."""

    def __init__(self, name: str, meaning: str, *, bounds: tuple[float, ...], **labels: Sequence[str]) -> None:
        self.bounds = bounds
        self._cells = len(bounds) + 2
        super().__init__(name, meaning, **labels)
        _families.append(self)

    def changes(self, *values: str, seconds: float) -> tuple[tuple[int, float], ...]:
        """What changes when it happens once, and takes so long."""
        place = self._place(values)
        return (place, max(seconds, 0.0)), (place + 1 + bisect_left(self.bounds, seconds), 1)

    def samples(self, numbers: Sequence[float]) -> Iterator[tuple[Labels, float, list[float]]]:
        """Each combination of values with the sum of its seconds and the number in each bucket."""
        for values, place in self._places.items():
            yield values, numbers[place], list(numbers[place + 1 : place + self._cells])

    def layout(self) -> str:
        return f"{super().layout()} {self.bounds}"


_ENDINGS = sorted(set(CallStatus.values) - OPEN_CALLS)
_CALLBACKS = (*(callback.label for callback in Callback), OTHER)


class PlacementOutcome(StrEnum):
    """What became of a call that had a slot, as it is counted."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # for this call only
    BUSY = "busy"  # the carrier takes none for now
    DENIED = "denied"  # it takes none of us
    UNREACHABLE = "unreachable"  # from this host
    UNKNOWN = "unknown"  # its answer was lost
    MISSED = "missed"  # too late for its slot, not sent


PLACEMENTS = Counter(
    "blast_api_placements",
    "Calls that had a slot, by what became of the request: accepted; refused (for this call only); busy and denied "
    "(the carrier takes none for now, or none of us); unreachable (from this host); unknown (its answer was lost); missed (too late for its slot, "
    "not sent).",
    kind=[party.value for party in Party],
    outcome=[outcome.value for outcome in PlacementOutcome],
)
PLACEMENT_SECONDS = Histogram(
    "blast_api_placement_seconds",
    "Seconds from a call's slot to the carrier's answer, or to where we stopped waiting for it.",
    bounds=(0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 4, 8),
)
CALLBACKS = Counter(
    "blast_api_callbacks",
    "Callbacks of the carrier, by what was asked and the answer's code.",
    callback=_CALLBACKS,
    code=("200", "403", "500", OTHER),
)
CALLBACK_SECONDS = Histogram(
    "blast_api_callback_seconds",
    "Seconds from the first look at a callback to its answer.",
    bounds=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    callback=_CALLBACKS,
)
CALLBACKS_FAILED = Counter(
    "blast_api_callbacks_failed",
    "Callbacks that we could not answer as we should: a person heard an apology, or the carrier was told 500.",
    callback=_CALLBACKS,
)
CALLBACKS_SPOOLED = Counter(
    "blast_api_callbacks_spooled", "Callbacks that were kept on disk because the database was away."
)
CALLBACKS_REFUSED = Counter(
    "blast_api_callbacks_refused",
    "Callbacks that were refused, and why.",
    reason=(*(reason.label for reason in Reason), OTHER),
)
ATTEMPTS_ENDED = Counter(
    "blast_api_attempts_ended",
    "Attempts of calls that ended, by their ending; recipients that were settled without a call among them. "
    "Each line of cdr.log is one.",
    status=(*_ENDINGS, OTHER),
)
SHOUTS_ENDED = Counter(
    "blast_api_shouts_ended",
    "Shouts that ended, by their ending. Each line of bdr.log is one.",
    status=(*sorted(ENDED_SHOUTS), OTHER),
)

WEBHOOKS = Counter(
    "blast_api_webhook_deliveries",
    "Deliveries to webhooks that were taken, or given up after three days.",
    outcome=("delivered", "failed", OTHER),
)


def placement_answered(kind: Party, outcome: PlacementOutcome, *, seconds: float) -> None:
    """A placement was answered, or its answer is not waited for any more."""
    _tally.add(*PLACEMENTS.changes(kind, outcome), *PLACEMENT_SECONDS.changes(seconds=seconds))


def callback_answered(callback: str, code: int, *, seconds: float) -> None:
    """A callback was answered. In one write: it is on the carrier's time."""
    _tally.add(*CALLBACKS.changes(callback, str(code)), *CALLBACK_SECONDS.changes(callback, seconds=seconds))


def families() -> Sequence[Counter | Histogram]:
    """Everything that is counted."""
    return _families


def read() -> Sequence[float]:
    """What all processes of this host have counted, for `samples`."""
    return _tally.read()


def _folders() -> list[Path]:
    return [place / "counts" for place in state_dir.places()]


_tally = Tally(_folders, "\n".join(family.layout() for family in _families), _families[-1].end)


def _forget(*, setting: str, **_: object) -> None:
    if setting in ("STATE_DIR", "CDR_LOGGER_PATH"):
        _tally.forget()


setting_changed.connect(_forget)  # only tests change settings
