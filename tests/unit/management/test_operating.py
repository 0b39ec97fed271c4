"""What an operator writes for a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from blast_api.management.operating import moment

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2030-01-31", datetime(2030, 1, 30, 23, tzinfo=UTC)),
        ("20300131", datetime(2030, 1, 30, 23, tzinfo=UTC)),
        ("2030-07-31", datetime(2030, 7, 30, 22, tzinfo=UTC)),
        ("2030-01-31T12:00", datetime(2030, 1, 31, 11, tzinfo=UTC)),
        ("2030-01-31 12:00", datetime(2030, 1, 31, 11, tzinfo=UTC)),
        ("2030-01-31T12:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31 12:00:00.5-05:00", datetime(2030, 1, 31, 17, 0, 0, 500000, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_the_zones(written: str, meant: datetime) -> None:
    assert moment("--since", written, zone=BERLIN) == meant
