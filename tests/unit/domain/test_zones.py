"""In which zones a number may be: never one too few."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from blast_api.domain.zones import Zones, exists, zone, zones_of

CHICAGO, DENVER, NEW_YORK = "America/Chicago", "America/Denver", "America/New_York"


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("12125550150", {NEW_YORK}),
        ("12195550150", {CHICAGO, NEW_YORK}),  # of its exchanges the library says either
        ("12192000150", {CHICAGO, NEW_YORK}),
        ("13085550150", {CHICAGO, DENVER}),
        ("19285550150", {"America/Phoenix", DENVER}),  # the Navajo Nation sets its clocks
        ("18085550150", {"Pacific/Honolulu"}),
        ("13065550150", {"America/Regina", "America/Edmonton", "America/Winnipeg"}),
        ("442079460000", {"Europe/London"}),
        ("34928123456", {"Atlantic/Canary"}),
        ("61212345678", {"Australia/Sydney"}),
    ],
)
def test_a_number_may_be_in_all_zones_of_its_area_code(number: str, zones: set[str]) -> None:
    assert zones_of(number) == Zones(tuple(sorted(zones)), known=True)


@pytest.mark.parametrize(
    ("base", "laid_over"),
    [("208", "986"), ("270", "364"), ("418", "581"), ("541", "458"), ("709", "879"), ("812", "930"), ("850", "448")],
)
def test_a_code_that_was_laid_over_another_lies_where_that_lies(base: str, laid_over: str) -> None:
    assert zones_of(f"1{laid_over}5550150") == zones_of(f"1{base}5550150")


@pytest.mark.parametrize("number", ["18005550150", "15555550150", "61412345678", "79161234567"])
def test_a_number_of_no_place_may_be_anywhere_in_its_country(number: str) -> None:
    zones = zones_of(number)
    assert not zones.known
    assert len(zones.names) > 7


def test_what_no_country_has_has_no_zone() -> None:
    assert zones_of("99912345678") == Zones((), known=False)


def test_a_fallback_is_for_numbers_that_tell_no_more_than_their_country() -> None:
    assert zones_of("18005550150").or_else(CHICAGO) == Zones((CHICAGO,))
    assert not zones_of("18005550150").or_else(None).known
    assert zones_of("12125550150").or_else(CHICAGO) == Zones((NEW_YORK,))


@pytest.mark.parametrize("prefix", [prefix for prefix in TIMEZONE_DATA if prefix.startswith("1") and len(prefix) == 7])
def test_no_zone_that_the_library_knows_of_an_exchange_is_missing(prefix: str) -> None:
    assert set(TIMEZONE_DATA[prefix]) <= set(zones_of(f"{prefix}0150").names)


def test_every_zone_that_a_number_may_be_in_can_be_asked_for_its_time() -> None:
    now = datetime.now(UTC)
    for area in range(200, 1000):
        for name in zones_of(f"1{area}5550150").names:
            assert now.astimezone(zone(name)).utcoffset() is not None


@pytest.mark.parametrize(
    ("name", "there"), [(CHICAGO, True), ("UTC", True), ("America/Gotham", False), ("", False), ("../../etc", False)]
)
def test_a_zone_is_there_or_not(name: str, *, there: bool) -> None:
    assert exists(name) is there
