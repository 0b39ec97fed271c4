"""Files that are sent: named by a path, or open, or their bytes."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import BinaryIO

from .transport import File

Given = str | Path | bytes | BinaryIO


def file_of(given: Given, name: str) -> File:
    """Its name, content and type; `name` is what bytes without one are called.

    It is read whole, so that it can be sent again.
    """
    if isinstance(given, str | Path):
        given = Path(given)
        name, content = given.name, given.read_bytes()
    elif isinstance(given, bytes):
        content = given
    else:
        name, content = Path(str(getattr(given, "name", name))).name, given.read()
    return name, content, mimetypes.guess_type(name)[0] or "application/octet-stream"
