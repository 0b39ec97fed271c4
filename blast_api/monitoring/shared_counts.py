"""Numbers that only grow, kept by each process in a file of its own, which the next process goes on with.

Every number has its place from the start, so files neither grow nor are many: a process takes the first file that nobody
has, under a lock that dies with it, and adds to what its predecessor left there. So nothing is lost with a process that
lives for a minute, nothing has to be cleaned up after it, and the sum over all files is what has happened on this host.

They are written, not mapped into memory: a disk that is full, or a file that is cut short, must not end the process.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from blast_api.db import locks

log = logging.getLogger(__name__)

_MOST_FILES = 1000
_CELL = 8  # bytes
_AGAIN_S = 60.0


class Tally:
    """This process's numbers, by their places. Counting never raises: what cannot be written is kept in memory.

    The first of the folders is where the files are. The others are where they were: what the dead have left there is
    brought over, and what the living of that release count there is read.
    """

    def __init__(self, folders: Callable[[], Sequence[Path]], layout: str, size: int) -> None:
        self._folders = folders
        self._header = hashlib.sha256(layout.encode()).digest()
        self._size = size
        self._file: int | None = None
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin with a file of one's own, as a forked process must."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._lock = Lock()
        self._mine = array("d", bytes(_CELL * self._size))
        self._again_at = 0.0

    def add(self, *changes: tuple[int, float]) -> None:
        """Add to the numbers at some places: in one write, of what lies between them."""
        with self._lock:
            for place, amount in changes:
                self._mine[place] += amount
            try:
                if self._file is None and not self._opened():
                    return
                assert self._file is not None
                first, last = min(changes)[0], max(changes)[0]
                cells = memoryview(self._mine)[first : last + 1]
                os.pwrite(self._file, cells, len(self._header) + _CELL * first)
            except OSError as error:
                self._put_off(error)

    def read(self) -> array[float]:
        """The sums over all processes of this host, dead or alive."""
        sums = array("d", bytes(_CELL * self._size))
        with self._lock:
            parts = [] if self._file is not None else [array("d", self._mine)]
        parts += self._files()
        for part in parts:
            for place, number in enumerate(part):
                sums[place] += number
        return sums

    def _files(self) -> Iterator[array[float]]:
        for folder in self._folders():
            with suppress(OSError):  # nobody has counted there yet, or we may not look
                for file in folder.iterdir():
                    with suppress(OSError):
                        found = self._numbers(file.read_bytes())
                        if found is not None:
                            yield found

    def _numbers(self, data: bytes) -> array[float] | None:
        """What a file says; None if it is none of ours, or of another release, which counted other things."""
        if len(data) != len(self._header) + _CELL * self._size or not data.startswith(self._header):
            return None
        return array("d", data[len(self._header) :])

    def _opened(self) -> bool:
        """Take the first file that no living process has, and go on with its numbers; False: not now."""
        if time.monotonic() < self._again_at:
            return False
        folder, *former = self._folders()
        folder.mkdir(mode=0o750, exist_ok=True)  # not its parent: where that may be, the operator says
        for number in range(_MOST_FILES):
            file = _locked(folder / str(number))
            if file is not None:
                try:
                    self._go_on_with(file)
                except OSError:
                    os.close(file)
                    raise
                self._file = file
                for each in former:
                    with suppress(OSError):  # there is none; or it stays where it is, and is read there
                        self._bring_over(each)
                return True
        raise OSError(f"each of {_MOST_FILES} files is another process's")

    def _go_on_with(self, file: int) -> None:
        former = self._found_in(file)
        if not former:
            os.ftruncate(file, 0)
        self._write_with(former, file)

    def _bring_over(self, folder: Path) -> None:
        """Add what files hold that no living process has, and remove them; then the folder, if that leaves it empty."""
        assert self._file is not None
        for path in folder.iterdir():
            file = _locked(path) if path.name.isdecimal() else None
            if file is None:
                continue
            try:
                if os.fstat(file).st_nlink:  # or another process was faster
                    self._write_with(self._found_in(file), self._file)
                    path.unlink()
            finally:
                os.close(file)
        folder.rmdir()

    def _found_in(self, file: int) -> array[float] | None:
        return self._numbers(os.pread(file, len(self._header) + _CELL * self._size + 1, 0))

    def _write_with(self, more: array[float] | None, file: int) -> None:
        """Write our numbers into the file with these added to them. Raises OSError; then ours are as they were."""
        sums = array("d", self._mine)
        for place, number in enumerate(more or ()):
            sums[place] += number
        whole = self._header + sums.tobytes()
        if os.pwrite(file, whole, 0) < len(whole):
            raise OSError("the disk is full")
        self._mine = sums

    def _put_off(self, error: OSError) -> None:
        if self._file is None:
            self._again_at = time.monotonic() + _AGAIN_S
            log.warning("what is counted cannot be written", extra={"action": "uncounted", "error": str(error)})


def _locked(path: Path) -> int | None:
    """The file, ours as long as it is open; None if it is another process's, or another user's."""
    try:
        return locks.acquire(path)
    except PermissionError:
        return None
