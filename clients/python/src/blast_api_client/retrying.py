"""When a request is sent again: a pure decision, and how long to wait before."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# In answers with these codes the service says itself that nothing was done.
_NOTHING_WAS_DONE = {"not-stored", "throttled", "too-many-waiting"}
_TOO_MANY_REQUESTS = 429
_TROUBLE = {500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Retrying:
    """How often to try at all, and how long to wait at most; waiting times double, and are any part of that."""

    attempts: int = 5
    base_s: float = 0.5
    longest_s: float = 60.0

    def again_in_s(
        self,
        attempt: int,
        *,
        repeatable: bool,
        status: int | None,
        code: str = "",
        was_sent: bool = True,
        asked_s: float | None = None,
    ) -> float | None:
        """Seconds to wait before the next attempt; None: it is over.

        `status` is None if no answer came. What is not `repeatable` is sent again only if it surely was not done.
        A service that asks to wait longer than `longest_s` is not asked again.
        """
        if attempt >= self.attempts or (asked_s is not None and asked_s > self.longest_s):
            return None
        nothing_done = not was_sent or status == _TOO_MANY_REQUESTS or code in _NOTHING_WAS_DONE
        if not (nothing_done or (repeatable and (status is None or status in _TROUBLE))):
            return None
        jitter_s = random.uniform(0, min(self.longest_s, self.base_s * 2 ** (attempt - 1)))  # noqa: S311  # no secret
        return jitter_s if asked_s is None else asked_s + min(jitter_s, 1.0)


def asked_s(header: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` asks for, which may be a date; None if it says nothing that can be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max((at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds(), 0.0)
