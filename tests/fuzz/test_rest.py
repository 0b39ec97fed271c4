"""The applications' face, by its own document and against it: every answer is one that the document promises."""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis import checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as answers

from blast_api.domain import recipients
from blast_api.domain.rules import said
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api_project.wsgi import application
from tests.kits import anything
from tests.kits.callbacks import rows, undone
from tests.kits.effort import examples, tried
from tests.kits.factories import USER, author_call, call, listed, message, number
from tests.kits.journal import Journal
from tests.kits.raw_requests import Request
from tests.kits.rest import shut_the_gate

pytestmark = pytest.mark.django_db

OPERATIONS = [
    ("GET", "/shouts"),
    ("POST", "/shouts"),
    ("POST", "/shouts;preflight"),
    ("GET", "/shouts/{id}"),
    ("DELETE", "/shouts/{id};cancel"),
    ("POST", "/shouts/{id};pause"),
    ("POST", "/shouts/{id};resume"),
    ("POST", "/shouts/{id};audition"),
    ("GET", "/calls"),
    ("GET", "/calls/{id}"),
    ("GET", "/attempts"),
    ("GET", "/recordings"),
    ("POST", "/recordings"),
    ("GET", "/recordings/{id}"),
    ("DELETE", "/recordings/{id}"),
    ("GET", "/webhooks"),
    ("POST", "/webhooks"),
    ("GET", "/webhooks/{id}"),
    ("DELETE", "/webhooks/{id}"),
    ("POST", "/webhooks/{id};test"),
    ("POST", "/webhooks/{id};rotate"),
    ("POST", "/webhooks/{id};enable"),
    ("GET", "/webhooks/{id}/deliveries"),
    ("GET", "/dnc"),
    ("POST", "/dnc"),
    ("DELETE", "/dnc"),
    ("GET", "/dnc/{userdata}"),
    ("DELETE", "/dnc/{userdata}/{number}"),
]
CHECKS = [
    checks.not_a_server_error,
    answers.status_code_conformance,
    answers.content_type_conformance,
    answers.response_schema_conformance,
    answers.response_headers_conformance,
]
KEYS = (
    "userdata",
    "caller",
    "recipients",
    "title",
    "schedule",
    "old-shout-id",
    "delivery",
    "from",
    "recording",
    "text",
    "voice",
    "voicemail_recording",
    "language",
    "transfer",
)
RULES = (*said.RULES, "until", "calls_per_second", "concurrent_calls")
PARTS = ("from", "to", "days", "zone", "busy", "no-answer", "machine", "failed_percent", "of")
# What follows from an answer: schemathesis goes these ways.
LINKS = {
    ("/shouts", "post", "201"): {
        "read": {"operationId": "shouts_read", "parameters": {"id": "$response.body#/id"}},
        "cancel": {"operationId": "shouts_cancel", "parameters": {"id": "$response.body#/id"}},
        "pause": {"operationId": "shouts_pause", "parameters": {"id": "$response.body#/id"}},
        "calls": {"operationId": "calls_list", "parameters": {"shout-id": "$response.body#/id"}},
        "list": {"operationId": "shouts_list", "parameters": {"userdata": "$response.body#/userdata"}},
    },
    ("/shouts/{id};cancel", "delete", "200"): {
        "again": {"operationId": "shouts_cancel", "parameters": {"id": "$response.body#/id"}},
        "read": {"operationId": "shouts_read", "parameters": {"id": "$response.body#/id"}},
    },
    ("/shouts/{id};pause", "post", "200"): {
        "resume": {"operationId": "shouts_resume", "parameters": {"id": "$response.body#/id"}},
        "cancel": {"operationId": "shouts_cancel", "parameters": {"id": "$response.body#/id"}},
    },
    ("/shouts/{id};audition", "post", "202"): {
        "read": {"operationId": "calls_read", "parameters": {"id": "$response.body#/id"}},
        "cancel": {"operationId": "shouts_cancel", "parameters": {"id": "$response.body#/shout_id"}},
    },
    ("/shouts", "get", "200"): {
        "read": {"operationId": "shouts_read", "parameters": {"id": "$response.body#/0/id"}},
        "dnc": {"operationId": "dnc_list", "parameters": {"userdata": "$response.body#/0/userdata"}},
    },
    ("/calls", "get", "200"): {
        "read": {"operationId": "shouts_read", "parameters": {"id": "$response.body#/0/shout_id"}},
    },
}


