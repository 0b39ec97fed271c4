"""What somebody heard on a call, in short words."""

from __future__ import annotations

from blast_api.simulator import Carrier
from blast_api.simulator.calls import Call


def heard(call: Call) -> list[str]:
    """Prompts by name, a recording as `message` (with its cache breaker if it has one), and the beep."""
    return [_short(sound.kind, sound.what) for sound in call.heard]


def _short(kind: str, what: str) -> str:
    if kind != "play":
        return kind
    if "/f/" in what:
        return "message" + what.partition("?")[1] + what.partition("?")[2]
    return what.rpartition("/")[2].removesuffix(".wav")


def calls_to(carrier: Carrier, number: str) -> list[Call]:
    return [call for call in carrier.calls if call.number == number]
