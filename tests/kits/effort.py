"""How much is tried, and the count of it: BLAST_FUZZ=n is n times the ordinary run, with other cases each time."""

from __future__ import annotations

import os
from collections import Counter

import hypothesis

TIMES = int(os.environ.get("BLAST_FUZZ", "1"))
tried: Counter[str] = Counter()


def examples(count: int, *, steps: int = 50) -> hypothesis.settings:
    """Settings for so many examples in an ordinary run, which tries the same ones each time."""
    return hypothesis.settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        phases=set(hypothesis.Phase) - {hypothesis.Phase.explain},
        suppress_health_check=list(hypothesis.HealthCheck),
        stateful_step_count=steps,
    )