@cache
def document() -> Any:
    """The document that we publish, with links."""
    told = json.loads(Request("GET", "/docs/swagger.json").sent().body)
    del told["paths"]["/recordings/{id}/audio"]  # it asks the carrier, and there is none
    for (path, method, status), links in LINKS.items():
        told["paths"][path][method]["responses"][status]["x-links"] = links
    schema = schemathesis.openapi.from_dict(told)
    schema.app = application
    return schema


@cache
def cases(method: str, path: str, mode: GenerationMode) -> Any:
    return document()[path][method].as_strategy(generation_mode=mode)


@pytest.fixture(autouse=True)
def ids(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Shouts in every status, the first of them with a call in every status; texts are said by the carrier."""
    monkeypatch.setitem(sys.modules, "hibari", None)
    shut_the_gate()
    shouts = [message(status=status) for status in ShoutStatus]
    for shout in shouts:
        author_call(shout, recorded=True)
    for status in CallStatus:
        listed(call(shouts[0], status=status).number)
    return [shout.pk for shout in shouts]


def conforms(case: Any, answer: Any) -> None:
    """Fails if the document does not promise this answer; a 204 has no content, and so no type of it."""
    of_nothing = {answers.content_type_conformance} if answer.status_code == 204 else set()
    case.validate_response(answer, checks=[check for check in CHECKS if check not in of_nothing])


def known(case: Any, ids: list[int], data: st.DataObject) -> None:
    """Every other case asks for something that there is."""
    there: dict[str, st.SearchStrategy[Any]] = {
        "id": st.sampled_from(ids),
        "shout-id": st.sampled_from(ids),
        "userdata": st.just(USER),
        "number": st.integers(0, len(CallStatus) - 1).map(number),
    }
    for container in (case.path_parameters, case.query):
        for name in sorted(set(container or ()) & set(there)):
            if data.draw(st.booleans()):
                container[name] = data.draw(there[name])


def agreeable(case: Any, data: st.DataObject) -> None:
    """Numbers and times that nobody guesses, so that a good part of what is new is accepted."""
    if not isinstance(case.body, dict) or not data.draw(st.booleans()):
        return
    if case.operation.label.endswith(";audition"):
        case.body["to"] = number(data.draw(st.integers(0, 9999)))
    else:
        case.body |= {"caller": number(data.draw(st.integers(0, 9999))), "schedule": None}
        case.body |= {"recipients": data.draw(st.lists(st.integers(0, 99).map(number), min_size=1)), "userdata": USER}
        for name in ("old-shout-id", "from", "delivery")[: data.draw(st.integers(2, 3))]:
            case.body.pop(name, None)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@examples(40)
@given(data=st.data())
def test_every_answer_is_as_documented(
    ids: list[int], journal: Journal, method: str, path: str, mode: GenerationMode, data: st.DataObject
) -> None:
    case = data.draw(cases(method, path, mode))
    if mode is GenerationMode.POSITIVE:
        known(case, ids, data)
        agreeable(case, data)
    tried[f"{method} {path}, {mode.value}"] += 1
    with undone():
        before = rows()
        answer = case.call()
        stands = rows() == before
    conforms(case, answer)
    journal.is_empty()
    assert answer.status_code < 400 or stands
    assert b"Traceback" not in answer.content


def test_what_follows_from_an_answer_is_as_documented(journal: Journal) -> None:
    class Ways(document().as_state_machine()):  # type: ignore[misc]  # made at run time
        def validate_response(self, response: Any, case: Any, **also: Any) -> None:
            tried[f"{case.operation.label}, followed"] += 1
            conforms(case, response)
            journal.is_empty()

        def before_call(self, case: Any) -> None:
            if case.operation.label == "POST /shouts" and isinstance(case.body, dict):
                case.body |= {"caller": number(1), "recipients": [number(2)], "userdata": USER, "schedule": None}
                for name in ("old-shout-id", "from", "delivery"):
                    case.body.pop(name, None)

    Ways.run(settings=examples(15, steps=6))


# --- Anything at all --------------------------------------------------------------------------------------------------

RECIPIENTS = st.lists(anything.objects((*recipients.KEYS, *recipients.KEYS)) | anything.VALUES, max_size=4)
BODIES = anything.bodies(KEYS) | (
    anything.objects(KEYS)
    | anything.objects(RULES).map(lambda told: {"delivery": told})
    | st.sampled_from(RULES).flatmap(lambda rule: anything.objects(PARTS).map(lambda told: {"delivery": {rule: told}}))
    | RECIPIENTS.map(lambda told: {"recipients": told})
).map(lambda told: json.dumps({"caller": number(1), "recipients": [number(2)], "userdata": USER} | told).encode())
PATHS = st.sampled_from(
    ["shouts", "shouts", "shouts", "shouts/1", "shouts/1;cancel", "calls", "attempts", "dnc", "dnc/user"]
) | st.lists(st.sampled_from(["shouts", "calls", "dnc", "docs"]) | anything.SEGMENTS, max_size=4).map("/".join).filter(
    lambda path: not path.startswith("call-control")
)
QUERIES = anything.QUERIES | st.tuples(
    st.sampled_from(["userdata", "shout-id", "number", "limit", "offset", "before", "after", "format", "zone"]),
    anything.SEGMENTS,
).map(lambda pair: f"userdata=user&{pair[0]}={pair[1]}")
REQUESTS = st.builds(
    Request,
    method=anything.METHODS,
    path=PATHS.map(lambda path: f"/api/v1/{path}"),
    query=QUERIES,
    body=BODIES,
    headers=st.tuples(anything.HEADERS, st.just("application/json") | anything.CONTENT_TYPES).map(
        lambda parts: (*parts[0], ("Content-Type", parts[1]))
    ),
    length=anything.LENGTHS,
)


@pytest.fixture(params=["production", "development"])
def environment(request: pytest.FixtureRequest, settings: Settings) -> str:
    """Where Django says little, and where it says much."""
    settings.DEBUG = request.param == "development"
    return str(request.param)


@examples(250)
@given(request=REQUESTS)
def test_whatever_is_asked_has_an_answer_of_the_house(journal: Journal, environment: str, request: Request) -> None:
    tried[f"anything at all, {environment}"] += 1
    with undone():
        before = rows()
        answer = request.sent()
        stands = rows() == before
    journal.is_empty()
    assert not answer.tells_of_the_inside()
    assert answer.status < 500
    if answer.status >= 400:
        assert stands
        assert request.method == "HEAD" or answer.is_an_error_of_the_house()


@pytest.mark.parametrize("charset", ["rot13", "zlib", "hex", "undefined", "utf-16", "utf-7", "cp037", "none such"])
def test_a_charset_changes_nothing(ids: list[int], journal: Journal, charset: str) -> None:
    headers = (("Content-Type", f"application/json; charset={charset}"),)
    answer = Request("GET", "/api/v1/shouts", f"userdata={USER}&x=%c3%a9", headers=headers).sent()
    assert (answer.status, len(json.loads(answer.body))) == (200, len(ids))
    body = json.dumps({"caller": number(1), "recipients": [number(2)], "userdata": "\u00fc"}, ensure_ascii=False)
    answer = Request("POST", "/api/v1/shouts", "x=%ff", body.encode(), headers).sent()
    assert (answer.status, json.loads(answer.body)["userdata"]) == (201, "\u00fc")
    journal.is_empty()


@pytest.mark.parametrize(
    ("written", "is_read"),
    [
        ("boundary=----xyz", True),
        ('boundary="----xyz"', True),
        ("charset=rot13; Boundary=----xyz", True),
        ("boundary=----xyz;charset=rot13", True),
        ('boundary="----xyz;charset=rot13"', False),
        (f"boundary={'x' * 71}", False),
        ("charset=rot13", False),
    ],
)
def test_of_a_form_its_boundary_is_read_and_no_charset(ids: list[int], written: str, is_read: bool) -> None:
    part = b'------xyz\r\nContent-Disposition: form-data; name="userdata"\r\n\r\nu\r\n------xyz--\r\n'
    headers = (("Content-Type", f"multipart/form-data; {written}"),)
    answer = Request("POST", "/api/v1/recordings", "x=%ff", part, headers).sent()
    assert answer.status == 400
    assert ("file" in json.loads(answer.body)) == is_read  # which the form lacks
