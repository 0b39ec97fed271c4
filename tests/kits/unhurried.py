"""Placing as most tests want it: however busy the machine is, no slot is missed."""

from __future__ import annotations

from threading import Event

from blast_api import cron
from blast_api.dispatch.dispatcher import Dispatcher

TOLERANCE_S = 60.0


def run_once() -> None:
    """All cron jobs, until nothing is due."""
    cron.run_once(tolerance_s=TOLERANCE_S)


def dispatcher(stop: Event | None = None) -> Dispatcher:
    """Of the test's own; close it."""
    return Dispatcher(stop, tolerance_s=TOLERANCE_S)
