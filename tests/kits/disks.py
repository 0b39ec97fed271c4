"""A disk that fills up in mid-write, without being root: the kernel's own bound on the size of files."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LARGE = 64 * 1024 * 1024  # larger than anything else that a test writes to meanwhile, as its database


def large(path: Path) -> int:
    """Make it a large file that takes no room, of one line; answers its length."""
    with path.open("wb") as file:
        file.seek(_LARGE - 1)
        file.write(b"\n")
    return _LARGE


@contextmanager
def full_at(length: int) -> Iterator[None]:
    """In the block no file grows beyond so many bytes: a write that would takes a part, and the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
