"""The door: who may come in, which room a request goes to, and the faults that happen on the way in or out."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus

from .calls_rest import answer_calls
from .carrier import Carrier
from .control import answer_control, answer_page
from .details_rest import answer_details
from .faults import CALLS_PATH, Injection
from .storage_rest import answer_public_file, answer_storage
from .wire import Answer, Refusal, Request, json_answer

MEGABYTE = 1024 * 1024


class Manner(Enum):
    """How much of an answer is sent before the connection is closed; WHOLE leaves it open."""

    WHOLE = "whole"
    HALF = "half"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Delivery:
    """An answer, how it is sent, and how many real seconds later."""

    answer: Answer
    manner: Manner = Manner.WHOLE
    late_s: float = 0.0


def receive(carrier: Carrier, request: Request) -> Delivery:
    """Let one request in, with the fault that waits for it, and return what goes out."""
    places_call = request.method == "POST" and request.path == CALLS_PATH
    at, number = time.monotonic(), _number_in(request) if places_call else ""
    accepted = False
    try:
        fault = carrier.injections.at_door(method=request.method, path=request.path, number=number or None)
        refused = _refused(fault)
        if refused is not None:
            return refused
        answer = route(carrier, request)
        accepted = answer.status == HTTPStatus.OK
        return Delivery(answer) if fault is None else _spoiled(answer, fault)
    finally:
        if places_call:
            carrier.note_arrival(at, number, accepted=accepted)


def route(carrier: Carrier, request: Request) -> Answer:
    """Answer a request in the room it asks for."""
    try:
        match request.path.split("/")[1:]:
            case ["flexml", "v1", *_]:
                _check_basic(carrier, request)
                return answer_calls(carrier, request)
            case ["core", "v2", "calls", "call_drs"]:
                _check_bearer(carrier, request)
                return answer_details(carrier, request)
            case ["core", "v2", *_]:
                _check_bearer(carrier, request)
                return answer_storage(carrier, request)
            case ["f", _]:
                return answer_public_file(carrier, request)
            case ["_simulator", *_]:
                return answer_control(carrier, request)
            case [""] if request.method in {"GET", "HEAD"}:
                return answer_page(carrier)
            case _:
                raise Refusal(HTTPStatus.NOT_FOUND)
    except Refusal as refusal:
        return refusal.answer()


def _number_in(request: Request) -> str:
    try:
        body: object = json.loads(request.body)
    except (ValueError, RecursionError):
        return ""
    number = body.get("called_did") if isinstance(body, dict) else None
    return number if isinstance(number, str) else ""


def _check_basic(carrier: Carrier, request: Request) -> None:
    expected = carrier.credentials
    if not (expected.user or expected.password):
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        shown = base64.b64decode(token, validate=True)
    except (binascii.Error, ValueError):
        shown = b""
    if scheme.lower() != "basic" or not hmac.compare_digest(shown, f"{expected.user}:{expected.password}".encode()):
        raise Refusal(HTTPStatus.UNAUTHORIZED)


def _check_bearer(carrier: Carrier, request: Request) -> None:
    expected = carrier.credentials.token
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if expected and (scheme.lower() != "bearer" or not hmac.compare_digest(shown.encode(), expected.encode())):
        raise Refusal(HTTPStatus.UNAUTHORIZED)


def _refused(fault: Injection | None) -> Delivery | None:
    """Return what goes out for a fault that keeps the request outside, None for any other."""
    match fault:
        case Injection(name="drop_before"):
            return Delivery(Answer(HTTPStatus.OK), Manner.NOTHING)
        case Injection(name="redirect"):
            return Delivery(Answer(HTTPStatus.FOUND, headers=(("Location", fault.location),)))
        case Injection(name="refuse"):
            body = json.dumps({"errors": [{"message": "refused"}]}) if fault.body is None else fault.body
            waits = () if fault.retry_after is None else (("Retry-After", str(fault.retry_after)),)
            return Delivery(Answer(fault.status, body.encode(), fault.content_type, waits))
        case _:
            return None


def _spoiled(answer: Answer, fault: Injection) -> Delivery:
    """Return what goes out when a request was let in and its answer is spoiled."""
    match fault.name:
        case "late":
            return Delivery(answer, late_s=fault.seconds)
        case "drop":
            return Delivery(answer, Manner.NOTHING)
        case "half":
            return Delivery(answer, Manner.HALF)
        case "html":
            return Delivery(Answer(HTTPStatus.OK, b"<html><body>Welcome</body></html>", "text/html"))
        case "no_sid":
            return Delivery(_without(answer, "call_sid", "file_sid"))
        case _:  # huge
            padded = json_answer({**_object(answer), "padding": "x" * (fault.size * MEGABYTE)}, status=answer.status)
            return Delivery(padded)


def _without(answer: Answer, *names: str) -> Answer:
    content = {key: value for key, value in _object(answer).items() if key not in names}
    return replace(answer, body=json.dumps(content).encode())


def _object(answer: Answer) -> dict[str, object]:
    content: object = json.loads(answer.body or b"{}")
    return content if isinstance(content, dict) else {}
