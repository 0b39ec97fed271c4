from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import pytest
import requests

from blast_api.simulator import Carrier, serve
from blast_api.simulator.audio import tone
from tests.kits.stand_in import (
    SOUNDS,
    Application,
    Parameters,
    Place,
    delivers_shouts,
    records_shouts,
    respond,
    wait_until,
)

NUMBER = "15555550100"


@pytest.mark.parametrize(
    ("options", "status", "headers", "body"),
    [
        ({}, 422, {"Content-Type": "application/json"}, '{"errors": [{"message": "refused"}]}'),
        ({"status": 429, "retry_after": 7}, 429, {"Retry-After": "7"}, None),
        ({"status": 503, "retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 503, {}, None),
        (
            {"status": 502, "body": "<h1>Bad</h1>", "content_type": "text/html"},
            502,
            {"Content-Type": "text/html"},
            "<h1>Bad</h1>",
        ),
        ({"status": 500, "body": ""}, 500, {}, ""),
    ],
)
def test_a_refused_call_is_not_accepted(
    carrier: Carrier,
    place: Place,
    options: dict[str, str | int],
    status: int,
    headers: dict[str, str],
    body: str | None,
) -> None:
    carrier.inject("refuse", **options)
    response = place(NUMBER)
    assert response.status_code == status
    assert headers.items() <= dict(response.headers).items()
    assert body is None or response.text == body
    assert carrier.calls == []
    assert [arrival[1:] for arrival in carrier.arrivals] == [(NUMBER, False)]
    assert place(NUMBER).status_code == 200


def test_a_fault_happens_as_often_as_asked_and_to_whom(carrier: Carrier, place: Place) -> None:
    carrier.inject("refuse", times=2, number="15555550101")
    carrier.inject("refuse", status=500, times=-1, number="15555550102")
    numbers = [NUMBER, *["15555550101"] * 3, *["15555550102"] * 3]
    assert [place(number).status_code for number in numbers] == [200, 422, 422, 200, 500, 500, 500]
    assert [injection.number for injection in carrier.injections.waiting] == ["15555550102"]


def test_other_paths_can_be_refused(
    carrier: Carrier, place: Place, flexml: requests.Session, core: requests.Session
) -> None:
    carrier.inject("refuse", status=503, path="/core/v2/storage/files", method="PATCH")
    carrier.inject("refuse", status=500, path="/flexml/v1/calls/", method="DELETE")
    sid = place(NUMBER, delay=50).json()["call_sid"]
    call, file = f"{carrier.base_url}/flexml/v1/calls/{sid}", f"{carrier.base_url}/core/v2/storage/files/x"
    assert [core.get(file).status_code, core.patch(file, json={}).status_code] == [404, 503]
    assert [flexml.delete(call).status_code, flexml.delete(call).status_code] == [500, 204]
    carrier.inject("refuse", status=502, path="/core")
    assert core.get(file).status_code == 502


@pytest.mark.parametrize(("name", "accepted"), [("drop", True), ("drop_before", False), ("half", True)])
def test_a_lost_answer_leaves_the_caller_in_the_dark(carrier: Carrier, place: Place, name: str, accepted: bool) -> None:
    carrier.inject(name)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        place(NUMBER)
    assert len(carrier.calls) == accepted
    assert [arrival.accepted for arrival in carrier.arrivals] == [accepted]


def upload(core: requests.Session, carrier: Carrier, **more: str) -> requests.Response:
    return core.post(
        f"{carrier.base_url}/core/v2/storage/files",
        params={"container_sid": carrier.storage.default_sid, **more},
        data=tone(1),
        headers={"Content-Type": "application/octet-stream"},
    )


UPLOADS = {"method": "POST", "path": "/core/v2/storage/files"}


@pytest.mark.parametrize(("name", "stored"), [("drop", True), ("drop_before", False), ("half", True)])
def test_an_upload_may_be_stored_and_its_answer_lost(
    carrier: Carrier, core: requests.Session, name: str, stored: bool
) -> None:
    carrier.inject(name, **UPLOADS)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        upload(core, carrier)
    assert len(carrier.files) == stored
    assert (upload(core, carrier).status_code, len(carrier.files)) == (201, stored + 1)


def test_an_upload_may_be_refused_late_a_page_huge_or_without_its_sid(carrier: Carrier, core: requests.Session) -> None:
    carrier.inject("refuse", status=503, **UPLOADS)
    assert (upload(core, carrier).status_code, len(carrier.files)) == (503, 0)
    carrier.inject("late", seconds=0.15, **UPLOADS)
    began = time.monotonic()
    assert upload(core, carrier).status_code == 201
    assert time.monotonic() - began >= 0.15
    for name in ("html", "huge", "no_sid"):
        carrier.inject(name, **UPLOADS)
    page, huge, without = (upload(core, carrier) for _ in range(3))
    assert (page.status_code, page.text[:6]) == (200, "<html>")
    assert (huge.status_code, len(huge.content) > 1024 * 1024) == (201, True)
    assert (without.status_code, "file_sid" in without.json(), "publish_uri" in without.json()) == (201, False, True)
    assert len(carrier.files) == 4


def test_a_late_answer_is_late_but_the_call_is_accepted(carrier: Carrier, place: Place) -> None:
    carrier.inject("late", seconds=0.15)
    began = time.monotonic()
    assert place(NUMBER).status_code == 200
    assert time.monotonic() - began >= 0.15
    assert len(carrier.calls) == 1


def test_an_answer_still_due_does_not_hold_up_the_end() -> None:
    carrier = Carrier()
    carrier.inject("late", seconds=60)
    body = {"called_did": NUMBER, "calling_did": NUMBER}

    def ask(url: str) -> None:
        with contextlib.suppress(requests.ConnectionError):
            requests.post(f"{url}/flexml/v1/calls", json=body, timeout=60)

    began = time.monotonic()
    with serve(carrier) as url:
        thread = threading.Thread(target=ask, args=(url,))
        thread.start()
        wait_until(lambda: bool(carrier.calls))
    thread.join()
    assert time.monotonic() - began < 30


def test_an_answer_may_lack_the_sid_or_be_a_page(carrier: Carrier, place: Place) -> None:
    carrier.inject("no_sid")
    carrier.inject("html")
    without, page = place(NUMBER), place(NUMBER)
    assert (without.status_code, "call_sid" in without.json(), "called_did" in without.json()) == (200, False, True)
    assert (page.status_code, page.headers["Content-Type"], page.text[:6]) == (200, "text/html", "<html>")
    assert len(carrier.calls) == 2


def test_an_answer_may_be_huge(carrier: Carrier, place: Place) -> None:
    carrier.inject("huge", size=2)
    response = place(NUMBER)
    assert len(response.content) > 2 * 1024 * 1024
    assert response.json()["call_sid"] == carrier.calls[0].sid


def test_a_redirect_is_not_acceptance(carrier: Carrier, place: Place) -> None:
    carrier.inject("redirect", location="http://elsewhere.example/")
    response = place(NUMBER)
    assert (response.status_code, response.headers["Location"]) == (302, "http://elsewhere.example/")
    assert carrier.calls == []


def test_callbacks_are_repeated_and_the_same_answer_is_wanted(
    carrier: Carrier, application: Application, place: Place
) -> None:
    delivers_shouts(application)
    carrier.inject("repeat_callbacks", times=2)
    place("15555550108")
    carrier.advance_until_idle()
    assert application.paths == [path for path in ("/deliver", "/amd", "/key", "/status") for _ in range(2)]
    assert [document.url.removeprefix(application.url) for document in carrier.calls[0].documents] == [
        "/deliver",
        "/amd",
        "/key",
    ]
    assert carrier.faults == []
    application.answers("/fickle", lambda _: respond(f"<Say>{len(application.received)}</Say>"))
    place(NUMBER, "/fickle")
    carrier.advance_until_idle()
    assert [heard.what for heard in carrier.calls[1].heard] == ["9"]
    assert len(carrier.faults) == 1
    assert "another answer" in carrier.faults[0]


@pytest.mark.parametrize(
    ("number", "options", "paths"),
    [
        ("15555550108", {}, ["/deliver", "/amd", "/status", "/key"]),
        ("15555550107", {}, ["/deliver", "/amd", "/status", "/key"]),
        ("15555550108", {"action": 1}, ["/deliver", "/status", "/amd"]),
        ("15555550100", {}, ["/deliver", "/status", "/amd"]),
        ("15555550103", {}, ["/status"]),
    ],
)
def test_the_final_status_may_overtake_an_action(
    carrier: Carrier, application: Application, place: Place, number: str, options: dict[str, int], paths: list[str]
) -> None:
    delivers_shouts(application)
    carrier.inject("reorder_callbacks", **options)
    place(number)
    assert carrier.advance_until_idle()
    assert application.paths == paths
    assert carrier.faults == []


def test_the_final_status_may_overtake_a_recording(carrier: Carrier, application: Application, place: Place) -> None:
    records_shouts(application)
    carrier.inject("reorder_callbacks", action=2)
    place("15555550190", "/author")
    carrier.advance_until_idle()
    assert application.paths == ["/author", "/welcome-key", "/status", "/recorded"]


def test_a_silent_carrier_never_rings(carrier: Carrier, application: Application, place: Place) -> None:
    carrier.inject("silent")
    assert place(NUMBER).status_code == 200
    assert carrier.advance_until_idle()
    assert application.received == []
    assert [call.status for call in carrier.calls] == [None]
    assert carrier.waiting == []


def test_a_final_status_may_be_lost(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    carrier.inject("lose_status", times=2)
    place(NUMBER)
    place("15555550103")
    carrier.advance_until_idle()
    assert application.paths == ["/deliver", "/amd"]
    assert [call.status for call in carrier.calls] == ["busy", "completed"][::-1]


@pytest.mark.parametrize(("number", "path"), [(NUMBER, "/deliver"), ("15555550103", "/status")])
def test_a_callback_may_come_before_the_answer(
    carrier: Carrier, application: Application, place: Place, number: str, path: str
) -> None:
    delivers_shouts(application)
    carrier.inject("callback_first")
    assert place(number, delay=5).status_code == 200
    assert application.paths == [path]
    assert carrier.waiting == []
    carrier.advance_until_idle()
    assert application.paths[-1] == "/status"
    assert application.at("/status")[0]["CallSid"] == carrier.calls[0].sid


def test_faults_add_up(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    carrier.inject("callback_first")
    carrier.inject("drop")
    carrier.inject("form")
    with pytest.raises(requests.ConnectionError):
        place(NUMBER)
    assert application.paths == ["/deliver"]
    assert application.received[0].content_type == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("name", "method", "kind"), [("form", "POST", "application/x-www-form-urlencoded"), ("get", "GET", "")]
)
def test_parameters_may_travel_otherwise(
    carrier: Carrier, application: Application, place: Place, name: str, method: str, kind: str
) -> None:
    delivers_shouts(application)
    carrier.inject(name)
    place("15555550108")
    carrier.advance_until_idle()
    assert application.paths == ["/deliver", "/amd", "/key", "/status"]
    assert {(received.method, received.content_type) for received in application.received} == {(method, kind)}
    assert application.at("/key")[0]["Digits"] == "5"
    assert application.at("/status")[0]["CallDuration"] == "11"
    assert carrier.faults == []


def test_what_is_optional_may_be_null_or_missing(carrier: Carrier, application: Application, place: Place) -> None:
    delivers_shouts(application)
    carrier.inject("nulls")
    place("15555550108")
    carrier.advance_until_idle()
    nothing: Parameters = dict.fromkeys(("CallSid", "CallerName", "ForwardedFrom", "From", "To"))
    assert application.at("/deliver") == [nothing]
    assert application.at("/amd") == [{**nothing, "AMDStatus": "HUMAN"}]
    assert application.at("/key") == [{**nothing, "Digits": "5", "FinishKey": None}]
    assert application.at("/status") == [{**nothing, "CallStatus": "completed", "CallDuration": None}]


@pytest.mark.parametrize(
    "options",
    [
        {"name": "explode"},
        {"name": "refuse", "time": 2},
        {"name": "refuse", "times": "2"},
        {"name": "late", "seconds": -1},
        {"name": "refuse", "retry_after": True},
        {"name": "refuse", "number": "+1"},
    ],
)
def test_a_fault_nobody_knows_is_refused(carrier: Carrier, options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no such fault"):
        carrier.inject(**options)
    response = requests.post(f"{carrier.base_url}/_simulator/faults", json=options, timeout=60)
    assert response.status_code == 422


BROKEN: list[tuple[str, Callable[[Application], None], str]] = [
    ("an error", lambda application: application.answers("/first", "", status=500), "answered 500"),
    ("created", lambda application: application.answers("/first", respond(), status=201), "answered 201"),
    ("a redirect", lambda application: application.answers("/first", respond(), status=302), "answered 302"),
    ("no document", lambda application: application.answers("/first", "OK"), "not well-formed"),
    ("a bad document", lambda application: application.answers("/first", respond("<Shout/>")), "not a known verb"),
    (
        "a circle",
        lambda application: application.answers("/first", respond("<Redirect>/first</Redirect>")),
        "200 documents",
    ),
    (
        "a bad action",
        lambda application: application.answers("/first", respond("<Redirect>/no</Redirect>")),
        "answered 404",
    ),
]


@pytest.mark.parametrize(("name", "breaks", "complaint"), BROKEN, ids=[name for name, _, _ in BROKEN])
def test_a_failing_application_ends_the_call(
    carrier: Carrier,
    application: Application,
    place: Place,
    name: str,
    breaks: Callable[[Application], None],
    complaint: str,
) -> None:
    breaks(application)
    place(NUMBER, "/first")
    carrier.advance_until_idle()
    assert carrier.calls[0].status == "app-error"
    assert application.at("/status")[0]["CallStatus"] == "app-error"
    (fault,) = carrier.faults
    assert complaint in fault
    assert carrier.calls[0].sid in fault


def test_an_application_that_is_gone_ends_the_call(carrier: Carrier, place: Place) -> None:
    nowhere = "http://127.0.0.1:9/"
    place(NUMBER, url=nowhere, status_callback_url=nowhere)
    carrier.advance_until_idle()
    assert carrier.calls[0].status == "app-error"
    assert len(carrier.faults) == 2


def test_a_status_callback_may_answer_anything_but_an_error(
    carrier: Carrier, application: Application, place: Place
) -> None:
    application.answers("/first", respond('<Record callbackUrl="/heard"/>'))
    for status, faults in [(204, 0), (404, 0), (500, 1)]:
        application.answers("/status", "", status=status)
        place(NUMBER, "/first")
        carrier.advance_until_idle()
        assert len(carrier.faults) == faults
    assert all(str(told["RecordingUrl"]).startswith(carrier.base_url) for told in application.at("/heard"))
    assert SOUNDS not in carrier.base_url
