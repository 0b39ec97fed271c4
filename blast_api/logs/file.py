"""The file of a service log. A log that cannot be written stops nothing: who logs hears of no error."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress

_TOLD_EVERY_S = 60.0


class LogFile(logging.Handler):
    """Appends each line whole, by one write, to whatever file has the name now; many processes may share it.

    The library's own handler raises at whoever logs when the folder is gone, and prints a traceback for each line when
    the disk is full. This one counts what is lost, says so on stderr, and in the log when it can be written again.
    """

    def __init__(self, filename: str | os.PathLike[str]) -> None:
        super().__init__()
        self._path = os.fspath(filename)
        self._file: int | None = None
        self._lost = 0
        self._told_at = float("-inf")

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it."""
        try:
            line = self._line(record)
        except Exception:
            self.handleError(record)  # a fault in the call, not of the disk
            return
        try:
            if self._lost:
                self._write(self._line(self._about_the_lost()))
                self._lost = 0
            self._write(line)
        except OSError as error:
            self._lost += 1
            self._complain(error)

    def close(self) -> None:
        """Close the file; who logs after that opens it again."""
        self.acquire()
        try:
            if self._file is not None:
                os.close(self._file)
                self._file = None
        finally:
            self.release()
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _about_the_lost(self) -> logging.LogRecord:
        fields = {"name": __name__, "levelname": "WARNING", "levelno": logging.WARNING}
        about = {"msg": "lines of this log are lost", "action": "log_lines_lost", "lost": self._lost}
        return logging.makeLogRecord(fields | about)

    def _write(self, line: bytes) -> None:
        """Raises OSError, and then no half of a line stays, unless somebody has appended to it meanwhile."""
        file, written = self._opened(), 0
        try:
            while written < len(line):
                written += os.write(file, line[written:])
        except OSError:
            end = os.lseek(file, 0, os.SEEK_CUR)  # of what we wrote
            with suppress(OSError):
                if written and os.fstat(file).st_size == end:
                    os.ftruncate(file, end - written)
            raise

    def _opened(self) -> int:
        """The file of this name as it is now: logrotate moves it away, and operators do worse."""
        with suppress(OSError):
            if self._file is not None and os.path.samestat(os.fstat(self._file), os.stat(self._path)):
                return self._file
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError:
            if self._file is not None and os.fstat(self._file).st_nlink:
                return self._file  # moved away, and we may not make another: better there than nowhere
            raise
        if self._file is not None:
            os.close(self._file)
        self._file = file
        return file

    def _complain(self, error: OSError) -> None:
        if time.monotonic() < self._told_at + _TOLD_EVERY_S:
            return
        self._told_at = time.monotonic()
        with suppress(Exception):  # nobody may be listening there either
            print(f"{self._path} cannot be written, its lines are lost: {error}", file=sys.stderr, flush=True)  # noqa: T201
