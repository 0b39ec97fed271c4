"""Who asks a service that is away: nobody but one, every so often; who is alone in trouble stops nobody."""

from __future__ import annotations

from blast_api.domain.breaker import Breaker

AGAIN_S = 1.0


class Fake:
    """A clock that a test moves, and the breaker that goes by it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.breaker = Breaker(again_s=AGAIN_S, clock=lambda: self.now)

    def begin(self) -> float | None:
        return self.breaker.begin()

    def fail(self, *, after_s: float = 5.0) -> None:
        begun = self.begin()
        assert begun is not None
        self.now += after_s
        self.breaker.gave_up(begun)


def test_while_it_answers_everybody_asks() -> None:
    fake = Fake()
    for _ in range(10):
        assert fake.begin() == fake.now
        fake.breaker.answered()
    assert not fake.breaker.is_open


def test_after_one_has_waited_in_vain_nobody_asks_for_a_while() -> None:
    fake = Fake()
    fake.fail()
    assert fake.breaker.is_open
    fake.now += AGAIN_S - 0.01
    assert [fake.begin() for _ in range(100)] == [None] * 100


def test_then_one_tries_and_the_others_do_not_wait_for_it() -> None:
    fake = Fake()
    fake.fail()
    fake.now += AGAIN_S
    assert [fake.begin() for _ in range(3)] == [fake.now, None, None]
    fake.now += 60.0  # it hangs: one is enough
    assert fake.begin() is None


def test_one_that_tries_in_vain_is_followed_by_another_after_the_same_while() -> None:
    fake = Fake()
    fake.fail()
    for _ in range(5):
        fake.now += AGAIN_S
        fake.fail(after_s=0.1)
        assert fake.begin() is None
    assert fake.breaker.is_open


def test_one_that_is_answered_opens_it_for_all() -> None:
    fake = Fake()
    fake.fail()
    fake.now += AGAIN_S
    assert fake.begin() is not None
    fake.breaker.answered()
    assert not fake.breaker.is_open
    assert [fake.begin() for _ in range(3)] == [fake.now] * 3


def test_who_waits_in_vain_while_others_are_answered_is_alone() -> None:
    fake = Fake()
    begun = fake.begin()
    assert begun is not None
    fake.now += 3.0
    fake.breaker.answered()
    fake.now += 2.0
    fake.breaker.gave_up(begun)
    assert not fake.breaker.is_open


def test_those_who_began_together_and_wait_in_vain_do_not_put_the_next_try_off_for_ever() -> None:
    fake = Fake()
    begun = [fake.begin() for _ in range(20)]
    fake.now += 5.0
    for moment in begun:
        assert moment is not None
        fake.breaker.gave_up(moment)
    fake.now += AGAIN_S
    assert fake.begin() is not None


def test_one_who_is_late_to_give_up_does_not_shut_what_has_answered_since() -> None:
    fake = Fake()
    late = fake.begin()
    assert late is not None
    fake.now += 5.0
    fake.breaker.gave_up(late)
    fake.now += AGAIN_S
    assert fake.begin() is not None
    fake.breaker.answered()
    fake.now += 1.0
    fake.breaker.gave_up(late)
    assert not fake.breaker.is_open
