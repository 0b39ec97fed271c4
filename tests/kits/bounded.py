"""The service's logs are bounded for each process, and all tests are one process: a bound of one's own for a test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from blast_api.logs.redaction import AtMost

BOUNDED = ("blast_api.callcontrol.refusals", "blast_api.records.writer", "django.security.DisallowedHost")


@contextmanager
def bounded_anew() -> Iterator[None]:
    """As many lines as the settings allow, whatever other tests have caused."""
    loggers = [logging.getLogger(name) for name in BOUNDED]
    former = [list(logger.filters) for logger in loggers]
    for logger in loggers:
        bound = next(one for one in logger.filters if isinstance(one, AtMost))
        logger.filters = [AtMost(bound.per_minute)]
    yield
    for logger, filters in zip(loggers, former, strict=True):
        logger.filters = filters
