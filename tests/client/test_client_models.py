"""The client's models against the service's document: each field, its type, and whether it may be null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NotRequired, Required, get_origin, get_type_hints

import msgspec
import pytest
from django.conf import settings

import blast_api
import blast_api_client
from blast_api_client import models, requests

DOCUMENT = json.loads((Path(settings.BASE_DIR) / "docs/reference/openapi.json").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ERRORS = {"Error", "FieldErrors"}
TAKEN = {name for name in SCHEMAS if name.startswith("New")}
NOT_WORTH_A_CLASS = {"NewAudition", "NewNumbers", "NewWebhook"}  # one or two arguments
# Of a shout, the objects that the document describes in place.
IN_PLACE = {
    "NewDelivery": SCHEMAS["NewShout"]["properties"]["delivery"],
    "NewWindow": SCHEMAS["NewShout"]["properties"]["delivery"]["properties"]["window"],
    "NewPauseAt": SCHEMAS["NewShout"]["properties"]["delivery"]["properties"]["pause_at"],
    "NewTransfer": SCHEMAS["NewShout"]["properties"]["transfer"],
}


def documented(shape: dict[str, Any]) -> tuple[object, bool]:
    """What a schema of the document allows, as far as a type can say it, and whether null is among it."""
    if ref := shape.get("$ref"):
        name = ref.rpartition("/")[2]
        return name, SCHEMAS[name].get("nullable", False)
    return _kind(shape, documented), shape.get("nullable", False)


def typed(shape: dict[str, Any]) -> tuple[object, bool]:
    """The same of a schema that msgspec makes of a class."""
    either = shape.get("anyOf", [shape])
    others = [one for one in either if one.get("type") != "null"]
    if "$ref" in others[0]:
        return others[0]["$ref"].rpartition("/")[2], len(others) < len(either)
    return _kind(others[0], typed), len(others) < len(either)


def _kind(shape: dict[str, Any], inner: Any) -> object:
    if shape.get("type") == "array":
        return "array", inner(shape["items"])
    if isinstance(shape.get("additionalProperties"), dict):
        return "map", inner(shape["additionalProperties"])
    return shape.get("type"), shape.get("format") if shape.get("format") == "date-time" else None


def fields(shape: dict[str, Any], read: Any) -> dict[str, tuple[object, bool]]:
    return {name: read(one) for name, one in shape["properties"].items()}


def made_of(model: type) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([model])
    told = components[model.__name__]
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - ERRORS - TAKEN))
def test_an_answer_is_read_as_the_document_tells_it(name: str) -> None:
    model, shape = made_of(getattr(models, name)), SCHEMAS[name]
    ours, theirs = fields(model, typed), fields(shape, documented)
    required = set(shape["required"])
    assert {name: kind for name, (kind, _) in ours.items()} == {name: kind for name, (kind, _) in theirs.items()}
    assert {name: ours[name] for name in required} == {name: theirs[name] for name in required}
    assert set(model["required"]) == required  # the others have a default


@pytest.mark.parametrize("name", [*sorted(TAKEN - NOT_WORTH_A_CLASS), *IN_PLACE])
def test_what_is_sent_has_the_names_that_the_document_tells(name: str) -> None:
    taken, shape = getattr(requests, name), IN_PLACE.get(name) or SCHEMAS[name]
    hints = get_type_hints(taken, include_extras=True)
    required = {
        name: hint
        for name, hint in hints.items()
        if get_origin(hint) is Required or (taken.__total__ and get_origin(hint) is not NotRequired)
    }
    assert set(requests.as_sent(hints)) == set(shape["properties"])
    assert set(requests.as_sent(required)) == set(shape.get("required", []))


def test_a_client_of_each_release_is_released_with_it() -> None:
    assert blast_api_client.__version__ == blast_api.__version__


def test_what_a_later_release_adds_is_passed_over() -> None:
    told = {"created": "2030-01-31T12:01:00Z", "length": 8, "url": "", "more": {}}
    assert msgspec.convert(told, models.Voice).length == 8
