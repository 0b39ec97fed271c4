"""What `POST /shouts` with this body would do, and when, without doing it: nothing is stored and nobody is rung."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import isnan, nan

from blast_api.conf import configuration
from blast_api.domain.recipients import Recipient
from blast_api.domain.rules.estimate import RECORDING_LENGTH_S, Ahead, Times, hours_in_words
from blast_api.domain.rules.plan import Plan
from blast_api.domain.rules.preflight import Forecast, Foretold, Prospect
from blast_api.models import Application

from . import caps, creation, dnc, estimates, schedule
from .creation import NewShout

_CHUNK = 5000  # recipients whose lists and caps are looked up at once
_WORDS = tuple(Foretold)
_INDEX = {word: index for index, word in enumerate(_WORDS)}


@dataclass(slots=True)
class Prospects:
    """What becomes of each recipient, in the order of the list: columns, for there may be very many."""

    _verdicts: bytearray = field(default_factory=bytearray)
    _times: array[float] = field(
        default_factory=lambda: array("d")
    )  # seconds since 1970; a double has them to the microsecond
    _reasons: list[str | None] = field(default_factory=list)

    def add(self, prospect: Prospect) -> None:
        """The next recipient's."""
        self._verdicts.append(_INDEX[prospect.verdict])
        self._times.append(prospect.at.timestamp() if prospect.at else nan)
        self._reasons.append(prospect.reason)

    def __iter__(self) -> Iterator[Prospect]:
        for index, reason, time in zip(self._verdicts, self._reasons, self._times, strict=True):
            yield Prospect(_WORDS[index], reason, None if isnan(time) else datetime.fromtimestamp(time, UTC))

    @property
    def counts(self) -> dict[str, int]:
        """How many recipients have each verdict."""
        return {word.value: self._verdicts.count(index) for index, word in enumerate(_WORDS)}

    @property
    def due(self) -> list[float]:
        """The earliest times of all calls, in order: seconds since 1970."""
        return sorted(time for time in self._times if not isnan(time))


@dataclass(frozen=True, slots=True)
class Preflight:
    """The whole answer; `times` None: nobody would be called."""

    recipients: Sequence[Recipient]
    prospects: Prospects
    times: Times | None
    assumes: dict[str, object]


def preflight(application: Application, new: NewShout, *, now: datetime) -> Preflight:
    """What would become of each recipient, and when it would begin and end. Raises InvalidField as creation does."""
    source = creation.recording_to_use(application, new, for_good=False)
    creation.voicemail_to_use(application, new, for_good=False)
    length_s = RECORDING_LENGTH_S if source is None else source.length_s
    row = creation.row_of(application, new, now=now)
    plan = schedule.plan_of(row, starts_at=max(now, new.schedule or now), length_s=length_s)
    prospects = _foretold(application, new, plan, now=now)
    endings, whose = estimates.endings_before(application, new.userdata)
    course = estimates.course(application, plan.delivery, length_s=length_s, endings=endings)
    due, ahead, times = prospects.due, Ahead(), None
    if due:
        first = datetime.fromtimestamp(due[0], UTC)
        ahead = estimates.ahead_of(application, len(due), first=first, now=now)
        times = course.times(due, ahead, until=plan.delivery.until, now=now)
    assumes: dict[str, object] = {
        "calls_per_second": round(course.rate, 3),
        "queued_ahead": ahead.waiting + ahead.planned,
        "windows": hours_in_words(plan.delivery),
        "recording_length": length_s,
        "recording_length_known": source is not None,
        "answer_rate": round(endings.answer_rate, 3),
        "answer_rate_of": whose,
        "retries": times.retries if times else 0,
    }
    return Preflight(new.recipients, prospects, times, assumes)


def _foretold(application: Application, new: NewShout, plan: Plan, *, now: datetime) -> Prospects:
    cap, has_hours = configuration().frequency_cap, plan.delivery.has_hours
    forecast = Forecast(plan, creation.destinations_of(new), cap)
    prospects = Prospects()
    recipients = enumerate(new.recipients)
    while chunk := list(islice(recipients, _CHUNK)):
        numbers = [recipient.number for _, recipient in chunk]
        listed = dnc.why_listed(application.pk, new.userdata, numbers)
        heard = {}
        if cap is not None:
            heard = caps.heard_or_up_by_number(cap, application.pk, new.userdata, numbers, now=now)
        for position, (number, zone, _) in chunk:
            zones = schedule.zones(number, zone) if has_hours else ()
            prospects.add(forecast.of(position, number, zones, listed=listed.get(number), heard=heard.get(number, 0)))
    return prospects
