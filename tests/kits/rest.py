"""What the tests of single REST requests share: a client that speaks JSON, and a gate that nobody passes."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.test import Client
from django.utils import timezone

from blast_api.dispatch import gate
from blast_api.models import Attempt, AuthorCall, Call, Gate, Message
from tests.kits.factories import AUTHOR, USER, number

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer  # a name that only the stubs have

BASE = "/api/v1"
SHOUT_FIELDS = {
    "id",
    "created",
    "caller",
    "status",
    "title",
    "schedule",
    "delivery",
    "from",
    "userdata",
    "recipients",
    "voc",
    "recording",
    "voicemail_recording",
    "language",
    "transfer",
    "recipients_requested_dnc",
    "started",
    "finished",
    "paused_at",
    "paused_because",
    "waiting",
    "expected_finish",
    "calls",
}
CALL_FIELDS = {
    "id",
    "started",
    "finished",
    "shout_id",
    "phone",
    "zone",
    "reference",
    "status",
    "Q850",
    "duration",
    "attempts",
    "answerer",
    "keys",
    "reason",
    "transferred",
    "transfer_outcome",
    "transfer_duration",
    "audition",
}

# What a shout tells of its rules if neither it nor its application says any, in tests.
OPERATORS_RULES = {
    "window": None,
    "until": None,
    "attempts": 4,
    "retry": {"failed": 0.0},
    "machines": "message",
    "calls_per_second": None,
    "concurrent_calls": None,
    "pause_at": {"failed_percent": 80.0, "of": 50},
}


def body(**fields: object) -> dict[str, object]:
    """A shout that is accepted; fields that are `...` are left out."""
    whole = {"caller": AUTHOR, "userdata": USER, "recipients": [number(1), number(2)]} | fields
    return {name.replace("_", "-"): value for name, value in whole.items() if value is not ...}


def post(client: Client, told: object, **headers: str) -> Answer:
    """POST /shouts; texts and bytes go as they are, all else as JSON."""
    data = told if isinstance(told, str | bytes) else json.dumps(told)
    return client.post(f"{BASE}/shouts", data, content_type="application/json", headers=headers)


def content(answer: Answer) -> Any:
    """The JSON of an answer, streamed or not."""
    return json.loads(b"".join(answer))


def created(answer: Answer) -> dict[str, Any]:
    """The shout of a 201."""
    told = content(answer)
    assert answer.status_code == 201, told
    assert isinstance(told, dict)
    return told


def faults(answer: Answer) -> dict[str, list[str]]:
    """The faults of a 400, by field."""
    told = content(answer)
    assert answer.status_code == 400, told
    assert answer["Content-Type"] == "application/json"
    assert isinstance(told, dict)
    return told


def code(answer: Answer) -> tuple[int, str]:
    """Status and code of an error, which has the one shape of all that are not 400."""
    told = content(answer)
    assert set(told) == {"detail", "code"}, told
    assert answer["Content-Type"] == "application/json"
    assert isinstance(told["detail"], str)
    return answer.status_code, str(told["code"])


def next_page(answer: Answer) -> str | None:
    """Where the next page of a list is, if there is one."""
    found = re.findall(r'<([^>]*)>; rel="next"', answer.get("Link", ""))
    return str(found[0]) if found else None


def shut_the_gate() -> None:
    """Nothing goes to the carrier in this test; what it would have done waits for a later run."""
    now = timezone.now()
    Gate.objects.get_or_create(lane=Gate.Lane.CALLS)
    gate.shut(now + timedelta(hours=1), Gate.Cause.BUSY, "a test", now=now)


def nothing_is_stored() -> bool:
    """Whether no request has left anything."""
    return not any(model._default_manager.exists() for model in (Message, Call, AuthorCall, Attempt))


# What stands in no body as a number, as a list of recipients, and as a text.
NO_NUMBERS: list[object] = [
    "",
    " ",
    "call me",
    "911",
    "+1 555 555 1010 ext. 5",
    "15555551010x",
    "1" * 100,
    "15555551010\0",
    "\ud800",
    1.5,
    15555551010.0,
    -15555551010,
    0,
    True,
    None,
    [],
    {},
    ["15555551010"],
]
NO_LISTS: list[object] = [None, [], {}, "15555551010", 15555551010, True]
NO_TEXTS: list[object] = ["a" * 256, "a\0b", "\ud800", [], {}, True]
