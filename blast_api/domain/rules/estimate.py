"""When a shout begins and ends, roughly: from the earliest times of its calls and the bounds that they share. Pure.

Calls leave one after another, no faster than the least of all rates; a bound of calls at once is a rate, too: so many in the
time that one takes. The finish adds the calls that are tried again, as many as endings of before make likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from blast_api.domain.states import CallStatus

from .delivery import Delivery
from .retry import RetryPolicy
from .said import window_words

# Nobody knows how long an author will speak, nor who will answer where nobody was ever called.
RECORDING_LENGTH_S = 30
ANSWER_RATE = 0.5
CERTAINTY = (
    "Times of single calls are the earliest possible ones, as if the recording were there now. The finish is an estimate: it "
    "takes calls to leave at the assumed rate, to end as the last ones did, and to be tried again at any hour. The service asks "
    "lists and caps again before each call."
)
_HEARD = (CallStatus.COMPLETED, CallStatus.OPTED_OUT)


@dataclass(frozen=True, slots=True)
class RateBound:
    """What the whole, an application or a shout may do at most; None: as much as the others."""

    calls_per_second: float | None
    concurrent_calls: int | None


@dataclass(frozen=True, slots=True)
class Endings:
    """How calls ended: the share of each ending, over all that were placed."""

    shares: Mapping[str, float]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Endings | None:
        """None: there are none."""
        total = sum(counts.values())
        return cls({ending: count / total for ending, count in counts.items()}) if total else None

    @classmethod
    def assumed(cls) -> Endings:
        """Where nobody was called before."""
        return cls({CallStatus.COMPLETED: ANSWER_RATE, CallStatus.NO_ANSWER: 1 - ANSWER_RATE})

    @property
    def answer_rate(self) -> float:
        """The share of those that were heard."""
        return sum(self.shares.get(ending, 0.0) for ending in _HEARD)


@dataclass(frozen=True, slots=True)
class Ahead:
    """Calls of others that leave before the last of a shout: those that are due by now, and those that will be by then."""

    waiting: int = 0
    planned: int = 0

    @classmethod
    def of(cls, queues: Iterable[tuple[int, int]], calls: int) -> Ahead:
        """Beside so many calls of a shout: in fair shares, nobody has more turns than it meanwhile."""
        waiting = planned = 0
        for due_now, due_then in queues:
            waiting += min(due_now, calls)
            planned += min(due_then, calls - min(due_now, calls))
        return cls(waiting, planned)


@dataclass(frozen=True, slots=True)
class Times:
    """Of one shout; and how many calls of it are tried again."""

    first_call: datetime
    last_call: datetime  # the last that is tried for the first time
    finish: datetime
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a shout goes by: its rate in calls per second, how long a call may take, how calls end and are tried again."""

    rate: float
    call_s: float
    endings: Endings
    retry: RetryPolicy

    @classmethod
    def of(
        cls,
        bounds: Iterable[RateBound],
        *,
        message_s: float,
        ring_s: float,
        endings: Endings,
        retry: RetryPolicy,
    ) -> Course:
        """By these bounds; `message_s` is how long a call is up that is answered, `ring_s` how long one rings that is not."""
        answered = endings.answer_rate
        mean_s = max(answered * message_s + (1 - answered) * ring_s, 1.0)
        return cls(rate=_rate(bounds, mean_s), call_s=message_s + ring_s, endings=endings, retry=retry)

    def times(self, due: Sequence[float], ahead: Ahead, *, until: datetime | None, now: datetime) -> Times:
        """Of calls that are due then: seconds since 1970, in order, one at least."""
        step = 1 / self.rate
        leaves = max(now.timestamp() + ahead.waiting * step, due[0] + ahead.planned * step) - step
        for at in due:
            leaves = max(leaves + step, at)
        retries, _ = self._again(len(due))
        first, last = (datetime.fromtimestamp(at, UTC) for at in (due[0], leaves))
        return Times(first, last, self._finish(leaves, len(due), until), retries)

    def finish(
        self, calls: int, *, first: datetime | None, last: datetime | None, until: datetime | None, now: datetime
    ) -> datetime:
        """When a shout has ended of which so many calls wait, due from then to then, and the others are up."""
        leaves = now.timestamp()
        if first and last:
            leaves = max(last.timestamp(), max(leaves, first.timestamp()) + (calls - 1) / self.rate)
        return self._finish(leaves, calls, until)

    def _finish(self, leaves: float, calls: int, until: datetime | None) -> datetime:
        """If the last of so many calls leaves then, and those that are tried again after it."""
        _, longer_s = self._again(calls)
        again = leaves + longer_s
        if until is not None:  # what is left then, expires
            again = min(again, max(leaves, until.timestamp()))
        return datetime.fromtimestamp(again + self.call_s, UTC)

    def _again(self, calls: int) -> tuple[int, float]:
        """How many times calls are tried again, of so many, and how many seconds longer that takes."""
        retried = {ending: share for ending, share in self.endings.shares.items() if ending in self.retry.delays_s}
        share = sum(retried.values())
        times, longer_s, left = 0.0, 0.0, float(calls)
        for _ in range(self.retry.limit if share else 0):
            left *= share
            if left < 1:
                break
            delay_s = sum(part * self.retry.delays_s[ending] for ending, part in retried.items()) / share
            times, longer_s = times + left, longer_s + delay_s + left / self.rate
        return round(times), longer_s


def _rate(bounds: Iterable[RateBound], mean_s: float) -> float:
    each = tuple(bounds)
    rates = [bound.calls_per_second for bound in each if bound.calls_per_second is not None]
    rates += [bound.concurrent_calls / mean_s for bound in each if bound.concurrent_calls is not None]
    return min(rates)


def hours_in_words(delivery: Delivery) -> str | None:
    """The hours in which people are called, for a person; None: at any time."""
    return "; and ".join(map(window_words, delivery.windows)) or None
