"""etc/blast-api.logrotate as shipped, forced while everybody writes: no line is lost, torn or doubled."""

from __future__ import annotations

import gzip
import json
import logging
import multiprocessing
import os
import re
import shutil
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from blast_api.logs.file import LogFile
from blast_api.logs.redaction import LineFormatter
from blast_api.records import writer
from blast_api.services import history
from tests.kits import factories

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed"),
]

SHIPPED = Path(settings.BASE_DIR) / "etc/blast-api.logrotate"
LOGS = ("blast-api.log", "blast-api-message-check.log", "cdr.log", "bdr.log", "rec_cdr.log")
ROTATIONS = 4


def _configuration(folder: Path) -> Path:
    """As shipped, but in our folder and as whoever we are."""
    text = SHIPPED.read_text().replace("/var/log/blast-api/", f"{folder}/")
    assert "su blast-api blast-api\n" in text
    configuration = folder / "logrotate.conf"
    configuration.write_text(text.replace("su blast-api blast-api\n", ""))
    configuration.chmod(0o600)
    return configuration


def _rotate(configuration: Path, *, days_ago: int) -> None:
    """Rotate now, and let it have been some days ago, so that the next time finds room."""
    folder = configuration.parent
    subprocess.run(["logrotate", "--force", "--state", folder / "state", configuration], check=True)
    today = datetime.now().astimezone()  # logrotate's is the host's
    for file in folder.glob(f"*-{today:%Y%m%d}"):
        day = today - timedelta(days=days_ago)
        file.rename(file.with_name(f"{file.name.rpartition('-')[0]}-{day:%Y%m%d}"))


def _everything(folder: Path, log: str) -> list[str]:
    files = [file for file in folder.iterdir() if re.fullmatch(rf"{re.escape(log)}(-\d{{8}}(\.gz)?)?", file.name)]
    return [line for file in files for line in _text(file).splitlines()]


def _text(file: Path) -> str:
    text = gzip.decompress(file.read_bytes()).decode() if file.suffix == ".gz" else file.read_text()
    assert text == "" or text.endswith("\n"), file
    return text


def _chatter(path: Path, writer: int, stop: str) -> None:
    """Log as fast as can be until the file `stop` is there."""
    handler = LogFile(path)
    handler.setFormatter(LineFormatter("%(message)s"))
    count = 0
    while not os.path.exists(stop):
        handler.emit(logging.makeLogRecord({"msg": f"{writer} {count}"}))
        count += 1
    handler.emit(logging.makeLogRecord({"msg": f"{writer} ends with {count}"}))


def test_the_file_names_all_five_logs() -> None:
    assert re.findall(r"(?m)^/var/log/blast-api/(\S+)$", SHIPPED.read_text()) == list(LOGS)


def test_whoever_writes_while_logs_are_rotated_loses_nothing(tmp_path: Path) -> None:
    configuration = _configuration(tmp_path)
    stop = tmp_path / "stop"
    message = factories.message()
    spawn = multiprocessing.get_context("fork")
    writers = [
        spawn.Process(target=_chatter, args=(tmp_path / log, writer, str(stop)))
        for log in LOGS[:2]
        for writer in (1, 2)
    ]
    for process in writers:
        process.start()
    for rotation in range(ROTATIONS):
        for _ in range(20):
            history.end_all(message, [factories.call(message)], now=timezone.now())
            writer.write_due()
        _rotate(configuration, days_ago=ROTATIONS - rotation)
    history.end_all(message, [factories.call(message)], now=timezone.now())
    writer.write_due()
    stop.touch()
    for process in writers:
        process.join()

    for log in LOGS[:2]:
        told = [str(json.loads(line)["message"]) for line in _everything(tmp_path, log)]
        ends = [line.split() for line in told if "ends" in line]
        wanted = {f"{end[0]} {count}" for end in ends for count in range(int(end[-1]))}
        assert Counter(line for line in told if "ends" not in line) == Counter(wanted)
        assert len(ends) == 2
    pks = [json.loads(line)["pk"] for line in _everything(tmp_path, "cdr.log")]
    assert sorted(pks) == sorted(message.calls.values_list("pk", flat=True))
    assert len(pks) == ROTATIONS * 20 + 1


def test_the_day_before_is_plain_and_older_ones_are_compressed(tmp_path: Path) -> None:
    configuration = _configuration(tmp_path)
    for days_ago in (3, 2, 1):
        (tmp_path / "cdr.log").write_text("{}\n")
        _rotate(configuration, days_ago=days_ago)
    kept = sorted(file.name for file in tmp_path.glob("cdr.log*"))
    assert [re.sub(r"\d{8}", "D", name) for name in kept] == ["cdr.log-D.gz", "cdr.log-D.gz", "cdr.log-D"]
