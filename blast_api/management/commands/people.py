"""`manage.py people`: who may use the pages, in which role, and for which applications."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from blast_api.domain.roles import Role
from blast_api.management.operating import OperatorCommand
from blast_api.models import Person
from blast_api.services import people


class Command(OperatorCommand):
    help = "Adds, lists, enables and disables the people who may use the pages, and gives them passwords."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|password|disable|enable")
        add = actions.add_parser(
            "add",
            help="add a person and print the password, once",
            description="Adds a person, and prints a password made for them to standard output, this once: only a hash is "
            "stored. With --ask it is asked for, or read from standard input.",
        )
        add.add_argument("name", metavar="NAME", help="1 to 100 printable characters; nobody else's")
        add.add_argument(
            "--role",
            required=True,
            choices=Role.values,
            help="a viewer looks; a sender also sends, pauses and cancels; an operator sees every application",
        )
        add.add_argument(
            "--application",
            action="append",
            default=[],
            metavar="NAME",
            help="that they see; again for each of several",
        )
        add.add_argument("--ask", action="store_true", help="ask for the password instead of making one")
        password = actions.add_parser(
            "password",
            help="give a person another password",
            description="Makes another password for a person and prints it, this once; whoever is signed in under the name is out.",
        )
        password.add_argument("name", metavar="NAME")
        password.add_argument("--ask", action="store_true", help="ask for the password instead of making one")
        for action, words in (("disable", "let a person in no more"), ("enable", "let a disabled person in again")):
            actions.add_parser(action, help=f"{words}, from the next request on").add_argument("name", metavar="NAME")
        lists = actions.add_parser("list", help="list the people")
        lists.add_argument("--json", action="store_true", dest="as_json", help="as a JSON array")

    def handle(self, *args: object, action: str, name: str = "", **options: Any) -> None:
        if action == "list":
            self._list(as_json=options["as_json"])
        elif action in ("add", "password"):
            given = self._asked() if options["ask"] else ""
            if action == "add":
                made = people.add(name, options["role"], options["application"], password=given)
            else:
                made = people.renew(name, password=given)
            if not given:
                self.stderr.write(f'The password of "{name}", which cannot be shown again:', self.style.NOTICE)
                self.stdout.write(made)
        else:
            enabled = action == "enable"
            changed = people.enable(name, enabled=enabled)
            self.stdout.write(f'"{name}" {"is" if changed else "was already"} {action}d.')

    def _asked(self) -> str:
        given = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        if not given:
            raise CommandError("There is no password on standard input.")
        return given

    def _list(self, *, as_json: bool) -> None:
        rows: list[dict[str, Any]] = [
            {
                "name": person.name,
                "role": person.role,
                "applications": sorted(application.name for application in person.applications.all()),
                "state": "enabled" if person.is_active else "disabled",
                "last_login": person.last_login,
            }
            for person in Person.objects.order_by("name").prefetch_related("applications")
        ]
        if as_json:
            self.tell_json(rows)
            return
        columns = ("name", "role", "applications", "state", "last sign-in")
        self.tell_rows(
            columns,
            [
                (row["name"], row["role"], ", ".join(row["applications"]), row["state"], row["last_login"])
                for row in rows
            ],
        )
