"""What must not grow: the time of a POST, the memory of the processes, the cost of a claim."""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests

from .report import Row, Verdict
from .service import Databases, peak_mib, scene

_POST_GOAL_S = 10.0
# A dispatcher may need this much more for 100,000 calls than for 1,000, a claim this many times as long.
_GROWTH_MIB, _GROWTH = 5.0, 1.5


def measure(databases: Databases, *, quick: bool, full: bool) -> Iterator[Row]:
    """A large shout over REST, the dispatcher's memory, the cost of a claim."""
    many = 10_000 if quick else 100_000
    for kind in databases.kinds:
        yield from _rest(databases, kind, many)
        yield _dispatcher(databases, kind, many)
        yield from _claims(databases, kind, many, times=20 if quick else 60)


def _rest(databases: Databases, kind: str, many: int) -> Iterator[Row]:
    with scene(databases, kind) as service:
        queries = [service.inside("queries_of_post", recipients=size) for size in (10, many)]
    with scene(databases, kind) as service:
        service.carrier(0.08)
        port, (worker,) = service.web(processes=1, threads=1)
        api = f"http://127.0.0.1:{port}/api/v1"
        at_rest = peak_mib(worker)
        numbers = [f"1301{220 + index // 10000:03d}{index % 10000:04d}" for index in range(many)]
        body = {"caller": "15555552090", "userdata": "bench", "recipients": numbers}
        begun = time.monotonic()
        answer = requests.post(f"{api}/shouts", json=body, timeout=120)
        post_s, post_mib = time.monotonic() - begun, peak_mib(worker)
        answer.raise_for_status()
        shout = answer.json()["id"]
        yield Row(
            "scale",
            f"POST /shouts with {many:,} recipients, {kind}",
            f"within {_POST_GOAL_S:g} s",
            f"{post_s:.1f} s, {queries[1]} queries ({queries[0]} for 10), {at_rest:.0f} -> {post_mib:.0f} MiB",
            Verdict.of(post_s <= _POST_GOAL_S and queries[1] <= queries[0]),
            figures={"seconds": round(post_s, 2), "queries": queries[1], "peak_mib": round(post_mib, 1)},
        )
        for what, path in (("the shout", f"/shouts/{shout}"), ("its calls", f"/calls?shout-id={shout}")):
            begun = time.monotonic()
            size = len(requests.get(api + path, timeout=120).content)
            get_s, get_mib = time.monotonic() - begun, peak_mib(worker)
            yield Row(
                "scale",
                f"GET of {what}, {many:,} recipients, {kind}",
                "",
                f"{get_s:.1f} s, {size / 2**20:.1f} MiB sent, peak {get_mib:.0f} MiB",
                Verdict.STATED,
                figures={"seconds": round(get_s, 2), "peak_mib": round(get_mib, 1)},
            )


def _dispatcher(databases: Databases, kind: str, many: int) -> Row:
    peaks = []
    for calls in (1000, many):
        with scene(databases, kind, MAX_CALLS_PER_SECOND=100) as service:
            service.carrier(0.08)
            shout = service.inside("fill", calls=calls)
            (dispatcher,) = service.dispatchers(1)
            service.inside("release", shout=shout)
            time.sleep(8.0)
            peaks.append(peak_mib(dispatcher))
    few, most = peaks
    return Row(
        "scale",
        f"dispatcher's peak memory, 1,000 and {many:,} calls, {kind}",
        "does not grow",
        f"{few:.0f} MiB and {most:.0f} MiB",
        Verdict.of(most - few <= _GROWTH_MIB),
        ratio=most / few,
        figures={"few_mib": round(few, 1), "many_mib": round(most, 1)},
    )


def _claims(databases: Databases, kind: str, many: int, times: int) -> Iterator[Row]:
    floor = None
    for waiting, past in ((1000, 0), (many, 0), (1000, 200), (many, 200)):
        with scene(databases, kind, MAX_CALLS_PER_SECOND=100) as service:
            if past:
                service.inside("past", count=past, calls=100)
            service.inside("release", shout=service.inside("fill", calls=waiting))
            cost: dict[str, float] = service.inside("claim_cost", times=times)
        floor = floor or cost
        ratio = cost["claim_least_s"] / floor["claim_least_s"]
        yield Row(
            "scale",
            f"a claim of 10 calls, {waiting:,} waiting, {past} shouts past, {kind}",
            "does not grow",
            f"median {cost['claim_median_s'] * 1000:.1f} ms, least {cost['claim_least_s'] * 1000:.1f} ms; "
            f"sweeps {cost['sweep_median_s'] * 1000:.1f} ms",
            Verdict.of(ratio <= _GROWTH),
            ratio=ratio,
            figures={name: round(value, 5) for name, value in cost.items()},
        )
