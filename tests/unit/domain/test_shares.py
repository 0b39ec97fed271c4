"""Equal shares, and what one does not need for the others."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.domain.shares import divide


def _takers(sizes: list[int]) -> list[_Taker]:
    return [_Taker(name, size) for name, size in enumerate(sizes)]


class _Taker:
    def __init__(self, name: int, size: int) -> None:
        self.left = [name] * size

    def __call__(self, limit: int) -> list[int]:
        taken, self.left = self.left[:limit], self.left[limit:]
        return taken


@pytest.mark.parametrize(
    ("sizes", "room", "shares"),
    [
        ([], 5, []),
        ([9], 5, [5]),
        ([9, 9], 5, [3, 2]),
        ([9, 1, 9], 9, [4, 1, 4]),
        ([0, 3], 10, [0, 3]),
        ([5, 5, 5], 2, [1, 1, 0]),
        ([0, 1], 1, [0, 1]),
        ([0, 0, 5, 5], 2, [0, 0, 1, 1]),
        ([600, 200], 500, [300, 200]),
    ],
)
def test_shares_are_equal_and_nothing_is_left_lying(sizes: list[int], room: int, shares: list[int]) -> None:
    taken = Counter(divide(room, _takers(sizes)))
    assert [taken[name] for name in range(len(sizes))] == shares


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(0, 100))
def test_nobody_gets_less_than_an_equal_share_unless_they_need_less(sizes: list[int], room: int) -> None:
    taken = Counter(divide(room, _takers(sizes)))
    assert taken.total() == min(room, sum(sizes))
    fair = room // len(sizes) if sizes else 0
    assert all(taken[name] >= min(size, fair) for name, size in enumerate(sizes))


def test_shares_of_shares_go_first_over_the_outer_ones() -> None:
    one, many = _takers([100] * 6)[:1], _takers([100] * 6)[1:]
    taken = Counter(divide(20, [lambda limit: divide(limit, one), lambda limit: divide(limit, many)]))
    assert taken[0] == 10
    assert [taken[name] for name in range(1, 6)] == [2] * 5
