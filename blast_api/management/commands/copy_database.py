"""`manage.py copy_database`: move to another database, as from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import load_backend

from blast_api.domain.database_url import database_of
from blast_api.management.operating import USAGE, OperatorCommand
from blast_api.operations import transfer

_SOURCE = "copied"


class Command(OperatorCommand):
    help = (
        "Copies every row of another database into the one that this service is configured for, which must be migrated and "
        "empty. Keys, moments and the next ids are kept; both are compared, and then it is committed: all or nothing. "
        "Stop runcrons and the web server first, and start them on the new database afterwards: what is written to the old "
        "one later is not copied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from",
            required=True,
            dest="url",
            metavar="URL",
            help="sqlite:////path/db.sqlite3 or postgres://user@host/name, whose password is in ~/.pgpass or PGPASSFILE",
        )

    def handle(self, *args: object, url: str, as_json: bool, **options: object) -> None:
        with connected(url):
            copied = list(transfer.copy(_SOURCE))
        if as_json:
            self.tell_json([asdict(table) for table in copied])
        else:
            self.tell_rows(
                ("table", "rows", "checksum"), [(table.name, table.rows, table.checksum) for table in copied]
            )


@contextmanager
def connected(url: str) -> Iterator[None]:
    """The other database as a connection of this process, for as long as the block lasts."""
    described = _described(url)
    whole = connections.configure_settings({DEFAULT_DB_ALIAS: {}, _SOURCE: described})[_SOURCE]
    connections[_SOURCE] = load_backend(whole["ENGINE"]).DatabaseWrapper(whole, _SOURCE)
    try:
        if _is_the_same():
            raise CommandError("--from names the database that this service is configured for.", returncode=USAGE)
        yield
    finally:
        connections[_SOURCE].close()
        del connections[_SOURCE]


def _described(url: str) -> dict[str, Any]:
    if not url.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise CommandError("--from takes sqlite:////path/db.sqlite3 or postgres://user@host/name.", returncode=USAGE)
    try:
        described = database_of(url)
    except ValueError as error:
        raise CommandError(f"--from {error}.", returncode=USAGE) from error
    if described.get("PASSWORD") or "password" in described.get("OPTIONS", {}):
        raise CommandError(
            "--from has a password in it, which everybody on this host can read there: put it into ~/.pgpass, or into the file "
            "that PGPASSFILE names.",
            returncode=USAGE,
        )
    if url.startswith("sqlite"):
        if not Path(str(described["NAME"])).is_file():
            raise CommandError(f"There is no file {described['NAME']}.")
        # Whoever wants to write waits until the copy is made.
        described["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    else:
        described["OPTIONS"] = described.get("OPTIONS", {}) | {"connect_timeout": 5}
    return described


def _is_the_same() -> bool:
    one, other = (connections[alias].settings_dict for alias in (DEFAULT_DB_ALIAS, _SOURCE))
    same = ("ENGINE", "HOST", "PORT")
    if "sqlite3" in str(one["ENGINE"]) and "sqlite3" in str(other["ENGINE"]):
        return Path(str(one["NAME"])).resolve() == Path(str(other["NAME"])).resolve()
    return all(str(one[key]) == str(other[key]) for key in (*same, "NAME"))
