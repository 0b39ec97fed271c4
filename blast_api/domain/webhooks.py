"""What applications are told by webhook, how often a delivery is tried, and when an endpoint is given up. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import TextChoices


class WebhookEvent(TextChoices):
    """What may be told. No word is a part of another, so that a list of them can be searched as a text."""

    SHOUT_READY = "shout.ready"  # recorded: its calls are placed when their time comes
    SHOUT_STARTED = "shout.started"
    SHOUT_PAUSED = "shout.paused"
    SHOUT_RESUMED = "shout.resumed"
    SHOUT_ENDED = "shout.ended"
    CALL_ENDED = "call.ended"
    ATTEMPT_ENDED = "attempt.ended"
    DNC_ADDED = "dnc.added"


TEST = "webhook.test"  # nobody subscribes to it: it comes when it is asked for
MOST_WEBHOOKS = 20  # of one application

# For so long both secrets sign after a rotation.
BOTH_SECRETS = timedelta(days=1)
# A delivery is tried for so long; its tries are this far apart, each time three times as far as before.
TRIED_FOR = timedelta(days=3)
_FIRST = timedelta(seconds=5)
_FACTOR = 3
_LONGEST = timedelta(hours=8)
_JITTER = 0.2  # so that many that failed at once do not come back at once
_LONGEST_ASKED = timedelta(hours=8)  # of `Retry-After`: who asks for more is asked again
# An endpoint that has taken nothing for so long is told no more.
GIVEN_UP_AFTER = timedelta(days=5)
# After so many failures in a row an endpoint is on trial: it gets one delivery, and rests after each that fails.
_TOLERATED = 3
_SHORTEST_REST = timedelta(seconds=5)
_LONGEST_REST = timedelta(minutes=5)


def next_try(
    attempts: int, *, since: datetime, now: datetime, asked_s: float | None = None, draw: float
) -> datetime | None:
    """When a delivery that has failed so many times is tried again; None: never, for it was tried for three days.

    `asked_s` is what the endpoint asked for in Retry-After, `draw` a random number from 0 to 1.
    """
    exponent = min(max(attempts - 1, 0), 20)
    delay = min(_FIRST * _FACTOR**exponent, _LONGEST) * (1 + _JITTER * (2 * draw - 1))
    delay = max(delay, _FIRST, _asked(asked_s))
    at = now + delay
    return at if at <= since + TRIED_FOR else None


def rest(failures: int, *, asked_s: float | None = None) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row."""
    asked = _asked(asked_s)
    if failures < _TOLERATED:
        return asked
    doubled = 1 << min(failures - _TOLERATED, 20)
    return max(min(_SHORTEST_REST * doubled, _LONGEST_REST), asked)


def is_on_trial(failures: int) -> bool:
    """Whether an endpoint that failed so often in a row gets one delivery at a time."""
    return failures >= _TOLERATED


def is_given_up(failing_since: datetime, *, now: datetime) -> bool:
    """Whether an endpoint has failed for so long that it is told no more."""
    return now - failing_since >= GIVEN_UP_AFTER


def _asked(seconds: float | None) -> timedelta:
    return min(timedelta(seconds=min(max(seconds or 0.0, 0.0), 10.0**6)), _LONGEST_ASKED)
