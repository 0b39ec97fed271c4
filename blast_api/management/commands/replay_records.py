"""`manage.py replay_records`: write record lines again that a log has lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC
from pathlib import Path

from django.core.management.base import CommandError, CommandParser

from blast_api.management.operating import USAGE, OperatorCommand, moment
from blast_api.models import LogKind
from blast_api.operations import replay
from blast_api.records.writer import path_of


class Command(OperatorCommand):
    help = (
        "Writes the lines of cdr.log, bdr.log and rec_cdr.log again that were lost, made of the same rows. Lines "
        "that the log or one of its rotated forms beside it still has are not written twice. runcrons may go on meanwhile. "
        "Each line has the same text, and the same record, as the first time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--since",
            required=True,
            metavar="T",
            help="about what happened on this day or at this moment, or later (UTC)",
        )
        parser.add_argument(
            "--kind", action="append", choices=LogKind.values, help="this log only; may be given more than once"
        )
        parser.add_argument(
            "--to",
            metavar="FILE",
            help="to this file instead of the log; - is standard output, without comparing. One --kind",
        )
        parser.add_argument(
            "--every-host", action="store_true", help="also the lines that another host wrote, to its own logs"
        )
        parser.add_argument("--force", action="store_true", help="write all of them, also what is there")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(
        self,
        *args: object,
        since: str,
        kind: list[str] | None,
        to: str | None,
        force: bool,
        every_host: bool,
        dry_run: bool,
        as_json: bool,
        **options: object,
    ) -> None:
        start = moment("--since", since, zone=UTC)
        kinds = [LogKind(word) for word in kind or LogKind.values]
        if to is not None and len(kinds) != 1:
            raise CommandError("--to takes the lines of one log: name it with --kind.", returncode=USAGE)
        if to == "-":
            if as_json or dry_run:
                raise CommandError("--to - writes the lines and nothing else.", returncode=USAGE)
            self._print(replay.RecordSelection(kinds[0], start, every_host).lines())
            return
        done = {
            each: replay.replay(
                replay.RecordSelection(each, start, every_host),
                Path(to) if to else path_of(each),
                force=force,
                dry_run=dry_run,
            )
            for each in kinds
        }
        if as_json:
            by_kind = {each.value: asdict(found) | {"present": found.present} for each, found in done.items()}
            self.tell_json(by_kind | {"dry_run": dry_run})
        else:
            rows = [(each.value, found.stored, found.present, found.written) for each, found in done.items()]
            self.tell_rows(("log", "stored", "present", "to write" if dry_run else "written"), rows)

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)
