"""A recipient who presses the shout's key is put through to somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

KEYS = "12346789*#"  # 0 and 5 keep their meaning
MOST_CONCURRENT = 10_000
# Outcomes, beside the carrier's words for the end of a call.
UP = "up"  # the two are about to speak, or do
UNKNOWN = "unknown"  # the carrier has not told


def when_the_call_is_over(outcome: str) -> str:
    """What is known of a transfer then: the two speak no more, whether the carrier has told how it was or not."""
    return UNKNOWN if outcome == UP else outcome


@dataclass(frozen=True, slots=True)
class Transfer:
    """By which key, to which number, and how many recipients of the shout at once; None: any number."""

    key: str
    to: str
    concurrent: int | None = None

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Self | None:
        """As `as_json` has it; None where there is none."""
        return cls(**stored) if stored else None

    def as_json(self) -> dict[str, object]:
        """As it is stored, and told."""
        return asdict(self)
