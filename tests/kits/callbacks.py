"""What the tests of callbacks share: addresses as the carrier was given them, and a look at all rows at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from django.db import models, transaction
from django.http import HttpResponse
from django.test import Client

from blast_api.carrierx.addresses import address
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Attempt, AuthorCall, Call, DoNotCallNumber, Gate, LogKind, Message
from blast_api.records.sources import of_log
from blast_api.services.scripts import Heard, Script
from tests.kits.factories import author_call, call, message

STEPS = {
    Party.RECIPIENT: ("answered", "detected", "key", "status"),
    Party.AUTHOR: (
        "answered",
        "welcome",
        "recorded",
        "not-recorded",
        "nothing-recorded",
        "verification",
        "status",
    ),
}
ENDPOINTS = [(kind, step) for kind in Party for step in STEPS[kind]]
# What the carrier's callbacks tell us.
KEYS = (
    "Digits",
    "AMDStatus",
    "CallStatus",
    "CallSid",
    "CallDuration",
    "RecordingUrl",
    "RecordingFileSid",
    "RecordingDuration",
)
DOCUMENT_STEPS = {kind: tuple(step for step in steps if step != "status") for kind, steps in STEPS.items()}


def path(kind: Party, row: int, serial: int, step: str, *, token: str | None = None) -> str:
    """The path of an address, with its own token or another one."""
    whole = address(kind, row, serial, step)
    path = whole[whole.index("/api/v1/") :]
    return path if token is None else path.replace(token_of(kind, row, serial), token)


def token_of(kind: Party, row: int, serial: int) -> str:
    return address(kind, row, serial, "answered").split("/")[-2]


def ask(client: Client, path: str, **told: Any) -> HttpResponse:
    """A callback as the carrier makes it: POST, a JSON object."""
    answer: HttpResponse = client.post(path, told, content_type="application/json")  # type: ignore[assignment]
    return answer


def delivered(*, shout: dict[str, Any] | None = None, **fields: Any) -> Call:
    """A call that is up, of a shout that goes on."""
    ongoing = message(**{"status": ShoutStatus.ONGOING} | (shout or {}))
    author_call(ongoing, recorded=True)
    return call(ongoing, **{"status": CallStatus.ONGOING, "serial": 1, "attempts": 1, "sid": "sid"} | fields)


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row there is, by model; of the do-not-call lists only whose and which."""
    tables: tuple[type[models.Model], ...] = (Message, AuthorCall, Call, Attempt, Gate)
    whole = {model.__name__: list(model._default_manager.order_by("pk").values_list()) for model in tables}
    return whole | {"DoNotCallNumber": list(DoNotCallNumber.objects.order_by("pk").values_list("userdata", "number"))}


class Callbacks:
    """Makes callbacks in the name of the carrier; what follows their commit is done before the answer is looked at."""

    def __init__(self, client: Client, committing: Any) -> None:
        self._client = client
        self.committing = committing

    def tell(self, kind: Party, row: int, step: str, *, serial: int = 1, **told: Any) -> bytes:
        with self.committing(execute=True):
            answer = ask(self._client, path(kind, row, serial, step), **told)
        assert answer.status_code == 200
        return answer.content

    def of_call(self, called: Call, step: str, *, serial: int | None = None, **told: Any) -> bytes:
        return self.tell(Party.RECIPIENT, called.pk, step, serial=called.serial if serial is None else serial, **told)

    def of_author(self, recording: AuthorCall, step: str, **told: Any) -> bytes:
        return self.tell(Party.AUTHOR, recording.pk, step, serial=recording.serial, **told)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is taken back, so that the next case of a table finds everything as it was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def texts(kind: LogKind) -> list[str]:
    """The lines of the rows so far, whether they are written or not; of one that was corrected, the last."""
    found = (source.lines(source.rows.oldest_first(source.rows.rows)) for source in of_log(kind))
    return [line.text for line in chain.from_iterable(found)]


def lines(kind: LogKind) -> list[dict[str, Any]]:
    """What these lines say."""
    return list(map(json.loads, texts(kind)))


def script(url: str, **fields: Any) -> Script:
    """What is heard on the calls of a shout whose recording is there, for people and machines."""
    return Script(Heard(url), **{"for_machines": Heard(url)} | fields)
