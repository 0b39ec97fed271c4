"""What hours cost: the release of a large list by zone, what is held meanwhile, and the minute at which everybody closes."""

from __future__ import annotations

from collections.abc import Iterator

from .report import Row, Verdict
from .service import Databases, scene

_GOAL_S = 10.0
_MOST_MORE = 1.5  # a claim or a sweep beside what is held: so many times one without
_LONGEST_CLAIM_S = 0.5


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """With a list of 100,000 in twelve zones."""
    many = 10_000 if quick else 100_000
    for kind in databases.kinds:
        with scene(databases, kind) as service:
            took: dict[str, float] = service.inside("hours", calls=many)
        yield Row(
            "hours",
            f"release of {many:,} calls in twelve zones, {kind}",
            f"within {_GOAL_S:g} s",
            f"{took['release_s']:.1f} s",
            Verdict.of(took["release_s"] <= _GOAL_S),
            figures={**took},
        )
        for work in ("claim", "sweep"):
            alone, held = took[f"{work}_s"], took[f"{work}_held_s"]
            yield Row(
                "hours",
                f"a {work} beside {many:,} that are held, {kind}",
                f"{_MOST_MORE:g} of one without",
                f"{held * 1000:.1f} ms, {alone * 1000:.1f} without",
                Verdict.of(held <= alone * _MOST_MORE),
                ratio=held / alone,
            )
        yield Row(
            "hours",
            f"the longest claim when {many:,} close at once, {kind}",
            f"{_LONGEST_CLAIM_S:g} s",
            f"{took['longest_claim_s'] * 1000:.0f} ms; {took['closing_s']:.1f} s until all wait",
            Verdict.of(took["longest_claim_s"] <= _LONGEST_CLAIM_S),
        )
