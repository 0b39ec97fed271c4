"""The answer of a preflight: counts first, then each recipient as it is sent, then the estimate."""

from __future__ import annotations

from collections.abc import Iterator

from blast_api.domain.rules.estimate import CERTAINTY
from blast_api.domain.times import written
from blast_api.models import Application
from blast_api.services.preflight import Preflight

from .lists import Listed, pieces, render, sent


def answer(
    application: Application, foretold: Preflight, *, each: bool, listed: dict[str, object] | None = None
) -> Listed:
    """The whole of it, or without `each` recipient; and how the list was read of which they are."""
    counts, estimate = foretold.prospects.counts, _estimate(foretold)
    first: dict[str, object] = {"counts": counts, **({"list": listed} if listed else {})}
    if not each:
        return sent(application, iter([render({**first, "estimate": estimate})]), {})
    before = render(first)[:-1] + b',"recipients":'
    after = b',"estimate":' + render(estimate) + b"}"
    return sent(application, pieces(_recipients(foretold), before=before, after=after), {})


def _recipients(foretold: Preflight) -> Iterator[dict[str, object]]:
    for position, (recipient, prospect) in enumerate(zip(foretold.recipients, foretold.prospects, strict=True)):
        yield {
            "position": position,
            "number": recipient.number,
            "verdict": prospect.verdict.value,
            "reason": prospect.reason,
            "at": prospect.at and written(prospect.at),
        }


def _estimate(foretold: Preflight) -> dict[str, object]:
    times = foretold.times
    return {
        "first_call": times and written(times.first_call),
        "last_call": times and written(times.last_call),
        "finish": times and written(times.finish),
        "assumes": foretold.assumes,
        "certainty": CERTAINTY,
    }
