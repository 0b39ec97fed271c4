"""`manage.py after_restore`: make the backup of an earlier moment fit to be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import CommandError, CommandParser

from blast_api.db.clock import database_now
from blast_api.management.operating import OperatorCommand, moment
from blast_api.operations import restored
from blast_api.operations.usage import Line
from blast_api.records.reader import lines_of_path


class Command(OperatorCommand):
    help = (
        "To be run once after a database was restored from a backup, before anything else uses it. Cancels every shout that "
        "had not ended, for its calls may have been made since; lists again who opted out since, by the given logs of "
        "calls; gives new rows ids that nothing since the backup can have had; and looks for unwritten records in the logs "
        "before they are written. Without --yes it only tells what it would do. Exits with 1 if a line or a file could not "
        "be read: nothing is done then unless all files can be read; lines that cannot are skipped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("files", nargs="*", metavar="FILE", help="cdr.log and its rotated forms since the backup")
        parser.add_argument(
            "--since", required=True, metavar="T", help="when the backup was made, or somewhat before (UTC)"
        )
        parser.add_argument("--yes", action="store_true", help="do it")

    def handle(self, *args: object, files: list[str], since: str, yes: bool, as_json: bool, **options: object) -> None:
        start = moment("--since", since, zone=UTC)
        logs = _Logs([Path(name) for name in files], start)
        for _ in logs.lines():  # all of them can be read, or nothing is done
            pass
        done = restored.mend(logs.lines(), now=database_now()) if yes else restored.preview(logs.lines())
        if as_json:
            self.tell_json(asdict(done) | {"done": yes, "unreadable_lines": logs.unreadable})
        else:
            rows = [
                ("shouts canceled", done.canceled),
                ("numbers listed again", done.listed),
                ("records looked for in the logs", done.doubtful),
            ]
            self.tell_rows(("what", "done" if yes else "to do"), rows)
            if not yes:
                self.stderr.write("Nothing was done; --yes does it.")
        if logs.unreadable:
            raise CommandError(f"Lines that are no records of calls were skipped: {logs.unreadable}.")


class _Logs:
    """Records of calls in files, those that ended since a moment."""

    def __init__(self, files: list[Path], since: datetime) -> None:
        self._files, self._since = files, since
        self.unreadable = 0

    def lines(self) -> Iterator[Line]:
        """Raises OSError and UnreadableLog."""
        self.unreadable = 0
        for file in self._files:
            for text in lines_of_path(file):
                yield from self._read(text)

    def _read(self, text: bytes) -> Iterator[Line]:
        try:
            line = Line.read(text)
        except (ValueError, RecursionError):
            self.unreadable += 1
        else:
            if line.finished >= self._since:
                yield line
