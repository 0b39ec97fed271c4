"""The simulator's own paths, for people and tools: no carrier has them."""

from __future__ import annotations

import html
from dataclasses import asdict
from http import HTTPStatus

from .calls import Call, Stage
from .carrier import Carrier
from .faults import read_injection
from .people import describe
from .wire import NO_CONTENT, Answer, Refusal, Request, json_answer, read_json

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Carrier simulator</title></head>
<body><h1>Carrier simulator</h1>
<p>{summary}</p>
<h2>People, by the last two digits of the number</h2><pre>{people}</pre>
<h2>Faults found in the application</h2><pre>{faults}</pre>
<p>JSON: <a href="/_simulator/">summary</a>, <a href="/_simulator/calls">calls</a>,
<a href="/_simulator/faults">faults</a></p></body></html>
"""
_PAGE_FAULTS = 50


def answer_page(carrier: Carrier) -> Answer:
    """Answer with a page for developers."""
    page = _PAGE.format(
        summary=html.escape(
            ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in _counts(carrier).items())
        ),
        people=html.escape(describe()),
        faults=html.escape("\n".join(carrier.faults[-_PAGE_FAULTS:]) or "none"),
    )
    return Answer(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")


def answer_control(carrier: Carrier, request: Request) -> Answer:
    """Answer a request below /_simulator; raises Refusal."""
    match request.method, request.path:
        case "GET", "/_simulator/":
            return json_answer({**_counts(carrier), "people": describe().splitlines()})
        case "GET", "/_simulator/calls":
            return json_answer([_show(call) for call in carrier.calls])
        case "GET", "/_simulator/faults":
            waiting = [asdict(injection) for injection in carrier.injections.waiting]
            return json_answer({"faults": carrier.faults, "injections": waiting})
        case "POST", "/_simulator/faults":
            carrier.injections.add(read_injection(read_json(request)))
            return NO_CONTENT
        case "POST", "/_simulator/reset":
            carrier.reset()
            return NO_CONTENT
        case _, "/_simulator/" | "/_simulator/calls" | "/_simulator/faults" | "/_simulator/reset":
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        case _:
            raise Refusal(HTTPStatus.NOT_FOUND)


def _counts(carrier: Carrier) -> dict[str, int]:
    calls = carrier.calls
    by_stage = {stage.value: sum(1 for call in calls if call.stage is stage) for stage in Stage}
    return {
        "calls": len(calls),
        **by_stage,
        "arrivals": len(carrier.arrivals),
        "files": len(carrier.files),
        "faults": len(carrier.faults),
    }


def _show(call: Call) -> dict[str, object]:
    return {
        "call_sid": call.sid,
        "number": call.number,
        "caller": call.caller,
        "stage": call.stage.value,
        "status": call.status,
        "duration": call.duration,
        "accepted_at": call.accepted_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "heard": call.heard,
        "keys": call.keys,
        "tape": [asdict(taped) for taped in call.tape],
        "bridges": [{**asdict(bridge), "seconds": bridge.seconds} for bridge in call.bridges],
        "documents": [document.url for document in call.documents],
        "attempt_index": call.attempt_index,
    }
