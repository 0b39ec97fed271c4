"""The carrier's double: a telephone carrier on loopback, for developing, demonstrating and testing without an account.

It imports nothing of the service. It speaks the carrier's REST contract, fetches call documents over HTTP, reads them
with its own strict eyes, plays them to scripted people and reports how each call ended.
"""

from __future__ import annotations

from .calls import Bridge
from .carrier import Arrival, Carrier
from .clock import RealClock, VirtualClock
from .greeting import Greeting
from .people import Detected, Leaves, Person, Phone, Press, Role, describe
from .server import run, serve
from .steps import Habits, Taped

__all__ = [
    "Arrival",
    "Bridge",
    "Carrier",
    "Detected",
    "Greeting",
    "Habits",
    "Leaves",
    "Person",
    "Phone",
    "Press",
    "RealClock",
    "Role",
    "Taped",
    "VirtualClock",
    "describe",
    "run",
    "serve",
]
