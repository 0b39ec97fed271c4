"""What becomes of one recipient, rule by rule; and of many, in the order of the list."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import phonenumbers
import pytest

from blast_api.domain.destinations import Destinations
from blast_api.domain.rules.delivery import Delivery
from blast_api.domain.rules.limits import FrequencyCap, Scope
from blast_api.domain.rules.plan import Plan
from blast_api.domain.rules.preflight import Forecast, Prospect
from blast_api.domain.rules.window import Window
from tests.kits.ruled import OPERATORS

NOON = datetime(2030, 1, 31, 17, tzinfo=UTC)  # in New York, a Thursday
NEW_YORK, CHICAGO, HONOLULU = ("America/New_York",), ("America/Chicago",), ("Pacific/Honolulu",)
MINUTE = timedelta(minutes=1)
DAYTIME = Window(time(9), time(20, 30))
SHORT = Window(time(9), time(12, 2))
PLAIN, JAMAICAN, PREMIUM, OWN, FOREIGN = "12125550150", "18765550150", "19005550150", "12125550199", "442079460018"
DESTINATIONS = Destinations(
    re.compile(r"^1[2-9][0-9]{9}$"),
    frozenset({"US"}),
    frozenset({phonenumbers.PhoneNumberType.PREMIUM_RATE}),
    frozenset({OWN}),
)


def forecast(delivery: Delivery = OPERATORS, *, size: int = 50, cap: FrequencyCap | None = None) -> Forecast:
    return Forecast(Plan(NOON, size, MINUTE, delivery), DESTINATIONS, cap)


def told(
    made: Forecast,
    number: str = PLAIN,
    zones: tuple[str, ...] = NEW_YORK,
    *,
    listed: str | None = None,
    heard: int = 0,
) -> Prospect:
    return made.of(len(made._first), number, zones, listed=listed, heard=heard)


HOURS = replace(OPERATORS, window=DAYTIME)
CAP = FrequencyCap(3, 30, Scope.USER)


@pytest.mark.parametrize(
    ("made", "asked", "verdict", "reason", "at"),
    [
        (forecast(), {}, "call", None, NOON),
        (forecast(HOURS), {}, "call", None, NOON),
        (
            forecast(HOURS),
            {"zones": HONOLULU},
            "wait",
            "Pacific/Honolulu opens at 09:00",
            datetime(2030, 1, 31, 19, tzinfo=UTC),
        ),
        (
            forecast(HOURS),
            {"zones": ("America/Los_Angeles", "America/New_York", "Pacific/Honolulu")},
            "wait",
            "Pacific/Honolulu opens at 09:00",
            datetime(2030, 1, 31, 19, tzinfo=UTC),
        ),
        (
            forecast(replace(OPERATORS, calling_window=DAYTIME)),
            {"zones": HONOLULU},
            "wait",
            "Pacific/Honolulu opens at 09:00",
            datetime(2030, 1, 31, 19, tzinfo=UTC),
        ),
        (
            forecast(),
            {"listed": "on the do-not-call list since 2030-01-30T17:00:00Z"},
            "do not call",
            "on the do-not-call list since 2030-01-30T17:00:00Z",
            None,
        ),
        (forecast(cap=CAP), {"heard": 2}, "call", None, NOON),
        (forecast(cap=CAP), {"heard": 3}, "capped", "the cap of 3 in 30 days is reached", None),
        (
            forecast(),
            {"number": FOREIGN},
            "invalid",
            f"{FOREIGN} is not a number that this service calls",
            None,
        ),
        (
            forecast(),
            {"number": JAMAICAN},
            "refused",
            f"{JAMAICAN} is in JM where this service does not call",
            None,
        ),
        (
            forecast(),
            {"number": PREMIUM},
            "refused",
            f"{PREMIUM} is a premium rate number, which this service does not call",
            None,
        ),
        (forecast(), {"number": OWN}, "refused", f"{OWN} is the line of whoever calls", None),
        (forecast(HOURS), {"zones": ()}, "refused", "no zone of this number is known", None),
        (
            forecast(replace(OPERATORS, window=Window(time(9), time(10)))),
            {"zones": ("America/New_York", "Asia/Tokyo")},
            "refused",
            "America/New_York and Asia/Tokyo are never all open",
            None,
        ),
        (
            forecast(replace(HOURS, until=NOON + timedelta(hours=1))),
            {"zones": HONOLULU},
            "refused",
            "its turn comes at 2030-01-31T19:00:00Z: Pacific/Honolulu opens at 09:00; "
            "it was to be placed before 2030-01-31T18:00:00Z",
            None,
        ),
    ],
)
def test_what_becomes_of_one_recipient(
    made: Forecast, asked: dict[str, object], verdict: str, reason: str | None, at: datetime | None
) -> None:
    prospect = told(made, **asked)  # type: ignore[arg-type]  # each of its type
    assert (str(prospect.verdict), prospect.reason, prospect.at) == (verdict, reason, at)


def test_a_number_that_came_before_is_a_duplicate_whatever_became_of_the_first() -> None:
    made = forecast()
    made.of(0, FOREIGN, NEW_YORK, listed=None, heard=0)
    made.of(1, PLAIN, NEW_YORK, listed=None, heard=0)
    again = [
        made.of(position, number, NEW_YORK, listed="on the list", heard=9)
        for position, number in ((2, FOREIGN), (3, PLAIN))
    ]
    assert [(str(each.verdict), each.reason, each.at) for each in again] == [
        ("duplicate", "it is at position 0 already", None),
        ("duplicate", "it is at position 1 already", None),
    ]


def test_batches_count_every_number_once_called_or_not() -> None:
    made = forecast(size=2)
    asked = [PLAIN, FOREIGN, PLAIN, "12125550151", "12125550152"]
    prospects = [made.of(position, number, NEW_YORK, listed=None, heard=0) for position, number in enumerate(asked)]
    assert [prospect.at for prospect in prospects] == [NOON, None, None, NOON + MINUTE, NOON + MINUTE]


def test_who_is_capped_takes_a_place_as_the_release_does_not_know_of_it() -> None:
    made = forecast(replace(OPERATORS, window=DAYTIME), size=1, cap=CAP)
    assert str(told(made, heard=3).verdict) == "capped"
    assert told(made, "12125550151").at == NOON + MINUTE


def test_what_outlasts_the_hours_waits_for_the_next_opening() -> None:
    made = forecast(replace(OPERATORS, window=SHORT), size=1)
    prospects = [told(made, f"1212555015{index}") for index in range(3)]
    assert [str(prospect.verdict) for prospect in prospects] == ["call", "call", "wait"]
    assert prospects[2].reason == "America/New_York opens at 09:00"
    assert prospects[2].at == datetime(2030, 2, 1, 14, tzinfo=UTC)
