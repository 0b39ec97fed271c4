"""The interactive documentation: whole, true, and served without asking any other host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.contrib.staticfiles import finders
from django.test import Client, RequestFactory
from django.urls import resolve
from swagger_spec_validator.validator20 import validate_spec

from blast_api import __version__
from blast_api.domain.states import PAUSED, CallStatus, ShoutStatus
from tests.kits.rest import CALL_FIELDS, SHOUT_FIELDS, body, created, post, shut_the_gate

# Every request of the API, with every status that it may answer with.
DOCUMENTED = {
    ("get", "/shouts"): {"200", "400", "401", "406", "429"},
    ("post", "/shouts"): {"201", "400", "401", "406", "413", "415", "422", "429", "503", "507"},
    ("post", "/shouts;preflight"): {"200", "400", "401", "406", "413", "415", "429"},
    ("get", "/shouts/{id}"): {"200", "401", "404", "406", "429"},
    ("delete", "/shouts/{id};cancel"): {"200", "401", "404", "406", "409", "429"},
    ("post", "/shouts/{id};pause"): {"200", "401", "404", "406", "409", "429"},
    ("post", "/shouts/{id};audition"): {"202", "400", "401", "404", "406", "409", "413", "415", "429"},
    ("post", "/shouts/{id};resume"): {"200", "401", "404", "406", "409", "429"},
    ("get", "/calls"): {"200", "400", "401", "404", "406", "429"},
    ("get", "/calls/{id}"): {"200", "401", "404", "406", "429"},
    ("get", "/attempts"): {"200", "400", "401", "404", "406", "429"},
    ("get", "/recordings"): {"200", "400", "401", "406", "429"},
    ("post", "/recordings"): {"201", "400", "401", "406", "413", "415", "429", "503", "507"},
    ("get", "/recordings/{id}"): {"200", "401", "404", "406", "429"},
    ("delete", "/recordings/{id}"): {"204", "401", "404", "406", "409", "429"},
    ("get", "/recordings/{id}/audio"): {"200", "206", "401", "404", "416", "429", "503"},
    ("get", "/webhooks"): {"200", "400", "401", "406", "429"},
    ("post", "/webhooks"): {"201", "400", "401", "406", "413", "415", "429"},
    ("get", "/webhooks/{id}"): {"200", "401", "404", "406", "429"},
    ("delete", "/webhooks/{id}"): {"204", "401", "404", "406", "429"},
    ("post", "/webhooks/{id};test"): {"202", "401", "404", "406", "409", "429"},
    ("post", "/webhooks/{id};rotate"): {"200", "401", "404", "406", "429"},
    ("post", "/webhooks/{id};enable"): {"200", "401", "404", "406", "429"},
    ("get", "/webhooks/{id}/deliveries"): {"200", "400", "401", "404", "406", "429"},
    ("get", "/dnc"): {"200", "400", "401", "406", "429"},
    ("post", "/dnc"): {"200", "400", "401", "406", "413", "415", "429"},
    ("delete", "/dnc"): {"204", "400", "401", "404", "406", "429"},
    ("get", "/dnc/{userdata}"): {"200", "400", "401", "406", "429"},
    ("delete", "/dnc/{userdata}/{number}"): {"204", "400", "401", "404", "406", "429"},
}
NEW_SHOUT_FIELDS = {
    "userdata",
    "caller",
    "recipients",
    "title",
    "schedule",
    "delivery",
    "old-shout-id",
    "from",
    "recording",
    "text",
    "voice",
    "voicemail_recording",
    "language",
    "transfer",
}


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    answer = client.get("/docs/swagger.json")
    assert answer.status_code == 200
    told = json.loads(b"".join(answer))
    assert isinstance(told, dict)
    return told


def operations(schema: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield (method, path), operation


def holds(schema: dict[str, Any], shape: dict[str, Any], example: object) -> None:
    """The example has this shape; Swagger's own word for null is put into JSON schema's."""

    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            told = {key: plain(value) for key, value in part.items() if key not in ("example", "title")}
            return {"anyOf": [told, {"type": "null"}]} if part.get("x-nullable") else told
        return [plain(one) for one in part] if isinstance(part, list) else part

    jsonschema.validate(example, plain(shape) | {"definitions": plain(schema["definitions"])})


@pytest.mark.parametrize("address", ["/docs", "/docs/"])
def test_the_page_is_served(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")
    assert "<title>blast-api</title>" in answer.content.decode()


def test_the_document_tells_our_release(schema: dict[str, Any]) -> None:
    assert schema["info"]["version"] == __version__


def test_who_knows_only_the_host_is_led_to_the_page(client: Client) -> None:
    assert resolve("/", "blast_api.rest.docs_urls").func(RequestFactory().get("/"))["Location"] == "/docs"


def test_the_page_and_its_assets_ask_no_other_host(client: Client) -> None:
    page = client.get("/docs").content.decode()
    linked = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert linked
    assert "//" not in page.replace("<!--", "")
    for link in linked:
        assert link.startswith("/static/")
        file = finders.find(link.removeprefix("/static/"))
        assert isinstance(file, str), link
        if file.endswith(".css"):
            with open(file) as sheet:
                assert not re.search(r"(@import|url\(['\"]?(https?:)?//)", sheet.read()), link


def test_nothing_is_said_in_the_log_when_the_schema_is_made(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/docs/swagger.json").status_code == 200
    assert caplog.messages == []


def test_the_schema_is_valid_swagger(schema: dict[str, Any]) -> None:
    validate_spec(schema)


def test_the_schema_names_every_request_and_status(schema: dict[str, Any]) -> None:
    assert (schema["swagger"], schema["basePath"]) == ("2.0", "/api/v1")
    assert schema["info"]["title"] == "blast-api"
    assert {name: set(operation["responses"]) for name, operation in operations(schema)} == DOCUMENTED


def test_requests_are_grouped_by_what_they_are_about(schema: dict[str, Any]) -> None:
    assert {name: operation["tags"] for name, operation in operations(schema)} == {
        (method, path): [re.split("[/;]", path)[1]] for method, path in DOCUMENTED
    }


def test_the_token_is_asked_for(schema: dict[str, Any]) -> None:
    assert schema["securityDefinitions"]["Token"]["name"] == "Authorization"
    assert schema["security"] == [{"Token": []}]


@pytest.mark.parametrize("operation", DOCUMENTED)
def test_every_answer_with_a_body_has_an_example_of_its_shape(
    schema: dict[str, Any], operation: tuple[str, str]
) -> None:
    told = dict(operations(schema))[operation]
    assert told["summary"]
    for status, answer in told["responses"].items():
        assert answer["description"]
        if status != "204" and answer["schema"] != {"type": "file"}:
            holds(schema, answer["schema"], answer["examples"]["application/json"])


def test_parameters_are_described(schema: dict[str, Any]) -> None:
    told = {
        name: {(one["name"], one["in"], one.get("required", False)) for one in operation["parameters"]}
        for name, operation in operations(schema)
    }
    page = {(name, "query", False) for name in ("limit", "offset", "format", "zone")}
    newest_first = page | {("before", "query", False)}
    assert told["get", "/shouts"] == {("userdata", "query", True)} | newest_first
    of_calls = {(name, "query", False) for name in ("shout-id", "phone", "userdata", "status", "after", "before")}
    assert told["get", "/calls"] == of_calls | page
    assert told["get", "/attempts"] == {("shout-id", "query", True), ("after", "query", False)} | page
    assert told["get", "/dnc"] == {("userdata", "query", False)} | newest_first
    assert told["post", "/dnc"] == {("userdata", "query", False), ("data", "body", True)}
    assert told["delete", "/dnc"] == {("userdata", "query", False), ("number", "query", True)}
    assert told["get", "/dnc/{userdata}"] == newest_first
    assert told["get", "/recordings"] == {("userdata", "query", True)} | newest_first
    in_a_form = {(name, "formData", name == "userdata") for name in ("file", "text", "voice", "title", "userdata")}
    assert told["post", "/recordings"] == in_a_form
    assert told["post", "/shouts"] == {("data", "body", True), ("Idempotency-Key", "header", False)}


def test_the_headers_that_page_a_list_are_described(schema: dict[str, Any]) -> None:
    told = dict(operations(schema))
    for path in ("/shouts", "/calls", "/attempts", "/recordings", "/dnc", "/dnc/{userdata}"):
        headers = told["get", path]["responses"]["200"]["headers"]
        assert set(headers) == {"Link", "X-Total-Count"}
        assert all(header["description"] for header in headers.values())


def test_the_examples_have_the_shape_of_the_answers(schema: dict[str, Any]) -> None:
    told = dict(operations(schema))
    (shout,) = told["get", "/shouts"]["responses"]["200"]["examples"]["application/json"]
    (call,) = told["get", "/calls"]["responses"]["200"]["examples"]["application/json"]
    assert set(shout) == SHOUT_FIELDS
    assert set(call) == CALL_FIELDS
    definitions = schema["definitions"]
    assert set(definitions["Shout"]["properties"]) == SHOUT_FIELDS
    assert set(definitions["Call"]["properties"]) == CALL_FIELDS
    assert set(definitions["Shout"]["properties"]["status"]["enum"]) == {*ShoutStatus.values, PAUSED}
    assert set(definitions["Call"]["properties"]["status"]["enum"]) == set(CallStatus.values)


@pytest.mark.django_db
def test_the_example_of_a_new_shout_is_accepted_and_its_answer_has_the_documented_shape(
    client: Client, schema: dict[str, Any]
) -> None:
    shut_the_gate()
    new_shout = schema["definitions"]["NewShout"]
    holds(schema, new_shout, new_shout["example"])
    assert set(new_shout["properties"]) == NEW_SHOUT_FIELDS
    assert set(new_shout["required"]) == {"userdata", "recipients"}
    shape = dict(operations(schema))["post", "/shouts"]["responses"]["201"]["schema"]
    holds(schema, shape, created(post(client, new_shout["example"])))
    holds(schema, shape, created(post(client, body())))


def test_the_schema_comes_as_yaml_too(client: Client) -> None:
    answer = client.get("/docs/swagger.yaml")
    assert answer.status_code == 200
    assert b"swagger: '2.0'" in b"".join(answer)
