"""How large a request may be, each bound with its clear answer; what the answers and the logs make of hostile texts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.test.client import FakePayload
from django.utils import timezone
from pytest_django import Settings
from rest_framework.exceptions import Throttled

from blast_api.db import bulk
from blast_api.domain.callbacks import Party
from blast_api.domain.states import RecordingState
from blast_api.logs.redaction import LineFormatter, TextFormatter
from blast_api.models import AuthorCall, DoNotCallNumber, LogKind, Message
from blast_api.records import writer
from blast_api.rest.throttling import LongList
from blast_api.services import shouts
from blast_api.simulator.document import read_document
from tests.kits import factories
from tests.kits.bounded import bounded_anew
from tests.kits.callbacks import ask, path
from tests.kits.factories import USER, number
from tests.kits.rest import body, code, content, created, faults, nothing_is_stored, post, shut_the_gate

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer  # a name that only the stubs have

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shut_gate")]

# What would end a line of a log, an element of a document, or a string of JSON.
HOSTILE = [
    'a\r\n{"pk": 1}\n',
    "a\u2028b\u2029c\x85d\ve\ff",
    "\x1b[31mred\x07\x7f\x01",
    "</Play><Say>&amp;]]><!--<?xml \"'",
    '", "pk": 7, "a": "',
    "\ufffe\uffff\U0010ffff\u202e\ufeff",
    "%0d%0a%(message)s{0}$(x)",
]


# --- Bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "fits", "is_too_much"),
    [
        ("title", "t" * 255, "t" * 256),
        ("userdata", "u" * 255, "u" * 256),
        ("caller", "+1 555 555 2010".ljust(64), "+1 555 555 2010".ljust(65)),
        ("recipients", ["+1 555 555 2010".ljust(64)], ["+1 555 555 2010".ljust(65)]),
        ("recipients", [number(1), number(2)], [number(1), number(2), number(3)]),
    ],
)
def test_a_field_over_its_bound_is_named(
    client: Client, settings: Settings, field: str, fits: object, is_too_much: object
) -> None:
    settings.MAX_RECIPIENTS = 2
    assert set(faults(post(client, body(**{field: is_too_much})))) == {field}
    assert nothing_is_stored()
    created(post(client, body(**{field: fits})))


def test_the_columns_hold_what_the_highest_bounds_let_pass(client: Client) -> None:
    made = created(post(client, body(title="\U0001f4e3" * 255, userdata="\u00fc" * 255)))
    assert (len(made["title"]), len(made["userdata"])) == (255, 255)


def test_an_idempotency_key_over_its_bound_is_named(client: Client) -> None:
    assert set(faults(post(client, body(), **{"Idempotency-Key": "k" * 256}))) == {"Idempotency-Key"}
    assert nothing_is_stored()
    created(post(client, body(), **{"Idempotency-Key": "k" * 255}))


@pytest.mark.parametrize("name", ["limit", "offset"])
def test_a_page_over_its_bound_is_named(client: Client, name: str) -> None:
    sentence = f"Expected a whole number from {int(name == 'limit')} to 1000000000."
    assert faults(client.get("/api/v1/dnc/user", {name: "1000000001"})) == {name: [sentence]}
    assert client.get("/api/v1/dnc/user", {name: "001000000000"}).status_code == 200


def test_a_body_is_measured_before_it_is_read(settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 1024
    told = json.dumps(body(title="a" * 200)).encode()
    client = Client()
    created(post(client, told + b" " * (1024 - len(told))))
    assert code(post(client, told + b" " * (1025 - len(told)))) == (413, "too_large")
    lying = client.generic("POST", "/api/v1/shouts", told, "application/json", CONTENT_LENGTH="9" * 15)
    assert code(lying) == (413, "too_large")


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "9" * 5000, "", "0"])
def test_a_length_that_is_none_is_400(client: Client, length: str) -> None:
    answer = client.generic("POST", "/api/v1/shouts", json.dumps(body()), "application/json", CONTENT_LENGTH=length)
    assert answer.status_code == 400
    assert content(answer)
    assert nothing_is_stored()


class CutShort(FakePayload):
    """A body of which the rest never comes, because its sender has gone."""

    def read(self, size: int | None = None) -> bytes:
        raise OSError("connection reset by peer")


def test_a_body_that_is_cut_short_is_400(client: Client) -> None:
    client.defaults |= {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "500"}
    client.defaults["wsgi.input"] = CutShort(b"")  # type: ignore[assignment]  # an environment holds any object
    assert code(client.generic("POST", "/api/v1/shouts")) == (400, "parse_error")


def test_a_body_in_chunks_is_asked_for_its_length(client: Client) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    answer = client.generic("POST", "/api/v1/shouts", b"", "application/json", headers=chunked)
    assert code(answer) == (400, "length_required")


@pytest.mark.parametrize(("levels", "accepted"), [(15, True), (16, False), (500, False), (100_000, False)])
@pytest.mark.parametrize("opening", ["[", '{"a": '])
def test_json_is_nested_no_deeper_than_the_bound(client: Client, levels: int, accepted: bool, opening: str) -> None:
    nested = opening * levels + "1" + {"[": "]", '{"a": ': "}"}[opening] * levels
    told = json.dumps(body(extra="?")).replace('"?"', nested)
    answer = post(client, told)
    if accepted:
        created(answer)
    else:
        assert code(answer) == (400, "parse_error")
        assert nothing_is_stored()


@pytest.mark.parametrize(
    "told",
    [
        '{"userdata": "a", "userdata": "b"}',
        '{"extra": {"\\ud800": 1, "\\ud800": 2}}',
        '{"extra": 1e999}',
        '{"extra": -Infinity}',
        '{"extra": ' + "9" * 1001 + "}",
        b'{"extra": "\xed\xa0\x80"}',
        '{"extra": "\ud800"}'.encode("utf-16", "surrogatepass"),
        "\ufeff",
        "\ufeff\ufeff{}",
        " \ufeff{}",
        b"\xff\xfe{",
        b"\xff\xfe\0\0{\0\0",
        "{}{}",
    ],
)
def test_json_that_cannot_be_taken_at_its_word_is_400(client: Client, told: str | bytes) -> None:
    assert code(post(client, told)) == (400, "parse_error")
    assert nothing_is_stored()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_json_is_read_in_every_encoding_that_it_may_have(client: Client, encoding: str) -> None:
    text = json.dumps(body(title="Schnee \u2603 \U0001f4e3", userdata="\u00fc"), ensure_ascii=False)
    made = created(post(client, text.encode(encoding)))
    assert (made["title"], made["userdata"]) == ("Schnee \u2603 \U0001f4e3", "\u00fc")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_a_byte_order_mark_is_no_part_of_the_json(client: Client, encoding: str, order: str) -> None:
    made = created(post(client, ("\ufeff" + json.dumps(body(userdata="\ufeffuser"))).encode(f"{encoding}-{order}")))
    assert made["userdata"] == "\ufeffuser"


def test_many_different_names_are_read_in_no_time(client: Client) -> None:
    told = body(**{f"extra{index}": index for index in range(200_000)})
    created(post(client, json.dumps(told)))


@pytest.mark.parametrize("query", ["userdata=%ff", "userdata=user&limit=%c3", "shout-id=1&x=%ed%a0%80&userdata=u"])
@pytest.mark.parametrize("of", ["shouts", "calls"])
def test_a_query_that_is_not_utf_8_is_400(client: Client, of: str, query: str) -> None:
    assert code(client.generic("GET", f"/api/v1/{of}", QUERY_STRING=query)) == (400, "parse_error")


def test_too_many_parameters_are_400(client: Client) -> None:
    assert code(client.get("/api/v1/shouts?userdata=user" + "&a=1" * 2000)) == (400, "parse_error")


@pytest.mark.parametrize(
    "path",
    ["shouts/9223372036854775808", "shouts/999999999999999999999", "shouts/" + "9" * 5000, "shouts/%00", "shouts/%ff"],
)
def test_an_id_that_no_row_can_have_is_404(client: Client, path: str) -> None:
    assert code(client.get(f"/api/v1/{path}")) == (404, "not_found")
    assert code(client.delete(f"/api/v1/{path};cancel")) == (404, "not_found")


# --- Development shows no more than production ----------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    "unknown", ["/api", "/api/", "/api/v2/shouts", "/api/v1", "/api/v1/nothing", "/api/v1/%0d%0a<b>"]
)
def test_an_unknown_path_of_the_api_is_the_same_in_development(
    client: Client, settings: Settings, debug: bool, unknown: str
) -> None:
    settings.DEBUG = debug
    assert code(client.get(unknown)) == (404, "not_found")


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_of_our_own_tells_nothing_and_is_logged(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    settings.DEBUG = debug
    settings.MAX_RECIPIENTS = "swordfish"
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        answer = post(client, body())
    assert code(answer) == (500, "error")
    assert content(answer)["detail"] == "Internal error."
    (told,) = caplog.records
    assert told.getMessage() == "Internal Server Error: /api/v1/shouts"
    assert told.exc_info
    assert "swordfish" in str(told.exc_info[1])


def test_a_wrong_host_is_refused_in_the_shape_of_all_errors(client: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    answer = client.get("/api/v1/shouts", headers={"Host": "evil.example.com"})
    assert code(answer) == (400, "bad_request")


# --- Texts of clients -------------------------------------------------------------------------------------------------


class Written(logging.Handler):
    """What the service's log would get: each record as a line of JSON, and as the console's text."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(LineFormatter().format(record))
        if not record.exc_info:
            assert TextFormatter().format(record).isprintable()


