"""The REST face of detail records: /core/v2/calls/call_drs, what became of each call that has ended, as documented.

No record names the call's sid. Which SIP causes stand for what is not documented; these are SIP's own.
"""

from __future__ import annotations

import uuid
from http import HTTPStatus

from .calls import Call, Stage
from .carrier import Carrier
from .listing import envelope
from .wire import Answer, Json, Refusal, Request, json_answer

_ANSWERED = "200"
# Lower case, without hyphens.
_CAUSES = {"busy": "486", "noanswer": "480", "cancel": "487"}
_ANOTHER = "503"


def answer_details(carrier: Carrier, request: Request) -> Answer:
    """Answer a request for the list; raises Refusal."""
    if request.method != "GET":
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    ended = [_detail(carrier, call) for call in carrier.calls if call.stage is Stage.OVER]
    return json_answer(envelope(ended, request, base_url=carrier.base_url))


def _detail(carrier: Carrier, call: Call) -> Json:
    def date(at: float | None) -> str | None:
        return None if at is None else carrier.date(at)

    word = (call.status or "").replace("-", "")
    return {
        "dr_sid": str(uuid.uuid5(uuid.NAMESPACE_OID, call.sid)),
        "number_src": f"+{call.caller}",
        "number_dst": f"+{call.number}",
        "date_start": date(call.due_at),
        "date_talk": date(call.answered_at),
        "date_stop": date(call.ended_at),
        "duration": str(call.duration),
        "duration_billing": str(-(-call.duration // 6) * 6),
        "sipcause": _CAUSES.get(word, _ANOTHER) if call.answered_at is None else _ANSWERED,
        "disconnect_originator": "dst",
        "endpoint_sid_src": carrier.endpoint_sid,
        "endpoint_sid_dst": None,
    }
