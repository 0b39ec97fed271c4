"""Rows that are valid as they come; a test names only what matters to it."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from blast_api.domain.states import OPEN_CALLS, CallStatus, RecordingState, ShoutStatus
from blast_api.models import Application, AuthorCall, Call, Container, DoNotCallNumber, Message
from blast_api.services import recordings
from blast_api.services.applications import digest

AUTHOR = "15555552090"
USER = "user"
_UNUSED = count()


def number(index: int) -> str:
    """A valid number, another one for each index below 70,000."""
    return f"1555555{index:04d}" if index < 10000 else f"1555{560 + index // 10000}{index % 10000:04d}"


def application(**fields: Any) -> Application:
    """An application; without a name it is the implied one of development, the same each time."""
    if "name" not in fields:
        return Application.objects.get_or_create(name=Application.IMPLIED, defaults=fields)[0]
    return Application.objects.create(**fields)


def application_with_token(token: str, **fields: Any) -> Application:
    """An application that authenticates with this token."""
    return application(**{"name": f"application {next(_UNUSED)}", "token_digest": digest(token)} | fields)


def message(**fields: Any) -> Message:
    """A shout that waits for its recording; give it a `recording` and calls as the test needs."""
    defaults: dict[str, Any] = {
        "userdata": USER,
        "caller": AUTHOR,
        "title": "Snow day",
        "status": ShoutStatus.PENDING,
        "created": timezone.now(),
    }
    if "application" not in fields and "application_id" not in fields:
        defaults["application"] = application()
    return Message.objects.create(**defaults | fields)


def author_call(message: Message, **fields: Any) -> AuthorCall:
    """The call to the author: not placed yet, or `recorded=True` for one that is over, and its recording."""
    now = timezone.now()
    defaults: dict[str, Any] = {"state": RecordingState.NO_REC_CALL, "state_since": now}
    if fields.pop("recorded", False):
        defaults |= {
            "state": RecordingState.CONFIRMED,
            "recorded": now,
            "ended": now,
            "take": 1,
            "file_sid": "0a0a",
            "url": "http://127.0.0.1:9/f/0a0a.wav",
            "length_s": 8,
            "kept": True,
            "attempts": 1,
            "serial": 1,
        }
    row = AuthorCall.objects.create(message=message, **defaults | fields)
    if row.kept:
        message.recording = recordings.adopt(row)
    return row


def call(message: Message, **fields: Any) -> Call:
    """A call of the shout, next in its list of recipients, to a number that the list does not have yet."""
    position = message.calls.count()
    defaults = {"position": position, "number": number(position), "status": CallStatus.PENDING}
    given = defaults | fields
    given.setdefault("finished", None if given["status"] in OPEN_CALLS else timezone.now())
    return Call.objects.create(message=message, **given)


def listed(
    number: str, *, userdata: str = USER, application: Application | None = None, **fields: Any
) -> DoNotCallNumber:
    """A number on a user's do-not-call list; without an application it is the implied one's."""
    owner = application or Application.objects.get_or_create(name=Application.IMPLIED)[0]
    return DoNotCallNumber.objects.create(application=owner, userdata=userdata, number=number, **fields)


def container(**fields: Any) -> Container:
    """The container of ours as the carrier told of it just now: with room, and to be looked into a minute later."""
    now = timezone.now()
    defaults: dict[str, Any] = {
        "key": "blast-api",
        "sid": "c0c0",
        "step": Container.Provision.LOOK,
        "due_at": now + timedelta(seconds=60),
        "quota_files": 1000,
        "quota_bytes": 10**9,
        "checked": now,
    }
    return Container.objects.create(**defaults | fields)
