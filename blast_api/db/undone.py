"""Transactions that the database undid so that another one could go on: nothing of them has happened, and they may be run again.

Rows are locked in one order (docs/explanation/architecture.md), so this is rare; but no order covers what a foreign key or an index locks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

_DEADLOCK, _NOT_SERIALIZABLE = "40P01", "40001"
_TIMES = 3

P = ParamSpec("P")
R = TypeVar("R")


def again_if_undone(transaction: Callable[P, R]) -> Callable[P, R]:
    """Decorate what is one transaction: if the database undoes it, it is run again, three times in all.

    Within a transaction of its caller's it is run once: the outermost one is what is undone.
    """

    @wraps(transaction)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(_TIMES - 1):
            try:
                return transaction(*args, **kwargs)
            except OperationalError as error:
                undone = getattr(error.__cause__, "sqlstate", None) in (_DEADLOCK, _NOT_SERIALIZABLE)
                if not undone or connection.in_atomic_block:
                    raise
        return transaction(*args, **kwargs)

    return run
