from __future__ import annotations

import os
from pathlib import Path

import pytest

from blast_api.db import locks


def test_a_lock_has_one_holder_until_it_is_closed(tmp_path: Path) -> None:
    mine = locks.acquire(tmp_path / "lock")
    assert mine is not None
    assert locks.acquire(tmp_path / "lock") is None
    os.close(mine)
    next_ones = locks.acquire(tmp_path / "lock")
    assert next_ones is not None
    os.close(next_ones)


def test_a_refused_lock_leaves_no_file_open(tmp_path: Path) -> None:
    mine = locks.acquire(tmp_path / "lock")
    assert mine is not None
    before = len(os.listdir("/proc/self/fd"))
    assert locks.acquire(tmp_path / "lock") is None
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(mine)


def test_a_lock_that_is_not_to_be_made_is_not(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.acquire(tmp_path / "lock", make=False)
    assert not os.listdir(tmp_path)
