"""What one process concludes from its own answers: one that is bad costs nobody, most of them do."""

from __future__ import annotations

import pytest

from blast_api.dispatch.reach import Reach, Recent


@pytest.mark.parametrize(
    ("answers", "most"),
    [
        ("x", [True]),
        (".x", [False, False]),
        (".xx", [False, False, True]),
        (".xxx", [False, False, True, True]),  # counted anew from there
        ("." * 20 + "x.x.x.x.x.x", [False] * 31),
        ("." * 20 + "x" * 11, [False] * 30 + [True]),
    ],
)
def test_most_of_the_last_answers_must_be_bad(answers: str, most: list[bool]) -> None:
    recent = Recent(20)
    assert [recent.add(bad=answer == "x") for answer in answers] == most


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def reach(clock: _Clock) -> Reach:
    return Reach(clock)


def test_a_host_that_reaches_the_carrier_has_all_the_room(reach: Reach) -> None:
    reach.add(reached=True)
    assert (reach.room(400, out=30), reach.unreachable_for_s) == (370, None)


def test_a_host_that_does_not_pauses_and_then_tries_one_at_a_time_ever_more_seldom(reach: Reach, clock: _Clock) -> None:
    assert reach.add(reached=False)
    waits = []
    for _ in range(7):
        begun = clock.now
        while reach.room(400, out=0) == 0:
            clock.now += 0.5
        waits.append(clock.now - begun)
        assert (reach.room(400, out=0), reach.room(400, out=1)) == (1, 0)
        assert reach.add(reached=False)
        assert not reach.add(reached=False)  # another of the same moment
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert reach.unreachable_for_s == clock.now - 1000
    reach.add(reached=True)
    assert reach.room(400, out=0) == 400


def test_one_that_does_not_get_through_among_many_pauses_nothing(reach: Reach) -> None:
    for _ in range(5):
        reach.add(reached=True)
    assert not reach.add(reached=False)
    assert reach.room(400, out=0) == 400
