"""`manage.py applications`: who may use the API, and by which rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blast_api.domain.rules.said import Faults
from blast_api.domain.rules.typed import NONE
from blast_api.management.application_settings import SETTINGS, in_words
from blast_api.management.operating import USAGE, OperatorCommand
from blast_api.models import Application
from blast_api.services import applications


class Command(OperatorCommand):
    help = "Makes, lists and revokes the applications that may use the API, and sets their rules. Each has a name and one token."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="make|list|show|set|revoke")
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
        show = actions.add_parser(
            "show",
            help="show an application's rules, bounds and caller ids",
            description="Shows what holds for an application's shouts that say nothing else, and whether it is its own setting "
            "or the operator's.",
        )
        show.add_argument("name", metavar="NAME")
        show.add_argument("--json", action="store_true", dest="as_json", help="as a JSON object")
        changes = actions.add_parser(
            "set",
            help="set an application's rules, bounds and caller ids",
            description="Sets what is named and leaves the rest, for shouts that the application makes from now on; its bounds "
            'hold at once. The word "none" takes a setting back: the operator\'s holds again.',
        )
        changes.add_argument("name", metavar="NAME")
        for setting in SETTINGS:
            changes.add_argument(
                setting.option, dest=setting.key, metavar=setting.metavar, nargs=setting.nargs, help=setting.help
            )

    def handle(self, *args: object, action: str, name: str = "", as_json: bool = False, **options: Any) -> None:
        if action == "make":
            self._make(name)
        elif action == "revoke":
            self._revoke(name)
        elif action == "set":
            self._set(name, {setting.key: options[setting.key] for setting in SETTINGS})
        elif action == "show":
            self._show(applications.named(name), as_json=as_json)
        else:
            self._list(as_json=as_json)

    def _make(self, name: str) -> None:
        token = applications.make(name)
        self.stderr.write(f'The token of "{name}", which cannot be shown again:', self.style.NOTICE)
        self.stdout.write(token)

    def _revoke(self, name: str) -> None:
        changed = applications.revoke(name, now=timezone.now())
        self.stdout.write(f'"{name}" is revoked.' if changed else f'"{name}" was revoked before.')

    def _set(self, name: str, typed: Mapping[str, Any]) -> None:
        named = {key: words for key, words in typed.items() if words is not None}
        if not named:
            raise CommandError(
                f"Name a setting: {', '.join(setting.option for setting in SETTINGS)}.", returncode=USAGE
            )
        taken_back = {key for key, words in named.items() if words in (NONE, [NONE])}
        given = {key: words for key, words in named.items() if key not in taken_back}
        dids = given.pop("dids", None)
        read = {setting.key: setting.read(given[setting.key]) for setting in SETTINGS if setting.key in given}
        try:
            changed = applications.change(name, read, dids=dids, taken_back=taken_back)
        except Faults as faults:
            lines = (f"{_option(path)}: {words}" for path, words in faults.by_path.items())
            raise CommandError("\n".join(lines), returncode=USAGE) from None
        self._show(changed)

    def _show(self, found: Application, *, as_json: bool = False) -> None:
        settings, own = applications.settings_of(found), applications.own_settings(found)
        if as_json:
            self.tell_json({**_fields(found), **settings, "own": sorted(own)})
            return
        rows = [
            (key, in_words(key, value), "its own" if key in own else "the operator's")
            for key, value in settings.items()
        ]
        self.tell_rows(("setting", "value", "whose"), rows)

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


def _option(path: str) -> str:
    """The option in which a fault is, and where in it: `--window from`."""
    key, _, rest = path.partition(".")
    option = next((setting.option for setting in SETTINGS if setting.key == key), key)
    return f"{option} {rest}".rstrip()
