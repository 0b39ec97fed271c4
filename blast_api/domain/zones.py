"""In which zones a telephone may be: a pure rule, from its number alone.

What the library knows is the zone in which most of an exchange lies. A rule that must not ring anybody at night asks for all in
which a number may lie: those of the whole area code, those of our table, and of a number that says nothing those of its country.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

_NORTH_AMERICA = "1"
_LINE = 3  # last digits, which decide about no zone: looking takes some 100 us, and lists are of few exchanges
_AREA = 4  # digits of a North American area code, the country code among them
# Area codes whose territory lies on both sides of a boundary that the library does not know in all its exchanges. United
# States: 49 CFR part 71, the boundaries of the standard time zones, and customs beside them (Phenix City, West Wendover, Kenton,
# Van Horn); Navajo Nation in 928. Canada: the provinces' time acts (Lloydminster, the East Kootenay, Creston and the Peace
# River, north-west Ontario, the Magdalen Islands and the Lower North Shore, Labrador). A zone too many only waits longer.
_TWO_SIDES: dict[str, tuple[str, ...]] = {
    "208 986": ("America/Boise", "America/Los_Angeles"),
    "219": ("America/Chicago", "America/New_York"),
    "250 236 257 672 778": ("America/Vancouver", "America/Edmonton", "America/Fort_Nelson"),
    "270 364": ("America/Chicago", "America/New_York"),
    "306 474 639": ("America/Regina", "America/Edmonton"),
    "308": ("America/Chicago", "America/Denver"),
    "334": ("America/Chicago", "America/New_York"),
    "418 367 581": ("America/Toronto", "America/Halifax", "America/Puerto_Rico"),
    "423": ("America/New_York", "America/Chicago"),
    "432": ("America/Chicago", "America/Denver"),
    "435": ("America/Denver", "America/Los_Angeles"),
    "541 458": ("America/Los_Angeles", "America/Boise"),
    "574": ("America/New_York", "America/Chicago"),
    "580": ("America/Chicago", "America/Denver"),
    "605": ("America/Chicago", "America/Denver"),
    "606": ("America/New_York", "America/Chicago"),
    "620": ("America/Chicago", "America/Denver"),
    "701": ("America/Chicago", "America/Denver"),
    "709 879": ("America/St_Johns", "America/Halifax"),
    "775": ("America/Los_Angeles", "America/Denver"),
    "785": ("America/Chicago", "America/Denver"),
    "807": ("America/Toronto", "America/Winnipeg", "America/Panama"),
    "812 930": ("America/New_York", "America/Chicago"),
    "850 448": ("America/Chicago", "America/New_York"),
    "867": ("America/Edmonton", "America/Fort_Nelson", "America/Toronto", "America/Winnipeg"),
    "906": ("America/New_York", "America/Chicago"),
    "907": ("America/Anchorage", "America/Adak"),
    "928": ("America/Phoenix", "America/Denver"),
}
# Codes that were laid over another: the library knows the exchanges of one, and both lie in all of its territory.
_TOGETHER = tuple(tuple(f"{_NORTH_AMERICA}{code}" for code in codes.split()) for codes in _TWO_SIDES)


@dataclass(frozen=True, slots=True)
class Zones:
    """IANA names, sorted, of all zones in which a number may be; `known`: that says more than its country."""

    names: tuple[str, ...]
    known: bool = True

    def or_else(self, fallback: str | None) -> Zones:
        """These; of a number that tells its country only, `fallback` if there is one."""
        return self if self.known or fallback is None else Zones((fallback,))


def zones_of(number: str) -> Zones:
    """All zones in which this number, in its canonical form, may be. No names: not even a country of it has a zone."""
    if number.startswith(_NORTH_AMERICA):
        return _of_area(number[:_AREA])
    return _elsewhere(number[:-_LINE] + "0" * _LINE)


def of_recipient(number: str, given: str, *, fallback: str | None) -> tuple[str, ...]:
    """The zones that must be open for whoever has this number: the one that was given with it, else all in which it may be."""
    return (given,) if given else zones_of(number).or_else(fallback).names


def exists(name: str) -> bool:
    """Whether this system knows a zone of that name, and it is a place's: "America/Chicago", "UTC"."""
    return name in _all_names()


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of a name that `exists`."""
    return ZoneInfo(name)


@cache
def _all_names() -> frozenset[str]:
    """Reading them takes some 10 ms, once."""
    return frozenset(available_timezones())


@lru_cache(maxsize=4096)
def _of_area(area: str) -> Zones:
    """Of the whole area code: boundaries go through exchanges, and numbers are taken along by those who move."""
    if names := _areas().get(area):
        return Zones(tuple(sorted(names)))
    return Zones(_usable(TIMEZONE_DATA[_NORTH_AMERICA]), known=False)


@lru_cache(maxsize=65536)
def _elsewhere(number: str) -> Zones:
    """As the library says, which knows what is no place's: a mobile telephone may be anywhere in its country."""
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return Zones((), known=False)
    names = _usable(time_zones_for_number(parsed))
    of_country = _usable(TIMEZONE_DATA.get(str(parsed.country_code), ()))
    return Zones(names or of_country, known=bool(names) and (names != of_country or len(names) == 1))


@cache
def _areas() -> dict[str, set[str]]:
    """Zones by area code, the country code before it: the library's, over all exchanges, and those of our table."""
    areas: defaultdict[str, set[str]] = defaultdict(set)
    for prefix, names in TIMEZONE_DATA.items():
        if prefix.startswith(_NORTH_AMERICA) and len(prefix) >= _AREA:
            areas[prefix[:_AREA]].update(_usable(names))
    for codes, names in zip(_TOGETHER, _TWO_SIDES.values(), strict=True):
        together = set(names).union(*(areas[code] for code in codes))
        areas.update(dict.fromkeys(codes, together))
    return areas


def _usable(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if exists(name)))
