"""The REST face of calls: /flexml/v1/calls, as documented."""

from __future__ import annotations

from http import HTTPStatus

from .calls import read_spec
from .carrier import Carrier
from .listing import envelope
from .wire import NO_CONTENT, Answer, Refusal, Request, json_answer, read_json


def answer_calls(carrier: Carrier, request: Request) -> Answer:
    """Answer a request below /flexml/v1; raises Refusal."""
    match request.method, request.path.split("/")[3:]:
        case "POST", ["calls"]:
            call = carrier.accept(read_spec(read_json(request)))
            return json_answer(call.on_wire(delay_s=call.delay))
        case "GET", ["calls"]:
            waiting = [carrier.show(call) for call in carrier.waiting]
            due = [item for item in waiting if item["delay"]]  # documented: every one listed has a delay left
            return json_answer(envelope(due, request, base_url=carrier.base_url))
        case "GET", ["calls", sid]:
            return json_answer(carrier.show(carrier.waiting_call(sid)))
        case ("PATCH" | "PUT") as method, ["calls", sid]:
            body = read_json(request)
            return json_answer(carrier.show(carrier.change(sid, body, whole_object=method == "PUT")))
        case "DELETE", ["calls", sid]:
            carrier.withdraw(sid)
            return NO_CONTENT
        case _, ["calls"] | ["calls", _]:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        case _:
            raise Refusal(HTTPStatus.NOT_FOUND)
