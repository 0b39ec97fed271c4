"""What a preflight of a large list takes: seconds, and memory of the web server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests

from .report import Row, Verdict
from .service import Databases, peak_mib, scene

_GOAL_S = 10.0
# MiB more than at rest, of which the body that was read takes about half.
_GOAL_MIB = 100.0
# One area code in each of twelve zones.
_AREAS = (212, 312, 303, 602, 213, 907, 808, 787, 506, 709, 204, 306)
_RULES = {
    "CALLING_WINDOW": '{"from": "09:00", "to": "20:30"}',
    "FREQUENCY_CAP": '{"calls": 3, "days": 30, "scope": "application"}',
}


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """Every rule is in force, and each number has been called before."""
    many = 10_000 if quick else 100_000
    for kind in databases.kinds:
        with scene(databases, kind, **_RULES) as service:
            service.carrier(0.08)
            numbers = [number(index) for index in range(many)]
            body: dict[str, object] = {"caller": "15555552090", "userdata": "bench", "recipients": numbers}
            port, _ = service.web(processes=1, threads=1)
            requests.post(f"http://127.0.0.1:{port}/api/v1/shouts", json=body, timeout=120).raise_for_status()
            port, (worker,) = service.web(processes=1, threads=1)  # another one: peaks are of a process's whole life
            url = f"http://127.0.0.1:{port}/api/v1/shouts;preflight"
            for size in (100, many):
                yield _preflight(kind, url, body | {"recipients": numbers[:size]}, worker)


def number(index: int) -> str:
    """A valid number, in another of the zones for each index below twelve."""
    return f"1{_AREAS[index % len(_AREAS)]}{220 + index // 10_000:03d}{index % 10_000:04d}"


def _preflight(kind: str, url: str, body: dict[str, object], worker: int) -> Row:
    recipients = body["recipients"]
    assert isinstance(recipients, list)
    at_rest, begun = peak_mib(worker), time.monotonic()
    answer = requests.post(url, json=body, timeout=120)
    answer.raise_for_status()
    whole_s, grown_mib = time.monotonic() - begun, peak_mib(worker) - at_rest
    counts = answer.json()["counts"]
    assert sum(counts.values()) == len(recipients)
    return Row(
        "preflight",
        f"POST /shouts;preflight of {len(recipients):,} recipients in {len(_AREAS)} zones, {kind}",
        f"within {_GOAL_S:g} s, {_GOAL_MIB:g} MiB more",
        f"{whole_s:.1f} s, {len(answer.content) / 2**20:.1f} MiB sent, {at_rest:.0f} + {grown_mib:.0f} MiB",
        Verdict.of(whole_s <= _GOAL_S and grown_mib <= _GOAL_MIB),
        figures={"seconds": round(whole_s, 2), "grown_mib": round(grown_mib, 1)},
    )