@pytest.fixture
def logged_lines() -> Iterator[Written]:
    handler, loggers = Written(), [logging.getLogger(name) for name in ("blast_api", "django")]
    for logger in loggers:
        logger.addHandler(handler)
    with bounded_anew():
        yield handler
    for logger in loggers:
        logger.removeHandler(handler)


def one_object_a_line(line: str) -> dict[str, Any]:
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_in_its_place(
    client: Client, settings: Settings, logged_lines: Written, text: str
) -> None:
    text = f"{text}\u00e9 marked"
    made = created(post(client, body(title=text, userdata=text, recipients=[number(1)])))
    assert (made["title"], made["userdata"]) == (text.strip(), text)
    shout = made["id"]
    AuthorCall.objects.filter(pk=shout).update(state=RecordingState.USER_ANSWERED, serial=1)
    heard = ask(client, path(Party.AUTHOR, shout, 1, "welcome"), Digits="7", CallSid=text, AMDStatus=text)
    assert read_document(heard.content)
    assert b"marked" not in heard.content
    ask(client, path(Party.AUTHOR, shout, 1, "status"), CallStatus=text, CallSid=text, **{text: text})
    assert client.delete(f"/api/v1/shouts/{shout};cancel").status_code == 200
    writer.write_due()
    logs = [writer.path_of(kind).read_text() for kind in LogKind if writer.path_of(kind).exists()]
    told = [one_object_a_line(line) for log in logs for line in log.removesuffix("\n").split("\n")]
    assert [line["title"] for line in told if "title" in line] == [text.strip()]
    assert {line["user_data"] for line in told if "user_data" in line} == {text}
    assert logged_lines.lines
    for line in logged_lines.lines:
        one_object_a_line(line)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_address_is_one_line_of_the_log(client: Client, logged_lines: Written, text: str) -> None:
    client.get(
        "/api/v1/call-control/" + quote(text), headers={"X-Forwarded-For": text.encode("ascii", "ignore").decode()}
    )
    client.get("/api/v1/" + quote(text), {"userdata": text})
    (refused,) = [one_object_a_line(line) for line in logged_lines.lines if "callback_refused" in line]
    assert refused["reason"] == "no address of ours"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_user_has_a_list_like_all_others(client: Client, text: str) -> None:
    factories.listed(number(1), userdata=text)
    answer = client.get(f"/api/v1/dnc/{quote(text, safe='')}", {"limit": 1})
    assert [entry["number"] for entry in content(answer)] == [number(1)]
    assert DoNotCallNumber.objects.count() == 1


