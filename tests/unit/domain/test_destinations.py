"""Which numbers are called: pattern, regions and types, as a table."""

from __future__ import annotations

import random
import re

import phonenumbers
import pytest

from blast_api.domain.destinations import REGIONS, TYPES, Destinations

ANY = re.compile("")
HOME = frozenset({"US", "CA", "PR", "VI", "GU", "AS", "MP"})
COSTLY = frozenset({TYPES["premium rate"], TYPES["shared cost"]})
DEFAULT = Destinations(ANY, HOME, COSTLY)
EVERYWHERE = Destinations(ANY, None, frozenset())


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("12125550150", None),
        ("16045550150", None),  # Canada
        ("17875550150", None),  # Puerto Rico
        ("16715550150", None),  # Guam
        ("18005550199", None),  # toll free
        ("15555551010", None),  # fictional
        ("18765550101", "is in JM where this service does not call"),
        ("18095550101", "is in DO where this service does not call"),
        ("12425550101", "is in BS where this service does not call"),
        ("19005551010", "is a premium rate number, which this service does not call"),
        ("442079460018", "is in GB where this service does not call"),
        ("441111111", "is in a region where this service does not call"),  # of no region, but not of ours
        ("88216123456", "is in a region where this service does not call"),  # a satellite
        ("97912345678", "is in a region where this service does not call"),  # dear in every country
    ],
)
def test_what_is_called_by_default(number: str, reason: str | None) -> None:
    assert DEFAULT.refusal(number) == reason
    assert EVERYWHERE.refusal(number) is None


def test_the_pattern_comes_first() -> None:
    only_one = Destinations(re.compile("^1212"), HOME, COSTLY)
    assert only_one.refusal("12125550150") is None
    assert only_one.refusal("13105550150") == "is not a number that this service calls"


def test_a_type_is_refused_in_every_region() -> None:
    no_mobiles = Destinations(ANY, None, frozenset({TYPES["mobile"]}))
    assert no_mobiles.refusal("447400123456") == "is a mobile number, which this service does not call"
    assert no_mobiles.refusal("442079460018") is None


def test_canada_alone() -> None:
    canada = Destinations(ANY, frozenset({"CA"}), frozenset())
    assert canada.refusal("16045550150") is None
    assert canada.refusal("12125550150") == "is in US where this service does not call"


@pytest.mark.parametrize("region", sorted(REGIONS))
def test_every_region_can_be_allowed_and_refused(region: str) -> None:
    known = phonenumbers.example_number(region)
    assert known
    region = str(phonenumbers.region_code_for_number(known))  # two share all their numbers with a neighbour
    number = phonenumbers.format_number(known, phonenumbers.PhoneNumberFormat.E164)[1:]
    assert Destinations(ANY, frozenset({region}), frozenset()).refusal(number) is None
    assert Destinations(ANY, REGIONS - {region}, frozenset()).refusal(number) is not None


def test_in_the_north_american_plan_the_exchange_decides() -> None:
    """What is remembered of one number is told of all in its exchange."""
    chance = random.Random(5)
    for area in range(200, 1000, 3):
        number = f"1{area}{chance.randint(200, 999)}{chance.randint(0, 9999):04d}"
        parsed = phonenumbers.parse(f"+{number}")
        region = phonenumbers.region_code_for_number(parsed)
        refused = region is not None and region not in HOME
        refused |= bool(region) and phonenumbers.number_type(parsed) in COSTLY
        assert (DEFAULT.refusal(number) is not None) == refused, number
