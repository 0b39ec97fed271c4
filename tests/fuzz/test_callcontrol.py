"""Callbacks, genuine and forged, in every form: always a document or 403, no error of our own, forged ones change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_api.callcontrol import documents
from blast_api.domain.callbacks import Party
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import AuthorCall, Call
from blast_api.simulator.document import read_document
from tests.kits import anything
from tests.kits.callbacks import ENDPOINTS, KEYS, delivered, path, rows, token_of, undone
from tests.kits.effort import examples, tried
from tests.kits.factories import author_call, call, listed, message
from tests.kits.journal import Journal
from tests.kits.raw_requests import Answer, Request
from tests.kits.rest import shut_the_gate

pytestmark = pytest.mark.django_db

NAMES = (*KEYS, "EndpointSid", "AccountSid", "PartnerSid")
# Anything but the address.
REQUESTS = st.builds(
    Request,
    method=anything.METHODS,
    path=st.just(""),
    query=anything.QUERIES
    | st.dictionaries(st.sampled_from(NAMES), anything.WORDS).map(lambda told: urlencode(told, errors="replace")),
    body=anything.bodies(NAMES),
    headers=st.tuples(anything.HEADERS, anything.CONTENT_TYPES).map(
        lambda parts: (*parts[0], ("Content-Type", parts[1]))
    ),
    length=anything.LENGTHS,
)


@dataclass(frozen=True)
class Service:
    """Calls and authors' calls in every state in which a callback can find them."""

    calls: list[Call]
    recordings: list[AuthorCall]
    journal: Journal

    def rows_of(self, kind: Party) -> list[int]:
        return [one.pk for one in (self.calls if kind is Party.RECIPIENT else self.recordings)]

    def asked(self, request: Request, address: str) -> Answer:
        """The answer, of which nothing may tell of the inside."""
        answer = Request(request.method, address, request.query, request.body, request.headers, request.length).sent()
        self.journal.is_empty()
        assert not answer.tells_of_the_inside()
        return answer


@pytest.fixture
def service(journal: Journal) -> Service:
    shut_the_gate()
    calls = [delivered(status=CallStatus.ONGOING, serial=2, attempts=2)]
    calls += [delivered(status=CallStatus.ONGOING, answerer="HUMAN", serial=2), delivered(withdrawn=True, serial=2)]
    calls += [delivered(status=CallStatus.PENDING, serial=2), delivered(status=CallStatus.READY, sid="", serial=2)]
    calls += [delivered(status=CallStatus.TIMED_OUT, shout={"status": ShoutStatus.TIMED_OUT}, serial=2)]
    calls += [delivered(status=status, serial=2) for status in (CallStatus.COMPLETED, CallStatus.FAILED)]
    calls += [delivered(status=CallStatus.PENDING, sid="", serial=2, shout={"status": ShoutStatus.PENDING})]
    listed(calls[1].number)
    recordings = []
    for state in RecordingState:
        shout = message()
        call(shout)
        taken = (
            {"take": 1, "url": "http://c/f.wav?a=1&b=2", "file_sid": "f"} if state == RecordingState.RECORDED else {}
        )
        recordings.append(author_call(shout, state=state, serial=2, sid="a", **taken))
    return Service(calls, recordings, journal)


@pytest.mark.parametrize(("kind", "step"), ENDPOINTS)
@examples(120)
@given(data=st.data())
def test_a_genuine_callback_is_always_answered(service: Service, kind: Party, step: str, data: st.DataObject) -> None:
    request = data.draw(REQUESTS)
    row = data.draw(st.sampled_from(service.rows_of(kind)))
    serial = data.draw(st.sampled_from([2, 2, 2, 1, 3, 0]))
    tried[f"{kind}/…/{step}, genuine"] += 1
    with undone():
        answer = service.asked(request, path(kind, row, serial, step))
    assert answer.status == 200
    if step == "status":
        assert answer.body == b""
        return
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert answer.body != documents.apology()
    if request.method != "HEAD":
        assert read_document(answer.body)


@pytest.mark.parametrize(("kind", "step"), ENDPOINTS)
@examples(40)
@given(data=st.data())
def test_a_forged_callback_changes_nothing(service: Service, kind: Party, step: str, data: st.DataObject) -> None:
    request = data.draw(REQUESTS)
    row = data.draw(st.sampled_from(service.rows_of(kind)))
    token = token_of(kind, row, 2)
    forgery = data.draw(
        anything.SEGMENTS
        | st.sampled_from([token[:-1], token + "A", token.swapcase(), token[::-1], token_of(kind, row, 1), "é" * 27])
        | st.integers(0, len(token) - 1).map(
            lambda at: token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        )
    )
    tried[f"{kind}/…/{step}, forged"] += 1
    before = rows()
    answer = service.asked(request, path(kind, row, 2, step, token=forgery))
    assert (answer.status, answer.body) == (403, b"")
    assert rows() == before


@examples(200)
@given(
    request=REQUESTS, segments=st.lists(anything.SEGMENTS | st.sampled_from([*Party, "1", "2", "status"]), max_size=7)
)
def test_what_is_no_address_is_refused(service: Service, request: Request, segments: list[str]) -> None:
    tried["no address"] += 1
    before = rows()
    answer = service.asked(request, "/api/v1/call-control/" + "/".join(segments))
    assert (answer.status, answer.body) == (403, b"")
    assert rows() == before
