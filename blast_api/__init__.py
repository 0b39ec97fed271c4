"""Voice broadcast: an author records a message by phone, and every recipient is called and hears it."""

from __future__ import annotations

__version__ = "1.1.0"  # CHANGELOG.md tells what came with it
