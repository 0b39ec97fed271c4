"""How much of a table is looked at, and how much is taken."""

from __future__ import annotations

SAMPLE = 200  # lines that tell how a table is made
MOST_COLUMNS = 1000
