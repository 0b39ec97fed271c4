"""The document of OpenAPI 3: valid, whole, the same wherever it stands, and no operation forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

from blast_api.rest import urls
from blast_api.rest.openapi3 import converted
from tests.kits.commands import run

FILE = Path(settings.BASE_DIR) / "docs/reference/openapi.json"
# Of a path that the document tells of otherwise: the list of a user whose name has a slash in it.
ELSEWHERE = {("get", "/dnc/{userdata}/{number}")}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(FILE.read_text())


@pytest.fixture
def swagger(client: Client) -> Any:
    return json.loads(b"".join(client.get("/docs/swagger.json")))


def operations_of(told: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    for path, item in told["paths"].items():
        for method in METHODS & set(item):
            yield (method, path), item[method]


def test_the_file_is_what_the_service_says_today(client: Client) -> None:
    """Else: `make openapi`."""
    answer = client.get("/docs/openapi.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert answer.content.decode() == FILE.read_text()


def test_the_command_prints_it() -> None:
    assert run("openapi").out == FILE.read_text()


def test_it_is_valid_by_another_ones_judgement(document: Any) -> None:
    validate(document)


def test_every_address_of_the_api_is_in_it(document: Any) -> None:
    served = {
        (method, "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern)).replace("{pk}", "{id}"))
        for pattern in urls.urlpatterns
        if isinstance(pattern, URLPattern) and hasattr(pattern.callback, "actions")
        for method in pattern.callback.actions
        if method != "head"  # the first request to a view adds it
    }
    assert {name for name, _ in operations_of(document)} == served - ELSEWHERE


def test_nothing_of_the_swagger_document_is_lost(document: Any, swagger: Any) -> None:
    new = dict(operations_of(document))
    for name, old in operations_of(swagger):
        assert new[name]["operationId"] == old["operationId"]
        plain = [one for one in old["parameters"] if one["in"] not in ("body", "formData")]
        assert [(one["name"], one["in"]) for one in new[name].get("parameters", [])] == [
            (one["name"], one["in"]) for one in plain
        ]
        assert ("requestBody" in new[name]) == (len(plain) < len(old["parameters"]))
        assert set(new[name]["responses"]) == set(old["responses"])
        for status, answer in old["responses"].items():
            assert set(new[name]["responses"][status].get("headers", {})) == set(answer.get("headers", {}))
            assert ("content" in new[name]["responses"][status]) == ("schema" in answer)


def test_the_headers_that_a_client_goes_by_are_in_it(document: Any) -> None:
    told = dict(operations_of(document))
    assert {one["name"] for one in told["post", "/shouts"]["parameters"]} == {"Idempotency-Key"}
    assert set(told["post", "/shouts"]["responses"]["201"]["headers"]) == {"Idempotent-Replayed"}
    for (method, path), operation in told.items():
        assert set(operation["responses"]["429"]["headers"]) == {"Retry-After"}
        if "503" in operation["responses"]:
            assert set(operation["responses"]["503"]["headers"]) == {"Retry-After"}
        lists = method == "get" and operation["responses"]["200"]["content"].get("application/json", {})
        if lists and lists["schema"].get("type") == "array":
            assert set(operation["responses"]["200"]["headers"]) == {"Link", "X-Total-Count"}, path


def test_it_says_who_may_ask_and_leaves_the_host_to_who_serves_it(document: Any) -> None:
    assert document["servers"] == [{"url": "/api/v1"}]
    assert document["security"] == [{"Token": []}]
    assert document["components"]["securitySchemes"]["Token"]["type"] == "apiKey"


def test_a_recording_comes_as_a_form_or_a_text_as_json(document: Any) -> None:
    content = document["paths"]["/recordings"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    form, plain = (content[media]["schema"]["properties"] for media in ("multipart/form-data", "application/json"))
    assert form["file"]["format"] == "binary"
    assert set(form) - set(plain) == {"file"}


def test_each_example_has_the_shape_that_is_told_of_it(document: Any) -> None:
    seen = 0
    for name, operation in operations_of(document):
        for status, answer in operation["responses"].items():
            told = answer.get("content", {}).get("application/json")
            if told:
                shape = {"allOf": [told["schema"]], "components": document["components"]}
                faults = list(OAS30Validator(shape).iter_errors(told["example"]))
                assert not faults, (name, status, faults)
                seen += 1
    assert seen > 100


def test_each_operation_has_a_name_of_its_own_that_says_what_it_is_about(document: Any) -> None:
    """Of which tools make functions."""
    names = [(operation["operationId"], operation["tags"]) for _, operation in operations_of(document)]
    assert len({name for name, _ in names}) == len(names)
    assert {"shouts_pause", "shouts_preflight", "webhooks_test", "recordings_audio"} <= {name for name, _ in names}
    for name, (tag,) in names:
        assert re.fullmatch(rf"{tag}(_[a-z]+)+", name)


def test_errors_have_names(document: Any) -> None:
    for _, operation in operations_of(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                name = "FieldErrors" if status == "400" else "Error"
                assert answer["content"]["application/json"]["schema"] == {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize("place", ["", "paths./shouts", "paths./shouts.get", "definitions.Shout"])
def test_a_word_that_it_does_not_know_is_refused(swagger: Any, place: str) -> None:
    told = swagger
    for part in filter(None, place.split(".")):
        told = told[part]
    told["x-new"] = {}
    with pytest.raises(ValueError, match="x-new"):
        converted(swagger)
