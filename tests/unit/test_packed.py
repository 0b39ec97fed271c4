"""A log is read whatever packed it, or refused with a word; it is never taken for one without lines."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from blast_api.records.reader import UnreadableLog, lines_of, lines_of_path

LINES = [b'{"record": "r%d"}\n' % index for index in range(5000)]
LOG = b"".join(LINES)
Pack = Callable[[bytes], bytes]
READ: dict[str, Pack] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "lzma": lambda log: lzma.compress(log, format=lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
}


def _zipped(log: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cdr.log", log)
    return file.getvalue()


# The one line `{"record": "r0"}`, as each program packs it; of some, how it begins.
REFUSED: dict[str, bytes] = {
    "zstd": bytes.fromhex("28b52ffd24118900007b227265636f7264223a20227230227d0a9f5e7d78"),
    "lz4": bytes.fromhex("04224d186440a7110000807b227265636f7264223a20227230227d0a0000000025985b66"),
    "lz4 of old": bytes.fromhex("02214c18") + b"\x0d\0\0\0\xf0",
    "lzop": b"\x89LZO\0\r\n\x1a\n",
    "lzip": b"LZIP\1",
    "compress": b"\x1f\x9d\x90",
    "zip": _zipped(b'{"record": "r0"}\n'),
    "7z": b"7z\xbc\xaf\x27\x1c\0\4",
    "brotli": bytes.fromhex("1b470df88d93a516251c865a04466e6f2b80e8f4294a7e2b106e708f2700909601"),
    "frames that are skipped": bytes.fromhex("502a4d1804000000") + b"abcd" + bytes.fromhex("28b52ffd"),
    "tar": b"cdr.log".ljust(100, b"\0") + b"0000640\0",
    "half a head": b"\xfd7zX",
    "a byte": b"\x8b\n",
    "UTF-16": '{"record": "r0"}\n'.encode("utf-16"),
}


def _read(log: bytes) -> list[bytes]:
    return list(lines_of(io.BytesIO(log), "a log"))


@pytest.mark.parametrize("pack", READ.values(), ids=READ)
def test_all_lines_of_a_packed_log_are_read(pack: Pack) -> None:
    assert _read(pack(LOG)) == LINES
    assert _read(pack(b"")) == []


@pytest.mark.parametrize("pack", READ.values(), ids=READ)
def test_the_content_decides_and_not_the_name(pack: Pack, tmp_path: Path) -> None:
    for name in ("cdr.log", "cdr.log-20300131", "cdr.log.gz", "cdr.log.xz", "cdr.log.zst"):
        (tmp_path / name).write_bytes(pack(LOG))
        assert list(lines_of_path(tmp_path / name)) == LINES


@pytest.mark.parametrize("pack", [READ["gzip"], READ["xz"], READ["bzip2"]])
def test_archives_one_after_another_are_read_to_the_end(pack: Pack) -> None:
    half = len(LINES) // 2
    assert _read(pack(b"".join(LINES[:half])) + pack(b"".join(LINES[half:]))) == LINES


@pytest.mark.parametrize("program", READ)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_an_archive_that_ends_too_soon_is_refused(program: str, share: float) -> None:
    packed = READ[program](LOG)
    with pytest.raises(UnreadableLog, match="a log: the archive is broken or ends too soon"):
        _read(packed[: int(len(packed) * share)])


@pytest.mark.parametrize("program", READ)
def test_what_follows_an_archive_and_is_none_is_not_passed_over(program: str) -> None:
    with pytest.raises(UnreadableLog):
        _read(READ[program](LOG) + b'{"record": "appended by hand"}\n')


@pytest.mark.parametrize("program", ["gzip", "xz", "bzip2"])
def test_a_damaged_archive_is_refused(program: str) -> None:
    packed = bytearray(READ[program](LOG))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(UnreadableLog):
        _read(bytes(packed))


@pytest.mark.parametrize("program", REFUSED)
def test_what_only_others_unpack_is_refused_by_its_name(program: str, tmp_path: Path) -> None:
    path = tmp_path / "cdr.log-20300131"
    path.write_bytes(REFUSED[program])
    with pytest.raises(UnreadableLog, match=r"cdr.log-20300131: is .*unpack it first"):
        list(lines_of_path(path))


@pytest.mark.parametrize("seed", range(100))
def test_what_nobody_knows_is_refused(seed: int) -> None:
    with pytest.raises(UnreadableLog):
        _read(b"\x8b" + random.Random(seed).randbytes(2000))


@pytest.mark.parametrize(
    "log",
    [
        b"",
        b"\n\n",
        b"no record\n",
        "\u00fc and \U0001f642, by hand\r\n".encode(),
        b"x" * 511 + "\u00fc".encode() + b"\n",
        b'\0\0\0\n{"record": "after a crash"}\n',
        b'{"record": "r0"}\n' + b"\0" * 5000 + b"\n",
    ],
)
def test_what_is_not_packed_is_read_as_it_is(log: bytes) -> None:
    assert b"".join(_read(log)) == log


def test_a_pipe_that_gives_little_at_a_time_is_recognised_all_the_same() -> None:
    read_end, write_end = os.pipe()

    def trickle() -> None:
        with os.fdopen(write_end, "wb", buffering=0) as pipe:
            for byte in lzma.compress(LOG):
                pipe.write(bytes([byte]))

    writer = threading.Thread(target=trickle)
    writer.start()
    with os.fdopen(read_end, "rb") as pipe:
        assert list(lines_of(pipe, "a pipe")) == LINES
    writer.join()


@pytest.mark.parametrize(("module", "program"), [("lzma", "xz"), ("bz2", "bzip2")])
def test_a_python_that_was_built_without_a_library_refuses_what_needs_it(
    module: str, program: str, tmp_path: Path
) -> None:
    (tmp_path / "log").write_bytes(READ[program](LOG))
    script = (
        f"import sys; sys.modules['{module}'] = None\n"
        "from pathlib import Path; from blast_api.records import reader as packed\n"
        "try: list(packed.lines_of_path(Path(sys.argv[1])))\n"
        "except packed.UnreadableLog as error: print(error)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "log"], capture_output=True, text=True, check=True
    ).stdout
    assert f"is packed by {program}, which this Python was built without" in told
