"""Requests about do-not-call lists, and who stands on them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.test import Client

from blast_api.models import Call, DoNotCallNumber, OperatorsNumber
from tests.kits import factories
from tests.kits.factories import number

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer  # a name that only the stubs have

PATH = "/api/v1/dnc"


def put(client: Client, told: object, **query: str) -> Answer:
    """POST /dnc; texts and bytes go as they are, all else as JSON."""
    data = told if isinstance(told, str | bytes) else json.dumps(told)
    return client.post(f"{PATH}?{urlencode(query)}", data, content_type="application/json")


def on_lists() -> list[tuple[str, str, str]]:
    """Whose list has which number, and by what."""
    return sorted(DoNotCallNumber.objects.values_list("userdata", "number", "by"))


def operators() -> list[str]:
    """The operator's list."""
    return sorted(OperatorsNumber.objects.values_list("number", flat=True))


def waiting_with_the_carrier(index: int = 1, **of: object) -> Call:
    """A call that the carrier has, for a delay."""
    message = factories.message(status="ongoing", **of)
    return factories.call(message, number=number(index), status="pending", sid="s", serial=1)
