"""Fair shares: what one does not need is for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def divide(room: int, takers: Iterable[Callable[[int], list[T]]]) -> list[T]:
    """Let each take an equal share of the room, in this order; who took a whole share may take more while there is room.

    A taker answers with as many as it could take, at most as many as it was offered.
    """
    taken: list[T] = []
    turn = list(takers)
    while turn and len(taken) < room:
        share, odd = divmod(room - len(taken), len(turn))
        hungry: list[Callable[[int], list[T]]] = []
        for place, take in enumerate(turn):
            offered = share + (place < odd)
            if offered == 0:  # they are first, if others have left something of their share
                hungry = turn[place:] + hungry
                break
            got = take(offered)
            taken += got
            if len(got) == offered:
                hungry.append(take)
        turn = hungry
    return taken
