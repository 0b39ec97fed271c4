"""How full a container is, by whatever the carrier tells, and what is asked for when it is short."""

from __future__ import annotations

import pytest

from blast_api.carrierx.storage import room
from blast_api.domain.quotas import LEAST_BYTES, LEAST_FILES, NEARLY_FULL, SHORT, Quota, Room

TOLD: dict[str, object] = {"quota_files": 100, "total_files": 40, "quota_bytes": 1000, "total_bytes": 100}


@pytest.mark.parametrize(
    ("total", "limit", "free", "is_short"),
    [
        (0, 100, 1.0, False),
        (80, 100, 0.2, False),
        (81, 100, 0.19, True),
        (100, 100, 0.0, True),
        (150, 100, 0.0, True),
        (0, 0, 0.0, True),
        (10**9, None, 1.0, False),
    ],
)
def test_a_quota_is_short_when_less_than_a_fifth_is_left(
    total: int, limit: int | None, free: float, is_short: bool
) -> None:
    quota = Quota(total, limit)
    assert quota.free == pytest.approx(free)
    assert quota.is_short == is_short


@pytest.mark.parametrize(
    ("total", "limit"), [(0, 0), (99, 100), (1, 1), (999, 1000), (5000, 1000), (LEAST_FILES, LEAST_FILES)]
)
def test_what_is_asked_for_is_more_than_before_and_half_empty(total: int, limit: int) -> None:
    raised = Quota(total, limit).raised(LEAST_FILES)
    assert raised > limit
    assert Quota(total, raised).free >= 0.5


def test_only_what_is_short_is_raised() -> None:
    ample, short = Quota(1, 10**12), Quota(10**12, 10**12)
    assert Room(ample, ample).wanted() == {}
    assert Room(short, ample).wanted() == {"quota_files": 2 * 10**12}
    assert Room(ample, Quota(100, 100)).wanted() == {"quota_bytes": LEAST_BYTES}
    assert Room(short, ample).free == 0


def test_there_is_time_between_the_raise_and_the_alarm() -> None:
    assert SHORT > NEARLY_FULL > 0


def test_what_the_carrier_tells_is_read() -> None:
    assert room(TOLD) == Room(Quota(40, 100), Quota(100, 1000))
    assert room(TOLD | {"quota_files": None}) == Room(Quota(40, None), Quota(100, 1000))


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("value", ["7", -1, True, 1.5, 10**30, [], {}])
def test_what_is_no_count_tells_nothing(name: str, value: object) -> None:
    assert room(TOLD | {name: value}) is None


@pytest.mark.parametrize("name", ["total_files", "total_bytes"])
def test_without_totals_nothing_is_told(name: str) -> None:
    assert room({key: value for key, value in TOLD.items() if key != name}) is None
