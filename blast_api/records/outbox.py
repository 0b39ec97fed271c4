"""How a row says that a line is to be written of it: in the statement that changes what the line tells."""

from __future__ import annotations

from uuid import uuid4


def name() -> str:
    """A name for a line that is to be written; it stands in the line as its `record`."""
    return uuid4().hex


def due(*, late: bool = False) -> dict[str, object]:
    """As changes of a row: a line is to be written of it. An earlier one that has not been written yet never will be."""
    return {"record": name(), "late": late, "written": None, "taken": None, "writer": ""}