# --- Long lists -------------------------------------------------------------------------------------------------------


def test_an_application_has_a_bounded_number_of_long_lists_at_once(client: Client, settings: Settings) -> None:
    settings.MAX_LONG_LISTS, settings.API_TOKEN_REQUIRED = 2, True
    mine, other = (factories.application_with_token(token) for token in ("mine", "other"))
    for application in (mine, other):
        rows = [[number(index)] for index in range(4000)]
        bulk.insert(DoNotCallNumber, ["number"], rows, application_id=application.pk, userdata=USER)
    factories.listed(number(1), application=mine, userdata="few")

    def reading(token: str = "mine", userdata: str = USER) -> Answer:
        return client.get("/api/v1/dnc", {"userdata": userdata}, headers={"Authorization": f"Token {token}"})

    begun = [reading(), reading()]
    assert [answer.status_code for answer in begun] == [200, 200]
    refused = reading()
    assert (code(refused), refused["Retry-After"]) == ((429, "throttled"), "1")
    begun_elsewhere = reading("other")
    assert (begun_elsewhere.status_code, reading(userdata="few").status_code) == (200, 200)
    assert len(content(begun[0])) == 4000
    begun.append(reading())
    assert [begun[2].status_code, reading().status_code] == [200, 429]
    for answer in (*begun[1:], begun_elsewhere):
        content(answer)


def test_a_long_list_gives_its_place_back_once_whether_it_was_begun_or_not(settings: Settings) -> None:
    settings.MAX_LONG_LISTS = 1
    application = factories.application()
    for read in (0, 1, 3):
        whole = LongList(application, iter([b"1", b"2"]))
        assert list(islice(whole, read)) == [b"1", b"2"][:read]
        with pytest.raises(Throttled):
            LongList(application, iter([]))
        whole.close()
        whole.close()


# --- The queue of authors --------------------------------------------------------------------------------------------


def test_an_application_may_let_only_so_many_authors_wait(client: Client, settings: Settings) -> None:
    settings.MAX_WAITING_AUTHORS = 2
    shut_the_gate()
    made = [post(client, body(caller=f"1555555209{index}")) for index in range(3)]
    assert [answer.status_code for answer in made] == [201, 201, 429]
    assert code(made[2]) == (429, "too-many-waiting")
    assert int(made[2]["Retry-After"]) > 0
    assert AuthorCall.objects.count() == 2
    shouts.cancel(Message.objects.first(), now=timezone.now())  # type: ignore[arg-type]  # there is one
    assert post(client, body()).status_code == 201
