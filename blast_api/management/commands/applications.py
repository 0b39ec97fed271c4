"""`manage.py applications`: who may use the API."""

from __future__ import annotations

import json
from typing import TextIO, cast

from django.core.management.base import CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blast_api.management.operating import OperatorCommand
from blast_api.models import Application
from blast_api.services import applications


class Command(OperatorCommand):
    help = "Makes, lists and revokes the applications that may use the API. Each has a name and one token."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="make|list|revoke")
        make = actions.add_parser(
            "make",
            help="make an application and print its token, once",
            description=(
                "Makes an application and prints its token to standard output, this once: only a digest is stored. "
                "A revoked application comes back with a new token, to its own shouts and lists."
            ),
        )
        make.add_argument("name", metavar="NAME", help="1 to 100 printable characters; in use by no other")
        lists = actions.add_parser(
            "list",
            help="list the applications",
            description="Lists all applications: a table on a terminal, else lines of name, state and time of making, "
            "with tabs between.",
        )
        lists.add_argument("--json", action="store_true", dest="as_json", help="as a JSON array")
        revoke = actions.add_parser(
            "revoke",
            help="refuse an application's token from now on",
            description=(
                "Refuses an application's token from now on. Shouts that it has made go on; have it cancel them first "
                "if they should not."
            ),
        )
        revoke.add_argument("name", metavar="NAME")

    def handle(self, *args: object, action: str, name: str = "", as_json: bool = False, **options: object) -> None:
        if action == "make":
            self._make(name)
        elif action == "revoke":
            self._revoke(name)
        else:
            self._list(as_json=as_json)

    def _make(self, name: str) -> None:
        token = applications.make(name)
        self.stderr.write(f'The token of "{name}", which cannot be shown again:', self.style.NOTICE)
        self.stdout.write(token)

    def _revoke(self, name: str) -> None:
        changed = applications.revoke(name, now=timezone.now())
        self.stdout.write(f'"{name}" is revoked.' if changed else f'"{name}" was revoked before.')

    def _list(self, *, as_json: bool) -> None:
        found = list(Application.objects.order_by("name"))
        if as_json:
            self.stdout.write(json.dumps([_fields(one) for one in found], indent=2))
        elif self.stdout.isatty():
            table = Table("name", "state", "made", "revoked")
            for one in found:
                table.add_row(*(Text(value or "") for value in _fields(one).values()))
            Console(file=cast(TextIO, self.stdout)).print(table)
        else:
            for one in found:
                self.stdout.write(f"{one.name}\t{_state(one)}\t{one.created.isoformat(timespec='seconds')}")


def _fields(application: Application) -> dict[str, str | None]:
    revoked = application.revoked
    return {
        "name": application.name,
        "state": _state(application),
        "made": application.created.isoformat(timespec="seconds"),
        "revoked": revoked.isoformat(timespec="seconds") if revoked else None,
    }


def _state(application: Application) -> str:
    if application.revoked:
        return "revoked"
    return "active" if application.token_digest else "without token"
