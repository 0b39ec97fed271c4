"""Whatever comes in a callback's body, the person on the phone hears a document and the carrier is never told of errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from blast_api.callcontrol import documents
from blast_api.domain.callbacks import Party
from blast_api.domain.menus import Wish
from blast_api.domain.states import CallStatus, RecordingState, ShoutStatus
from blast_api.models import AuthorCall, Call, LogKind
from blast_api.services.authors import Reply
from blast_api.simulator.document import read_document
from tests.kits.callbacks import ENDPOINTS, KEYS, ask, delivered, path, texts, undone
from tests.kits.factories import author_call, call, message

pytestmark = pytest.mark.django_db


def every_key(value: object) -> bytes:
    return json.dumps(dict.fromkeys(KEYS, value)).encode()


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "blank": b"   \r\n",
    "an empty object": b"{}",
    "no JSON": b"{'Digits': 5}",
    "half of an object": b'{"Digits": "1", "CallSta',
    "an array": b'["Digits", "1"]',
    "a text": b'"Digits"',
    "a number": b"5",
    "null": b"null",
    "two objects": b"{}{}",
    "other keys": b'{"digits": "1", "": 1, "callstatus": "completed"}',
    "the same key twice": b'{"Digits": "9", "Digits": "1"}',
    "nulls": every_key(None),
    "truths": every_key(True),
    "arrays": every_key([1, [2]]),
    "objects": every_key({"a": {"b": 1}}),
    "empty texts": every_key(""),
    "zeros": every_key(0),
    "negative numbers": every_key(-1),
    "floats": every_key(1.5),
    "huge numbers": every_key(10**400),
    "numbers too long to read": b'{"CallDuration": ' + b"9" * 10_000 + b"}",
    "infinite numbers": b'{"CallDuration": 1e999, "RecordingDuration": -1e999, "Digits": 1e999}',
    "NaN": b'{"CallDuration": NaN, "RecordingDuration": Infinity, "Digits": -Infinity}',
    "long texts": every_key("5" * 100_000),
    "NULs": every_key("\0" * 10),
    "a NUL in the middle": every_key("com\0pleted"),
    "control characters": every_key("http://c/\x01\x1b\x7f\ufffe\uffff"),
    "lone surrogates": b"{" + b", ".join(b'"%s": "\\ud800x\\udfff"' % key.encode() for key in KEYS) + b"}",
    "raw lone surrogates": b'{"CallSid": "\xed\xa0\x80", "Digits": "1"}',
    "Latin-1": '{"CallSid": "é"}'.encode("latin-1"),
    "UTF-16": '{"Digits": "1"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"Digits": "1"}',
    "markup": every_key("</Play><Hangup/>&\"'<![CDATA["),
    "deep arrays": b'{"Digits": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "3 MB": json.dumps({"Digits": "1", "CallStatus": "completed", "x": "y" * 3_000_000}).encode(),
    "10 MB": b'{"x": "' + b"y" * 10_000_000 + b'"}',
    "many keys": json.dumps({f"key {index}": index for index in range(20_000)}).encode(),
    "a form with everything twice": urlencode([(key, "1") for key in KEYS * 2]).encode(),
    "a form with too many fields": b"a=1&" * 5000,
    "percent signs": b"%%%=%zz&Digits=%00%ff",
}


# The state of the author's call in which a callback does something.
STATE_FOR = {
    "answered": RecordingState.PLACED,
    "welcome": RecordingState.USER_ANSWERED,
    "recorded": RecordingState.PRESSED_STAR,
    "not-recorded": RecordingState.PRESSED_STAR,
    "nothing-recorded": RecordingState.PRESSED_STAR,
    "verification": RecordingState.RECORDED,
    "status": RecordingState.PLACED,
}


@dataclass
class Service:
    """A call, and an author's call in each state where a callback does something."""

    client: Client
    call: Call
    recordings: dict[RecordingState, AuthorCall]

    def address(self, kind: Party, step: str) -> str:
        row = self.call.pk if kind is Party.RECIPIENT else self.recordings[STATE_FOR[step]].pk
        return path(kind, row, 1, step)

    def answers(self, kind: Party, step: str, body: bytes, content_type: str = "application/json") -> None:
        with undone():
            answer = self.client.post(self.address(kind, step), body, content_type=content_type)
        assert answer.status_code == 200
        if step == "status":
            assert answer.content == b""
        else:
            assert read_document(answer.content)
            assert answer.content != documents.apology()


@pytest.fixture
def callback_service(client: Client) -> Service:
    recordings = {}
    for state in set(STATE_FOR.values()):
        shout = message(status=ShoutStatus.PENDING)
        call(shout)
        taken = {"take": 1, "url": "http://c/f.wav", "file_sid": "f"} if state == RecordingState.RECORDED else {}
        recordings[state] = author_call(shout, state=state, serial=1, sid="a", **taken)
    return Service(client, delivered(), recordings)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_any_body_gets_a_document(callback_service: Service, body: bytes) -> None:
    for kind, step in ENDPOINTS:
        callback_service.answers(kind, step, body)


def test_no_body_is_too_deep_to_be_recorded(callback_service: Service) -> None:
    for depth in range(700, 1000, 12):  # a range of some 20 could be read, and not be written
        body = b'{"CallStatus": "completed", "x": ' + b"[" * depth + b"]" * depth + b"}"
        callback_service.answers(Party.AUTHOR, "status", body)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/xml",
        "nonsense",
    ],
)
def test_the_content_type_does_not_matter(callback_service: Service, content_type: str) -> None:
    for kind, step in ENDPOINTS:
        callback_service.answers(kind, step, b'{"Digits": "9", "CallStatus": "ringing"}', content_type)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_no_method_is_turned_away(callback_service: Service, method: str) -> None:
    for kind, step in ENDPOINTS:
        assert callback_service.client.generic(method, callback_service.address(kind, step)).status_code == 200


