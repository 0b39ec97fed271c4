"""What preflight says is what creation, release and the first claim then do, if nothing else has changed meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.recipients import Recipient
from blast_api.domain.rules import said
from blast_api.domain.rules.estimate import RECORDING_LENGTH_S
from blast_api.domain.rules.preflight import Foretold, Prospect
from blast_api.domain.states import Q850_INVALID_NUMBER, CallStatus
from blast_api.models import Call
from blast_api.services import claiming, creation, shouts
from blast_api.services.creation import NewShout
from blast_api.services.preflight import preflight
from tests.kits import factories
from tests.kits.callbacks import undone
from tests.kits.effort import examples
from tests.kits.factories import AUTHOR, USER

pytestmark = pytest.mark.django_db

LISTED, HEARD, OWN = "12125550101", "12125550102", "15555540100"
NUMBERS = [
    LISTED,
    HEARD,
    OWN,  # `DID`, as the settings of the tests have it
    AUTHOR,
    "18765550101",  # Jamaica
    "19005550101",  # premium rate
    "442079460018",
    "15555550101",  # may be anywhere in North America
    *(f"1{area}55501{line:02d}" for area in (212, 312, 303, 213, 808, 850) for line in range(3)),
]
ZONES = ["", "", "", "America/New_York", "America/Phoenix", "Asia/Tokyo", "Pacific/Kiritimati"]
RECIPIENTS = st.lists(
    st.builds(Recipient, st.sampled_from(NUMBERS), st.sampled_from(ZONES), st.just("")), min_size=1, max_size=40
)
# Ordinary days, and those on which clocks are set in the United States.
CLOCKS = st.sampled_from(
    [datetime(2030, 1, 30, tzinfo=UTC), datetime(2030, 3, 9, tzinfo=UTC), datetime(2030, 11, 2, tzinfo=UTC)]
)
TIMES = st.sampled_from(["00:00", "02:30", "08:00", "09:00", "12:00", "13:00", "20:30", "23:00"])
WINDOWS = st.none() | st.fixed_dictionaries(
    {"from": TIMES, "to": TIMES},
    optional={
        "days": st.lists(st.sampled_from(["mon", "wed", "sat", "sun"]), min_size=1),
        "zone": st.sampled_from(["recipient", "America/New_York"]),
    },
).filter(lambda window: window["from"] != window["to"])
LATER = st.none() | st.timedeltas(timedelta(minutes=1), timedelta(days=3))
SETTINGS = st.fixed_dictionaries(
    {
        "CALL_BATCH_SIZE": st.integers(1, 5),
        "CALL_LENGTH_RATIO": st.sampled_from([0, 1.5, 100]),
        "CALLING_WINDOW": WINDOWS,
        "FALLBACK_ZONE": st.sampled_from([None, "America/Denver"]),
        "FREQUENCY_CAP": st.sampled_from([None, {"calls": 1, "days": 30}, {"calls": 2, "days": 30}]),
        "CALLER_AS_RECIPIENT": st.booleans(),
    }
)


def _past(now: datetime) -> None:
    """Who is on the list, and who has heard a call."""
    factories.listed(LISTED)
    heard = {"status": CallStatus.COMPLETED, "answerer": "HUMAN", "answered": now - timedelta(days=1)}
    factories.call(factories.message(), number=HEARD, finished=now, **heard)


def _agrees(prospect: Prospect, call: Call, *, until: datetime | None, now: datetime) -> bool:
    """Whether this is what has become of the call, right after a claim of all that is due."""
    claimed = call.held_since is not None
    match prospect.verdict:
        case Foretold.CALL | Foretold.WAIT:
            return call.status == CallStatus.READY and call.due_at == prospect.at and claimed == (call.due_at <= now)  # type: ignore[operator]  # it has one
        case Foretold.DO_NOT_CALL | Foretold.CAPPED if call.finished:
            return call.status == prospect.verdict
        case Foretold.CAPPED:
            return call.status == CallStatus.READY and not claimed and (call.due_at > now or until is not None)  # type: ignore[operator]
        case Foretold.REFUSED if call.status == CallStatus.READY:
            return until is not None and call.due_at is not None and call.due_at >= until and not claimed
        case Foretold.INVALID | Foretold.REFUSED:
            return (call.status, call.q850) == (CallStatus.FAILED, Q850_INVALID_NUMBER)
    return False


@examples(150)
@given(
    recipients=RECIPIENTS,
    now=st.builds(lambda day, hours: day + hours, CLOCKS, st.timedeltas(timedelta(0), timedelta(days=2))),
    window=WINDOWS,
    schedule=LATER,
    until=LATER,
    configured=SETTINGS,
)
def test_what_is_foretold_is_done(
    recipients: list[Recipient],
    now: datetime,
    window: dict[str, Any] | None,
    schedule: timedelta | None,
    until: timedelta | None,
    configured: dict[str, Any],
) -> None:
    ends = None if until is None else now + until
    written = {"window": window, "until": ends and ends.isoformat()}
    new = NewShout(
        userdata=USER,
        caller=AUTHOR,
        recipients=recipients,
        schedule=None if schedule is None else now + schedule,
        delivery=said.delivery(written, now=now),
    )
    with undone(), override_settings(**configured):
        _past(now)
        application = factories.application()
        foretold = list(preflight(application, new, now=now).prospects)
        message, _ = creation.create(application, new, now=now)
        shouts.release(message, length_s=RECORDING_LENGTH_S, now=now)
        message.refresh_from_db()
        claiming.claim(message, limit=len(recipients), until=now, now=now)
        calls = {call.number: call for call in message.calls.all()}
    met: set[str] = set()
    for recipient, prospect in zip(recipients, foretold, strict=True):
        if prospect.verdict is Foretold.DUPLICATE:
            assert recipient.number in met
            continue
        call = calls[recipient.number]
        assert _agrees(prospect, call, until=ends, now=now), (prospect, call.status, call.due_at, call.held_since)
        met.add(recipient.number)
    assert met == set(calls)
