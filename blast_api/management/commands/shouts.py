"""`manage.py shouts`: what runs now, how fast, and until when."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TextIO, cast

from django.core.management.base import CommandError, CommandParser
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from blast_api.management.operating import USAGE, OperatorCommand, table
from blast_api.models import Application
from blast_api.operations.progress import Overview, Progress, ShoutSelection, overview

_EVERY_S = 2.0
_COLUMNS = (
    "shout",
    "application",
    "userdata",
    "status",
    "settled",
    "of",
    "completed",
    "failed",
    "a second (10 s)",
    "(60 s)",
    "expected end",
)
# What a terminal of 80 columns has room for.
_SHOWN = ("shout", "user", "status", "settled", "heard", "failed", "per s", "ends")


class Command(OperatorCommand):
    help = (
        "Tells of the shouts that have not ended, the newest first: how far they are, how many calls begin each second, "
        "and when they may be expected to end; before that, why placing waits, if it does. Changes nothing. "
        "A table on a terminal, else lines with tabs between. Exits with 1 if placing waits, else with 0."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--all", action="store_true", dest="ended", help="those that have ended too")
        parser.add_argument("--application", metavar="NAME", help="of this application only")
        parser.add_argument("--userdata", metavar="U", help="of this user only")
        parser.add_argument(
            "--limit", type=int, default=100, metavar="N", help="at most so many (default: %(default)s)"
        )
        parser.add_argument("--watch", action="store_true", help="again every two seconds, until interrupted")

    def handle(self, *args: object, as_json: bool, watch: bool, **options: Any) -> None:
        if watch and (as_json or not self.stdout.isatty()):
            raise CommandError("--watch is for a person at a terminal.", returncode=USAGE)
        which = _which(**options)
        if watch:
            self._watch(which)
            return
        found = overview(which)
        if as_json:
            self.tell_json(_payload(found))
        elif self.stdout.isatty():
            Console(file=cast(TextIO, self.stdout)).print(_shown(found))
        else:
            self.tell_rows(_COLUMNS, [_row(shout) for shout in found.shouts])
        if found.remark:
            raise CommandError(found.remark)

    def _watch(self, which: ShoutSelection) -> None:
        with Live(console=Console(file=cast(TextIO, self.stdout)), auto_refresh=False) as live:
            while True:
                live.update(_shown(overview(which)), refresh=True)
                time.sleep(_EVERY_S)


def _which(*, ended: bool, application: str | None, userdata: str | None, limit: int, **_: object) -> ShoutSelection:
    if limit < 1:
        raise CommandError("--limit takes a whole number, 1 or more.", returncode=USAGE)
    owner = None
    if application is not None and (owner := Application.objects.filter(name=application).first()) is None:
        raise CommandError(f'There is no application "{application}".')
    return ShoutSelection(ended=ended, application=owner, userdata=userdata, limit=limit)


def _payload(found: Overview) -> dict[str, object]:
    carrier, cron = found.service.carrier, found.service.cron
    return {
        "at": found.at,
        "carrier": {"state": carrier.state, "cause": carrier.cause, "since": carrier.since, "until": carrier.until}
        if carrier
        else None,
        "cron": {"state": cron.state, "last_run": cron.last_run} if cron else None,
        "remark": found.remark,
        "there_are": found.there_are,
        "shouts": [asdict(shout) for shout in found.shouts],
    }


def _shown(found: Overview) -> RenderableType:
    parts: list[RenderableType] = [Text(f"{found.at:%Y-%m-%d %H:%M:%S} UTC")]
    if found.remark:
        parts.append(Text(found.remark, style="bold red"))
    parts.append(table(_SHOWN, [_line(shout, now=found.at) for shout in found.shouts]))
    if found.there_are > len(found.shouts):
        parts.append(Text(f"These are {len(found.shouts)} of {found.there_are}; --limit shows more."))
    return Group(*parts)


def _row(shout: Progress) -> tuple[object, ...]:
    return (
        shout.id,
        shout.application,
        shout.userdata,
        shout.status,
        shout.settled,
        shout.recipients,
        shout.completed,
        shout.failed,
        shout.rate_10s,
        shout.rate_60s,
        shout.expected_end,
    )


def _line(shout: Progress, *, now: datetime) -> tuple[object, ...]:
    return (
        shout.id,
        shout.userdata,
        shout.status,
        f"{shout.settled}/{shout.recipients}",
        shout.completed,
        shout.failed,
        shout.rate_10s,
        _clock(shout.finished or shout.expected_end, now=now),
    )


def _clock(moment: datetime | None, *, now: datetime) -> str:
    if moment is None:
        return ""
    return f"{moment:%H:%M:%S}" if abs(moment - now) < timedelta(hours=12) else f"{moment:%Y-%m-%d}"
