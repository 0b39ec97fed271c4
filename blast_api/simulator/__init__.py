"""The carrier's double: a telephone carrier on loopback, for developing, demonstrating and testing without an account.

It imports nothing of the service. It speaks the carrier's REST contract, fetches call documents over HTTP, reads them
with its own strict eyes, plays them to scripted people and reports how each call ended.
"""

from __future__ import annotations

from .carrier import Arrival, Carrier
from .clock import RealClock, VirtualClock
from .people import Detected, Leaves, Person, Phone, Press, Role, describe
from .server import run, serve

__all__ = [
    "Arrival",
    "Carrier",
    "Detected",
    "Leaves",
    "Person",
    "Phone",
    "Press",
    "RealClock",
    "Role",
    "VirtualClock",
    "describe",
    "run",
    "serve",
]
