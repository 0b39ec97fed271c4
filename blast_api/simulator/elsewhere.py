"""Sounds that the carrier does not keep itself: fetched once for each address, and read."""

from __future__ import annotations

import threading
from http import HTTPStatus

from .audio import Sound, read_sound
from .line import Line, LineFault, Style
from .steps import StudioFault


class Elsewhere:
    """The web, as far as the carrier reaches it; safe to use from any thread.

    It reaches what begins with one of the prefixes that `reach` was told, and takes any other sound for one of
    `assumed_s` seconds: prompts then need no server, and whatever listens on the machine of a test changes nothing in it.
    """

    def __init__(self, line: Line, *, assumed_s: float) -> None:
        self._line = line
        self._assumed_s = assumed_s
        self._lock = threading.Lock()
        self._prefixes: set[str] = set()
        self._sounds: dict[str, Sound] = {}

    def reach(self, prefix: str) -> None:
        """Fetch from now on what begins with this prefix."""
        with self._lock:
            self._prefixes.add(prefix)

    def reset(self) -> None:
        """Reach nothing, and forget what was fetched."""
        with self._lock:
            self._prefixes.clear()
            self._sounds.clear()

    def seconds_of(self, url: str) -> float:
        """Return the length of the sound at a URL in seconds; raises StudioFault when there is none."""
        with self._lock:
            if not url.startswith(tuple(self._prefixes)):
                return self._assumed_s
            sound = self._sounds.get(url)
        if sound is None:
            sound = self._fetched(url)
            with self._lock:
                self._sounds[url] = sound
        return sound.seconds

    def _fetched(self, url: str) -> Sound:
        try:
            reply = self._line.ask(url=url, method="GET", parameters={}, style=Style.DOCUMENTED)
        except LineFault as fault:
            raise StudioFault(f"a sound is to be played that cannot be fetched: {url}: {fault}") from fault
        if reply.status != HTTPStatus.OK:
            raise StudioFault(
                f"a sound is to be played that cannot be fetched: {url}: answered {reply.status}, not 200"
            )
        sound = read_sound(reply.body)
        if sound is None:
            raise StudioFault(f"what is to be played is no sound: {url}")
        return sound
