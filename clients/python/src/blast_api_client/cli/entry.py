"""All commands of `blast`."""

from __future__ import annotations

import sys

from .app import Exit, cli
from .explaining import why
from .listing import dnc
from .sending import send
from .telling import webhooks
from .watching import cancel, pause, resume, shouts, watch

__all__ = ["cli", "main"]

for command in (send, watch, why, shouts, pause, resume, cancel, dnc, webhooks):
    cli.add_command(command)


def main() -> None:
    """The entry point."""
    try:
        cli(prog_name="blast")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
