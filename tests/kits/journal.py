"""What goes wrong without an answer that tells of it."""

from __future__ import annotations

import logging
import traceback


class Journal(logging.Handler):
    """The errors of our own that are logged: those with a traceback."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.errors.append("".join(traceback.format_exception(*record.exc_info)[-6:]))

    def is_empty(self) -> None:
        """Fails with the first error since it was asked last."""
        errors, self.errors = self.errors, []
        assert not errors, errors[0]
