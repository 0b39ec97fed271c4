"""Whether this service can do its work: what a probe or a monitor asks. Nothing that is told here is secret.

What the carrier said is in the log and in the gate's row; here it is one of our own words.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max

from blast_api.carrierx.storage import key_in_use
from blast_api.conf import configuration
from blast_api.db import sessions
from blast_api.db.clock import AWAY, database_now
from blast_api.domain.breaker import is_shut
from blast_api.domain.quotas import NEARLY_FULL, Room
from blast_api.models import Container, CronHost, Gate

# A database that hangs is away for whoever asks: probes wait for some seconds.
_PATIENCE_S = 2.0
_HERE = socket.gethostname()[:64]
# A network that is down for a moment, or a carrier: longer than that is for somebody to see to.
_PASSES_WITHIN = timedelta(minutes=5)
_HOST_IS_GONE = timedelta(days=1)
# What the carrier has not told for so long, nobody knows: the container may have been filled since.
_UNWATCHED_AFTER = timedelta(hours=1)


class State(StrEnum):
    """How it stands between the carrier and us."""

    OK = "ok"
    ON_TRIAL = "on trial"  # one call at a time, until one is taken
    SHUT = "shut"  # nothing is placed until its time
    UNREACHABLE = "unreachable"  # from this host, which places nothing; others do


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the gate says: `cause` is one of its words or empty, `since` the first trouble in a row."""

    state: State
    cause: str = ""
    since: datetime | None = None
    until: datetime | None = None
    is_lasting: bool = False  # out of reach for so long that it will not pass by itself

    @property
    def denies_us(self) -> bool:
        """Whether somebody must do something; any other trouble passes."""
        return self.cause == Gate.Cause.DENIED

    @property
    def needs_somebody(self) -> bool:
        """Whether this host will place nothing until somebody does something."""
        return self.denies_us or self.is_lasting


class CronState(StrEnum):
    """Whether the cron jobs run, without which nothing is placed."""

    OK = "ok"
    LATE = "late"  # they did, and do not any more
    AWAITED = "awaited"  # they have not run yet, but the database was migrated only now
    NEVER = "never ran"


@dataclass(frozen=True, slots=True)
class Cron:
    """What the hosts say that run them: the latest run of any of them."""

    state: CronState
    last_run: datetime | None = None

    @property
    def is_silent(self) -> bool:
        return self.state in (CronState.LATE, CronState.NEVER)


class StorageState(StrEnum):
    """Whether there is room for recordings."""

    OK = "ok"
    SHORT = "short"  # below the part of a quota at which it is raised
    NEARLY_FULL = "nearly full"  # it should have been raised long ago: soon no author can record
    AWAITED = "awaited"  # no container is known yet
    REFUSED = "refused"  # the carrier gives us none, or does not tell of it: nobody watches what is full
    UNWATCHED = "unwatched"  # it has not told for too long, for whatever reason


@dataclass(frozen=True, slots=True)
class Storage:
    """What the carrier told last of the container that recordings go to; None until it did."""

    state: StorageState
    room: Room | None = None
    checked: datetime | None = None

    @property
    def needs_somebody(self) -> bool:
        """Whether somebody must do something before recordings fail."""
        return self.state in (StorageState.NEARLY_FULL, StorageState.REFUSED, StorageState.UNWATCHED)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found; None is what could not be found out."""

    database: bool
    migrated: bool | None = None
    cron: Cron | None = None
    carrier: Carrier | None = None
    storage: Storage | None = None

    @property
    def is_ready(self) -> bool:
        if self.carrier is None or self.cron is None or self.storage is None:
            return False
        return not (self.carrier.needs_somebody or self.cron.is_silent or self.storage.needs_somebody)


def readiness() -> Readiness:
    """Ask everything that our work depends on, as far as that can be done cheaply: a few short queries."""
    try:
        with sessions.patience(_PATIENCE_S):
            return _readiness()
    except AWAY:
        return Readiness(database=False)


def _readiness() -> Readiness:
    if not _is_migrated():
        return Readiness(database=True, migrated=False)
    now = database_now()
    hosts = cron_hosts()
    cron, gate = _cron(hosts, now), carrier(hosts, now)
    return Readiness(database=True, migrated=True, cron=cron, carrier=gate, storage=storage(now))


def missing_migrations() -> list[str]:
    """The migrations of this code that the database does not have; those that only later code has do no harm."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


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
    if missing_migrations():
        raise _Unmigrated


def cron_ran(host: str, *, now: datetime, unreachable_since: datetime | None = None) -> None:
    """The cron jobs of this host have done what was due; a host that has been silent for long is no host of ours."""
    here = [CronHost(name=host, last_run=now, unreachable_since=unreachable_since)]
    columns = ["last_run", "unreachable_since"]
    CronHost.objects.bulk_create(here, update_conflicts=True, unique_fields=["name"], update_fields=columns)
    CronHost.objects.filter(last_run__lt=now - _HOST_IS_GONE).delete()


def cron_hosts() -> list[CronHost]:
    """The hosts that the cron jobs run on, or did within a day."""
    return list(CronHost.objects.order_by("name"))


def _cron(hosts: Iterable[CronHost], now: datetime) -> Cron:
    silent = now - timedelta(seconds=configuration().cron_timeout)
    last_run = max((host.last_run for host in hosts), default=None)
    if last_run is not None:
        return Cron(CronState.OK if last_run >= silent else CronState.LATE, last_run)
    migrated = MigrationRecorder.Migration.objects.aggregate(last=Max("applied"))["last"]
    return Cron(CronState.AWAITED if migrated is not None and migrated >= silent else CronState.NEVER)


def carrier(hosts: Iterable[CronHost], now: datetime) -> Carrier:
    """How it stands between the carrier and us, as the gate says, and as the dispatcher of this host does."""
    gate = Gate.objects.filter(pk=Gate.Lane.CALLS).first()
    if gate is not None and is_shut(gate.shut_until, now):
        return Carrier(State.SHUT, gate.cause, gate.since, gate.shut_until)
    for host in hosts:
        if host.name == _HERE and host.unreachable_since is not None:
            is_lasting = host.unreachable_since < now - _PASSES_WITHIN
            return Carrier(State.UNREACHABLE, since=host.unreachable_since, is_lasting=is_lasting)
    return Carrier(State.ON_TRIAL, gate.cause, gate.since) if gate and gate.troubles else Carrier(State.OK)


def storage(now: datetime) -> Storage:
    """How it stands with the room for recordings."""
    container = Container.objects.filter(pk=key_in_use(configuration())).first()
    if container is None:
        return Storage(StorageState.AWAITED)
    room = container.room if container.sid and container.checked else None
    return Storage(_storage_state(container, room, now), room, container.checked)


def _storage_state(container: Container, room: Room | None, now: datetime) -> StorageState:
    if container.refused:
        return StorageState.REFUSED
    if container.since is not None and container.since < now - _UNWATCHED_AFTER:
        return StorageState.UNWATCHED
    if room is None:
        return StorageState.AWAITED
    if room.free < NEARLY_FULL:
        return StorageState.NEARLY_FULL
    return StorageState.SHORT if room.is_short else StorageState.OK
