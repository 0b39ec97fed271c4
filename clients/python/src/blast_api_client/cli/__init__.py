"""`blast`: shouts from a shell."""

from __future__ import annotations

import sys

try:
    import click as _click  # noqa: F401
    import rich as _rich  # noqa: F401
except ImportError:
    sys.exit("blast needs two more packages: pip install 'blast-api-client[cli]'")

from .entry import main

__all__ = ["main"]
