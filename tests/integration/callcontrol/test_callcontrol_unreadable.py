"""A body that is not quite what it should be: a key in it counts, and what nobody can read is asked again."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client
from django.test.client import RequestFactory

from blast_api.callcontrol import documents
from blast_api.callcontrol.bodies import body_of
from blast_api.conf import configuration
from blast_api.domain.callbacks import Party
from blast_api.domain.menus import Wish
from blast_api.domain.states import RecordingState
from blast_api.models import Call, DoNotCallNumber
from blast_api.services.authors import Reply
from tests.kits.callbacks import ask, delivered, path
from tests.kits.factories import author_call, message

pytestmark = pytest.mark.django_db

NOT_QUITE_JSON = {
    "a byte of latin-1": b'{"Digits":"5","CallerName":"M\xfcller"}',
    "a raw line feed": b'{"CallerName":"two\nlines","Digits":"5"}',
    "a raw tab and a NUL": b'{"CallerName":"a\tb\0c","Digits":"5"}',
    "a bare nan": b'{"Digits":"5","Score":nan}',
    "a bare inf before it": b'{"Score":-inf,"Digits":"5"}',
    "its end is missing": b'{"Digits":"5","CallerName":"M',
    "a comma too many": b'{"Digits":"5",}',
    "the quotes of another language": b"{'Digits': '5'}",
    "nested too deep": b'{"Digits":"5","x":' + b"[" * 500 + b"]" * 500 + b"}",
    "a byte-order mark": b'\xef\xbb\xbf{"Digits":"5"}',
    "UTF-16": '{"Digits":"5"}'.encode("utf-16"),
    "a form of latin-1": b"CallerName=M\xfcller&Digits=5",
}
UNREADABLE = {
    "garbage": b"\x80\x81\x82 {{{{",
    "another kind of document": b"<Response/>",
    "a number": b"5",
    "too long": b'{"x": "' + b"y" * 2_000_000 + b'"}',
    "an object without its beginning": b'gits":"5"}',
}


def key_of(call: Call) -> str:
    return path(Party.RECIPIENT, call.pk, 1, "key")


@pytest.mark.parametrize("body", NOT_QUITE_JSON.values(), ids=NOT_QUITE_JSON)
def test_a_key_5_counts_in_whatever_is_not_quite_json(client: Client, body: bytes) -> None:
    call = delivered(answerer="HUMAN")
    answer = client.post(key_of(call), body, content_type="application/json")
    assert answer.content == documents.after_key(Wish.OPT_OUT, None, str)
    assert list(DoNotCallNumber.objects.values_list("number", flat=True)) == [call.number]


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_logged_and_asked_again(
    client: Client, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    call = delivered(answerer="HUMAN")
    logger = logging.getLogger("blast_api")
    logger.addHandler(caplog.handler)
    try:
        answer = client.post(key_of(call), body, content_type="application/json")
    finally:
        logger.removeHandler(caplog.handler)
    assert b"<Gather" in answer.content
    assert b"key?asked=1" in answer.content
    assert [record.action for record in caplog.records] == ["callback_unreadable"]  # type: ignore[attr-defined]


def test_it_is_asked_again_twice_and_then_no_more(client: Client) -> None:
    call = delivered(answerer="HUMAN")
    for asked, again in ((1, True), (2, False), (99, False)):
        answer = client.post(f"{key_of(call)}?asked={asked}", b"\xff\xff", content_type="application/json")
        assert (b"<Gather" in answer.content) is again


def test_a_withdrawn_call_is_asked_nothing(client: Client) -> None:
    call = delivered(answerer="HUMAN", withdrawn=True)
    assert client.post(key_of(call), b"\xff", content_type="application/json").content == documents.hang_up()


def test_no_key_in_a_readable_body_ends_the_call_as_before(client: Client) -> None:
    call = delivered(answerer="HUMAN")
    assert ask(client, key_of(call), Digits="").content == documents.hang_up()


@pytest.mark.parametrize(
    ("state", "step", "again"),
    [
        (RecordingState.USER_ANSWERED, "welcome", Reply.WELCOME_AGAIN),
        (RecordingState.RECORDED, "verification", Reply.VERIFY_AGAIN),
        (RecordingState.PRESSED_STAR, "recorded", Reply.RECORD_AGAIN),
    ],
)
def test_an_author_is_asked_again_too(client: Client, state: RecordingState, step: str, again: Reply) -> None:
    shout = message()
    taken = {"take": 1, "url": "http://c/f.wav", "file_sid": "f"} if state is RecordingState.RECORDED else {}
    row = author_call(shout, state=state, serial=1, sid="a", **taken)
    answer = client.post(path(Party.AUTHOR, row.pk, 1, step), b"\xff\xfe\xfd<", content_type="application/json")
    row.refresh_from_db()
    asked = path(Party.AUTHOR, row.pk, 1, "")

    def address(step: str) -> str:
        return f"{configuration().base_callcontrol_api_url.removesuffix('/api/v1/call-control')}{asked}{step}"

    assert answer.content == documents.for_author(again, address, row)
    assert row.state == state


@pytest.mark.parametrize("told", ["0", 0, 0.0, "0.0"])
def test_a_recording_of_no_length_is_recorded_again(client: Client, told: object) -> None:
    shout = message()
    author_call(shout, state=RecordingState.PRESSED_STAR, serial=1)
    body = {"RecordingUrl": "http://c/f.wav", "RecordingFileSid": "f", "RecordingDuration": told}
    answer = ask(client, path(Party.AUTHOR, shout.pk, 1, "recorded"), **body)
    assert b"<Record" in answer.content
    shout.author_call.refresh_from_db()
    assert shout.author_call.state == RecordingState.PRESSED_STAR
    ask(client, path(Party.AUTHOR, shout.pk, 1, "verification"), Digits="2")
    shout.author_call.refresh_from_db()
    assert shout.author_call.state == RecordingState.PRESSED_STAR


# --- In chunks -------------------------------------------------------------------------------------------------------


def chunked(stream: bytes, **environ: object) -> bytes | None:
    """What is read of a body that a WSGI server hands over without a length."""
    request = RequestFactory().post("/", content_type="application/json", headers={"Transfer-Encoding": "chunked"})
    request.META.pop("CONTENT_LENGTH", None)
    request.META |= {"wsgi.input": io.BytesIO(stream), "CONTENT_LENGTH": "", **environ}
    return body_of(request)


BODY = b'{"Digits":"5"}'


@pytest.mark.parametrize(
    ("stream", "body"),
    [
        (b"e\r\n%s\r\n0\r\n\r\n" % BODY, BODY),
        (b"7;name=value\r\n%s\r\n7\r\n%s\r\n0\r\n\r\n" % (BODY[:7], BODY[7:]), BODY),
        (BODY, BODY),
        (b"", b""),
        (b"0\r\n\r\n", b""),
        (b"ff\r\n%s" % BODY, None),  # it breaks off
        (b"e\r\n%s\r\nzz\r\n" % BODY, None),
        (b"fffffff\r\n" + b"y" * 100, None),
        (b"fffff\r\n" + b"y" * 0xFFFFF + b"\r\nfffff\r\n" + b"y" * 0xFFFFF + b"\r\n0\r\n\r\n", None),
    ],
)
def test_chunks_are_read_up_to_the_bound(stream: bytes, body: bytes | None) -> None:
    assert chunked(stream) == body


def test_what_the_server_has_put_together_is_taken_as_it_is() -> None:
    assert chunked(b"5\r\nfive", **{"wsgi.input_terminated": True}) == b"5\r\nfive"