# --- Read in every form -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "query", "form", "form without its type", "number", "float"])
def test_keys_are_understood_in_every_form(client: Client, form: str) -> None:
    pressed = delivered()
    address = path(Party.RECIPIENT, pressed.pk, 1, "key")
    match form:
        case "json":
            answer = ask(client, address, Digits="5")
        case "query":
            answer = client.get(address, {"Digits": "5"})  # type: ignore[assignment]
        case "form":
            answer = client.post(address, "Digits=5", content_type="application/x-www-form-urlencoded")  # type: ignore[assignment]
        case "form without its type":
            answer = client.post(address, "Digits=5", content_type="application/json")  # type: ignore[assignment]
        case "number":
            answer = ask(client, address, Digits=5)
        case _:
            answer = ask(client, address, Digits=5.0)
    assert answer.content == documents.after_key(Wish.OPT_OUT, None, str)
    pressed.refresh_from_db()
    assert pressed.opted_out


@pytest.mark.parametrize(
    ("told", "stored"),
    [
        (7, 7),
        ("7", 7),
        (6.2, 7),
        ("6.2", 7),
        (0, 0),
        ("", None),
        (None, None),
        (-1, None),
        ("soon", None),
        (10**9, None),
        ([7], None),
        (True, None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_a_duration_is_whole_seconds_or_unknown(client: Client, told: object, stored: int | None) -> None:
    ended = delivered(answerer="HUMAN")
    ask(client, path(Party.RECIPIENT, ended.pk, 1, "status"), CallStatus="completed", CallDuration=told)
    ended.refresh_from_db()
    assert (ended.status, ended.duration) == (CallStatus.COMPLETED, stored)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"RecordingUrl": "http://c/f.wav"},
        {"RecordingFileSid": "f"},
        {"RecordingUrl": None, "RecordingFileSid": "f"},
        {"RecordingUrl": "http://c/f.wav", "RecordingFileSid": ""},
        {"RecordingUrl": "http://c/" + "f" * 3000, "RecordingFileSid": "f"},
        {"RecordingUrl": "http://c/f.wav", "RecordingFileSid": "f" * 65},
    ],
)
def test_a_recording_that_cannot_be_found_again_is_an_error(client: Client, told: dict[str, object]) -> None:
    shout = message()
    author_call(shout, state=RecordingState.PRESSED_STAR, serial=1)
    answer = ask(client, path(Party.AUTHOR, shout.pk, 1, "recorded"), **told)
    assert answer.content == documents.for_author(Reply.GOODBYE, str, None)
    shout.refresh_from_db()
    assert (shout.status, shout.author_call.state) == (ShoutStatus.ERROR, RecordingState.CARRIERX_ERROR)


def test_what_cannot_stand_in_a_document_is_taken_out_of_a_url(client: Client) -> None:
    shout = message()
    author_call(shout, state=RecordingState.PRESSED_STAR, serial=1)
    told = {"RecordingUrl": " http://c/\x00f\x1b.w\uffffav\n", "RecordingFileSid": "f"}
    ask(client, path(Party.AUTHOR, shout.pk, 1, "recorded"), **told)
    assert AuthorCall.objects.get().url == "http://c/f.wav"


def test_a_record_of_the_authors_call_is_always_json(client: Client) -> None:
    shout = message()
    author_call(shout, state=RecordingState.USER_ANSWERED, serial=1)
    body = b'{"CallStatus": "completed", "a": 1e999, "b": NaN, "c": "\\u0000\\ud800", "d": [1e999, {"e": -1e999}]}'
    client.post(path(Party.AUTHOR, shout.pk, 1, "status"), body, content_type="application/json")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    line = json.loads(texts(LogKind.REC_CDR)[0], parse_constant=refuse)
    assert (line["a"], line["b"], line["c"], line["d"]) == (None, None, "\0\ud800", [None, {"e": None}])


# --- Our own errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["answered", "key"])
def test_an_error_of_our_own_is_heard_as_an_apology(client: Client, settings: Settings, step: str) -> None:
    ringing = delivered()
    address = path(Party.RECIPIENT, ringing.pk, 1, step)
    settings.VOICE_MENU = {}
    answer = ask(client, address, Digits="0")
    assert (answer.status_code, answer.content) == (200, documents.apology())


def test_an_ending_that_could_not_be_stored_is_told_again(client: Client, settings: Settings) -> None:
    ringing = delivered()
    address = path(Party.RECIPIENT, ringing.pk, 1, "status")
    settings.VOICE_MENU = {}
    assert ask(client, address, CallStatus="completed").status_code == 500
    ringing.refresh_from_db()
    assert (ringing.status, texts(LogKind.CDR)) == (CallStatus.ONGOING, [])


# --- Anything at all ----------------------------------------------------------------------------------------------

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["0", "1", "2", "3", "5", "7", "*", "#", "completed", "busy", "no-answer", "HUMAN", "MACHINE"])
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
ANY_BODY = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=10), _VALUES, max_size=8)


@pytest.mark.parametrize(("kind", "step"), ENDPOINTS)
@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=ANY_BODY)
def test_any_object_gets_a_document(callback_service: Service, kind: Party, step: str, body: dict[str, object]) -> None:
    callback_service.answers(kind, step, json.dumps(body).encode())
