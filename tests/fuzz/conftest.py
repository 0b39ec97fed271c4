"""The rows that requests may hit, what is logged meanwhile, and the count of what was tried."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from tests.kits.effort import TIMES, tried
from tests.kits.journal import Journal

_KEY = "fuzz"


class _Node(Protocol):
    """What pytest-xdist hands over when a worker has finished; it has no types."""

    workeroutput: dict[str, str]


class Counts:
    """Gathers the counts of all workers, or of this process, and prints them at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.whole: Counter[str] = Counter()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: _Node) -> None:
        self.whole.update(json.loads(getattr(node, "workeroutput", {}).get(_KEY, "{}")))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = json.dumps(tried)
        else:
            self.whole.update(tried)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.whole:
            cases = f"fuzz: {self.whole.total()} cases for {len(self.whole)} endpoints"
            if TIMES == 1 and terminalreporter.verbosity <= 0:
                terminalreporter.write_line(cases)
                return
            terminalreporter.section(cases)
            for endpoint, count in sorted(self.whole.items()):
                terminalreporter.write_line(f"{count:8d}  {endpoint}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Counts(config), "fuzz-counts")


@pytest.fixture
def journal() -> Iterator[Journal]:
    journal = Journal()
    loggers = [logging.getLogger(name) for name in ("", "blast_api", "blast_api.dispatch", "django")]
    for logger in loggers:
        logger.addHandler(journal)
    yield journal
    for logger in loggers:
        logger.removeHandler(journal)


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The requests of a test are in its transaction: its connection stays open between them, as with Django's client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a tool writes into its working folder is not written into the checkout."""
    monkeypatch.chdir(tmp_path)
