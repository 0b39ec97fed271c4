"""How the service stands: whether it places, how fast, and what waits; the figures that /metrics has."""

from __future__ import annotations

from typing import Any

from blast_api.db.clock import database_now
from blast_api.domain.roles import Right
from blast_api.monitoring import exposition, health

from .page import LivePage


class OperationsPage(LivePage):
    """For operators."""

    right = Right.OPERATE
    template = "dashboard/operations.html"
    live = "dashboard/operations_live.html"

    def figures(self) -> tuple[dict[str, Any], bool]:
        told = exposition.figures()
        counts = {name: sum(values.values()) for name, values in told.items() if name in _SUMS}
        return {
            "ready": health.readiness(),
            "hosts": [
                {"name": host.name, "last_run": host.last_run, "unreachable_since": host.unreachable_since}
                for host in health.cron_hosts()
            ],
            "calls": {status: int(number) for (status,), number in told.get("calls", {}).items()},
            "counts": counts,
            "answers": _by(told, "placements"),
            "callbacks": _by(told, "callbacks_failed"),
        }, True

    def frame(self, figures: dict[str, Any]) -> dict[str, Any]:
        return {"here": "operations", "at": database_now()}


_SUMS = frozenset(
    {
        "placements_per_second_limit",
        "queue_depth",
        "oldest_due_seconds",
        "placements_in_hand",
        "placements_unknown",
        "records_waiting",
        "records_oldest_waiting_seconds",
        "spool_bytes",
    }
)


def _by(told: dict[str, dict[tuple[str, ...], float]], name: str) -> list[tuple[str, int]]:
    rows = ((" · ".join(labels), int(number)) for labels, number in told.get(name, {}).items())
    return sorted((row for row in rows if row[1]), key=lambda row: -row[1])
