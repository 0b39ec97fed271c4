"""The telephone directory: who lives behind each number, and which numbers are the application's own."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

from .people import Person, Phone, person_at


class Directory:
    """Everybody there is, safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: dict[str, Person] = {}
        self._rings: Counter[str] = Counter()
        self._own: set[str] = set()

    def script(self, number: str, person: Person) -> None:
        """Let a person of one's own live behind a number."""
        with self._lock:
            self._people[number] = person

    def meet(self, number: str) -> Person:
        """Count a call to a number, and return who is met there this time."""
        with self._lock:
            person = self._people.get(number) or person_at(number)
            earlier = self._rings[number]
            self._rings[number] += 1
        return replace(person, phone=Phone.FAILED) if earlier < person.fails_first else person

    def add_own(self, number: str) -> None:
        """Remember that the application may show this number."""
        with self._lock:
            self._own.add(number)

    def is_own(self, number: str) -> bool:
        """Tell whether the application may show this number."""
        with self._lock:
            return number in self._own

    def reset(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._people.clear()
            self._rings.clear()
            self._own.clear()
