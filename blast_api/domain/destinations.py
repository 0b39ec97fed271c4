"""Which numbers this service calls: a pure rule, asked wherever a number comes in.

Strangers send calls where calls are dear, and earn by it: the North American plan alone holds some twenty countries, and
numbers that cost whoever calls them. What a number is, the library says (its metadata are of the numbering plans).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumberType

# As an operator writes them: "premium rate".
TYPES = {
    PhoneNumberType.to_string(value).lower().replace("_", " "): value
    for value in PhoneNumberType.values()
    if value != PhoneNumberType.UNKNOWN
}
REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
_WORDS = {value: word for word, value in TYPES.items()}
# In the North American plan, area code and exchange decide about region and type.
_NORTH_AMERICAN_EXCHANGE = 7
_ANY_LINE = "0150"


@dataclass(frozen=True, slots=True)
class Destinations:
    """The operator's choice: a pattern over digits, the regions (None: every one) and the types of number to refuse.

    Nobody calls themselves, either: `own` lines are refused.
    """

    pattern: re.Pattern[str]
    regions: frozenset[str] | None
    refused_types: frozenset[int]
    own: frozenset[str] = frozenset()

    def and_not(self, number: str) -> Destinations:
        """The same rule, with one more line of our own."""
        return replace(self, own=self.own | {number})

    def refusal(self, number: str) -> str | None:
        """Why this number, in its canonical form, is not called: words to follow the number; None: it is."""
        if number in self.own:
            return "is the line of whoever calls"
        if not self.pattern.search(number):
            return "is not a number that this service calls"
        if self.regions is None and not self.refused_types:
            return None
        region, kind = _what_it_is(number)
        if self.regions is not None and not self._may_lie_in_one(number, region):
            return f"is in {region if region in REGIONS else 'a region'} where this service does not call"
        if kind in self.refused_types:
            return f"is a {_WORDS[kind]} number, which this service does not call"
        return None

    def is_malformed(self, number: str) -> bool:
        """Whether it is refused because it does not look like a number that is called."""
        return number not in self.own and not self.pattern.search(number)

    def _may_lie_in_one(self, number: str, region: str | None) -> bool:
        """A number of no known region passes where any region of its country code does, as fictional numbers are."""
        assert self.regions is not None
        if region is not None:
            return region in self.regions
        codes = (int(number[:length]) for length in (1, 2, 3))
        known = next((COUNTRY_CODE_TO_REGION_CODE[code] for code in codes if code in COUNTRY_CODE_TO_REGION_CODE), ())
        return not known or not self.regions.isdisjoint(known)


def _what_it_is(number: str) -> tuple[str | None, int]:
    if number.startswith("1") and len(number) == _NORTH_AMERICAN_EXCHANGE + len(_ANY_LINE):
        return _looked_up(number[:_NORTH_AMERICAN_EXCHANGE] + _ANY_LINE)
    return _looked_up(number)


@lru_cache(maxsize=65536)
def _looked_up(number: str) -> tuple[str | None, int]:
    """Region and type; looking takes some 50 us, and lists are of few exchanges."""
    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return None, PhoneNumberType.UNKNOWN
    region = phonenumbers.region_code_for_number(parsed)
    return region, phonenumbers.number_type(parsed) if region else PhoneNumberType.UNKNOWN
