"""Stored records that wait, what has become of them in the files, and what logrotate does to these."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

from blast_api.db import state_dir
from blast_api.models import Record
from blast_api.records import writer

KINDS = list(Record.Kind)
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}


def waiting(count: int, kind: str = "cdr") -> list[str]:
    """So many stored records; answers their lines."""
    first = Record.objects.count()
    lines = [json.dumps({"record": f"r{first + index}"}) for index in range(count)]
    Record.objects.bulk_create(Record(kind=kind, line=line) for line in lines)
    return lines


def written(kind: str = "cdr") -> list[str]:
    """The lines of a log and all its rotated forms, in no order."""
    path = writer.path_of(Record.Kind(kind))
    found: list[str] = []
    for file in path.parent.glob(f"{path.name}*"):
        text = _UNPACK.get(file.suffix, bytes)(file.read_bytes())
        assert text == b"" or text.endswith(b"\n")
        found += text.decode().splitlines()
    return sorted(found)


def crash_before_marking(line_count: int) -> None:
    """A writer of this host took the records and wrote so many of the lines."""
    taken = writer._take(Record.Kind.CDR, state_dir.host())
    data = "".join(f"{record.line}\n" for record in taken[:line_count])
    with writer.path_of(Record.Kind.CDR).open("a") as log:
        log.write(data)


def rotate(path: Path) -> None:
    path.rename(path.with_name(f"{path.name}-20260101"))


def rotate_and_compress(path: Path) -> None:
    with gzip.open(path.with_name(f"{path.name}-20260101.gz"), "wb") as packed:
        packed.write(path.read_bytes())
    path.unlink()
