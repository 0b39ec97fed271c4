"""Whether this service can do its work: what a probe or a monitor asks. Nothing that is told here is secret.

What the carrier said is in the log and in the gate's row; here it is one of our own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from .models import Gate, database_now


class State(StrEnum):
    """How it stands between the carrier and us."""

    OK = "ok"
    ON_TRIAL = "on trial"  # one call at a time, until one is taken
    SHUT = "shut"  # nothing is placed until its time


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the gate says: `cause` is one of its words or empty, `since` the first trouble in a row."""

    state: State
    cause: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def denies_us(self) -> bool:
        """Whether somebody must do something; any other trouble passes."""
        return self.cause == Gate.Cause.DENIED


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found; None is what could not be found out."""

    database: bool
    migrated: bool | None = None
    carrier: Carrier | None = None

    @property
    def is_ready(self) -> bool:
        return self.carrier is not None and not self.carrier.denies_us


def readiness() -> Readiness:
    """Ask everything that our work depends on, as far as that can be done cheaply: two queries."""
    try:
        if not _is_migrated():
            return Readiness(database=True, migrated=False)
        return Readiness(database=True, migrated=True, carrier=_carrier())
    except (OperationalError, InterfaceError):
        return Readiness(database=False)


class _Unmigrated(Exception):
    """Kept out of the cache."""


def _is_migrated() -> bool:
    try:
        _see_all_migrations_applied()
    except _Unmigrated:
        return False
    return True


@cache
def _see_all_migrations_applied() -> None:
    """Once true, it is true for as long as this process runs this code."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise _Unmigrated


def _carrier() -> Carrier:
    gate = Gate.objects.filter(pk=Gate.Lane.CALLS).first()
    if gate is None:
        return Carrier(State.OK)
    if gate.is_shut(database_now()):
        return Carrier(State.SHUT, gate.cause, gate.since, gate.shut_until)
    return Carrier(State.ON_TRIAL, gate.cause, gate.since) if gate.troubles else Carrier(State.OK)
