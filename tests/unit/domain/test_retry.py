"""Which endings are tried again, when, and how often: a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from blast_api.domain.rules.retry import RetryPolicy
from blast_api.domain.states import CallStatus

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)
C = CallStatus
DEFAULT = RetryPolicy(delays_s={C.FAILED: 0}, limit=3)
PATIENT = RetryPolicy(delays_s={C.FAILED: 0, C.BUSY: 300, C.NO_ANSWER: 0.5}, limit=2)
NEVER = RetryPolicy(delays_s={C.FAILED: 60}, limit=0)
NOTHING = RetryPolicy(delays_s={}, limit=3)


@pytest.mark.parametrize(
    ("policy", "ending", "attempts", "after_s"),
    [
        (DEFAULT, C.FAILED, 1, 0),
        (DEFAULT, C.FAILED, 2, 0),
        (DEFAULT, C.FAILED, 3, 0),  # the third retry is the fourth attempt
        (DEFAULT, C.FAILED, 4, None),
        (DEFAULT, C.FAILED, 400, None),
        (DEFAULT, C.BUSY, 1, None),
        (DEFAULT, C.COMPLETED, 1, None),
        (DEFAULT, C.OPTED_OUT, 1, None),
        (DEFAULT, C.CANCELLED, 1, None),
        (PATIENT, C.BUSY, 1, 300),
        (PATIENT, C.BUSY, 2, 300),
        (PATIENT, C.BUSY, 3, None),
        (PATIENT, C.NO_ANSWER, 1, 0.5),
        (PATIENT, C.FAILED, 2, 0),
        (NEVER, C.FAILED, 1, None),
        (NOTHING, C.FAILED, 1, None),
    ],
)
def test_an_ending_is_tried_again_as_the_policy_says(
    policy: RetryPolicy, ending: CallStatus, attempts: int, after_s: float | None
) -> None:
    expected = None if after_s is None else NOW + timedelta(seconds=after_s)
    assert policy.due_at(ending, attempts=attempts, now=NOW) == expected
