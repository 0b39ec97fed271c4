"""What may stand in a service log, and how much of it strangers may cause. `LOGGING` in the settings names these."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from blast_api.carrierx.addresses import redacted
from blast_api.domain.numbers import masked

_MINUTE_S = 60.0
_PLAIN = (int, float, datetime, type(None))
# A number with country code, standing by itself: neither part of a name nor of a fraction.
_NUMBER = re.compile(r"(?<![\w.-])\+?([1-9][0-9]{10,14})(?![\w-]|\.[0-9])", re.ASCII)
# A stored file is heard by whoever has its address: `/f/<sid>`, `/c/<container>/<name>`, and the API's own form.
_FILE = re.compile(r"(/(?:f|c|storage/files)/)[^\s\"'\\?<>]+")


def discreet(text: str) -> str:
    """The text without tokens, recordings' addresses and whole phone numbers: what is logged must open no door."""
    text = _FILE.sub(r"\1***", redacted(text))
    return _NUMBER.sub(lambda found: masked(found[1]), text)


class LineFormatter(JsonFormatter):
    """One JSON object a line, discreet whoever wrote it: a quoted answer of the carrier or a traceback may not be."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: value if isinstance(value, _PLAIN) else discreet(str(value)) for name, value in log_data.items()}


class TextFormatter(logging.Formatter):
    """As discreet, for a person's eyes."""

    def format(self, record: logging.LogRecord) -> str:
        return discreet(super().format(record))


class AtMost(logging.Filter):
    """Lets `per_minute` records of a logger pass in any minute; the next that passes tells how many were held back."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.per_minute, self._clock = per_minute, clock
        self._passed: list[float] = []
        self._held_back = 0
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        with self._lock:
            now = self._clock()
            self._passed = [at for at in self._passed if at > now - _MINUTE_S]
            if len(self._passed) >= self.per_minute:
                self._held_back += 1
                return False
            self._passed.append(now)
            if self._held_back:
                record.held_back = self._held_back
                self._held_back = 0
        return True
