"""The shape of delivery rules in a request, as the interactive documentation tells it."""

from __future__ import annotations

from typing import Any

from blast_api.domain.rules.retry import MACHINE
from blast_api.domain.rules.said import LONGEST_RETRY_S, MOST_ATTEMPTS, RECIPIENT, RETRYABLE, Machines
from blast_api.domain.rules.window import DAYS
from blast_api.domain.transfers import KEYS, MOST_CONCURRENT

_TIME_OF_DAY = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"}
_SECONDS = {"type": "number", "minimum": 0, "maximum": LONGEST_RETRY_S}


def _object(description: str, properties: dict[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    told = {"type": "object", "description": description, "properties": properties, "additionalProperties": False}
    return told | {"required": required} if required else told


DELIVERY = _object(
    "Rules of this shout. What it does not say, its application's own settings say, then the operator's.",
    {
        "window": _object(
            "Hours in which recipients are called, inside the operator's. What falls outside waits for the next opening.",
            {
                "from": _TIME_OF_DAY,
                "to": _TIME_OF_DAY,
                "days": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(DAYS)}},
                "zone": {
                    "type": "string",
                    "description": f"Whose clock counts: `{RECIPIENT}`, each one's own, or an IANA time zone.",
                    "default": RECIPIENT,
                },
            },
            required=["from", "to"],
        ),
        "until": {
            "type": "string",
            "format": "date-time",
            "description": "What has not been placed by then ends as `expired`. After `schedule`.",
        },
        "attempts": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_ATTEMPTS,
            "description": "Most attempts for one recipient.",
        },
        "retry": _object(
            "Seconds after which a call that ended so is tried again; what is not named is not.",
            {str(word): _SECONDS for word in (*RETRYABLE, MACHINE)},
        ),
        "machines": {
            "type": "string",
            "enum": [machines.value for machines in Machines],
            "description": "Whether a machine that answers gets the message, nothing, or another call later.",
        },
        "calls_per_second": {"type": "number", "minimum": 0.01, "maximum": 10000},
        "concurrent_calls": {"type": "integer", "minimum": 1, "maximum": 10**6},
        "pause_at": _object(
            "The shout is paused when so many percent of its last `of` ended attempts have failed; null: never.",
            {
                "failed_percent": {"type": "number", "minimum": 1, "maximum": 100},
                "of": {"type": "integer", "minimum": 1, "maximum": 1000},
            },
            required=["failed_percent", "of"],
        )
        | {"x-nullable": True},
    },
)

TRANSFER = _object(
    "A recipient who presses the key is put through.",
    {
        "key": {"type": "string", "enum": list(KEYS)},
        "to": {"type": "string", "description": "The number, with country code, in any usual writing."},
        "concurrent": {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_CONCURRENT,
            "description": "Most recipients of the shout that are put through at once; null: any number.",
            "x-nullable": True,
        },
    },
    required=["key", "to"],
)
