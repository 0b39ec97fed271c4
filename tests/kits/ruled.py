"""Rules as an operator has them who has written none into the sheet."""

from __future__ import annotations

from blast_api.domain.rules.delivery import Delivery
from blast_api.domain.rules.limits import PauseAt
from blast_api.domain.rules.retry import RetryPolicy
from blast_api.domain.rules.said import Machines

OPERATORS = Delivery(
    window=None,
    calling_window=None,
    until=None,
    retry=RetryPolicy({"failed": 60.0}, 3),
    machines=Machines.MESSAGE,
    calls_per_second=None,
    concurrent_calls=None,
    pause_at=PauseAt(80, 50),
)
