from __future__ import annotations

import base64
from typing import Any

import pytest
import requests
from django.conf import settings

from blast_api.simulator import Carrier, serve
from tests.kits.stand_in import CALLER

NUMBER = "15555550100"
BODY = {"called_did": NUMBER, "calling_did": CALLER}


@pytest.fixture
def calls(carrier: Carrier) -> str:
    return f"{carrier.base_url}/flexml/v1/calls"


def made(flexml: requests.Session, calls: str, **fields: object) -> dict[str, Any]:
    response = flexml.post(calls, json={**BODY, "delay": 100, **fields})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def test_a_call_is_shown_as_documented(flexml: requests.Session, calls: str, carrier: Carrier) -> None:
    call = made(flexml, calls, url="https://app.example/x", attributes={"sip_header_X-A": "1"}, timeout=20)
    assert call["call_sid"] == carrier.calls[0].sid
    assert call.pop("date_created").endswith("Z")
    assert call == {
        "account_sid": carrier.account_sid,
        "attributes": {"sip_header_X-A": "1"},
        "call_sid": carrier.calls[0].sid,
        "called_did": NUMBER,
        "calling_did": CALLER,
        "delay": 100,
        "method": "POST",
        "status_callback_method": "POST",
        "status_callback_url": None,
        "url": "https://app.example/x",
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"called_did": None}, "called_did"),
        ({"called_did": "+15555550100"}, "called_did"),
        ({"called_did": 15555550100}, "called_did"),
        ({"called_did": ""}, "called_did"),
        ({"calling_did": "sip:me"}, "calling_did"),
        ({"delay": 1.5}, "delay"),
        ({"delay": 2.0}, "delay"),
        ({"delay": -1}, "delay"),
        ({"delay": "5"}, "delay"),
        ({"delay": True}, "delay"),
        ({"delay": None}, "delay"),
        ({"url": "/relative"}, "url"),
        ({"url": "ftp://x/y"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://[x/"}, "url"),
        ({"url": "http://x/a b"}, "url"),
        ({"status_callback_url": 5}, "status_callback_url"),
        ({"method": "PUT"}, "method"),
        ({"status_callback_method": "post"}, "status_callback_method"),
        ({"timeout": 0}, "timeout"),
        ({"attributes": []}, "attributes"),
        ({"url_method": "POST"}, "url_method"),
        ({"status": "ready"}, "status"),
    ],
)
def test_a_wrong_field_is_named(
    flexml: requests.Session, calls: str, carrier: Carrier, change: dict[str, object], field: str
) -> None:
    response = flexml.post(calls, json={**BODY, **change})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert carrier.calls == []
    assert [arrival[1:] for arrival in carrier.arrivals] == [
        (change.get("called_did", NUMBER) if isinstance(change.get("called_did", NUMBER), str) else "", False)
    ]


def test_missing_fields_are_named(flexml: requests.Session, calls: str) -> None:
    response = flexml.post(calls, json={})
    assert {error["field"] for error in response.json()["errors"]} == {"called_did", "calling_did"}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"{}", None, 415),
        (b"called_did=1", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    flexml: requests.Session, calls: str, body: bytes, content_type: str | None, status: int
) -> None:
    response = flexml.post(calls, data=body, headers={"Content-Type": content_type})
    assert response.status_code == status
    assert response.json()["errors"]


def _basic(password: str) -> str:
    pair = f"{settings.FLEXML_API_USER}:{password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/flexml/v1/calls", {}, 401),
        ("/flexml/v1/calls", {"Authorization": f"Bearer {settings.CARRIERX_API_TOKEN}"}, 401),
        ("/flexml/v1/calls", {"Authorization": "Basic !!!"}, 401),
        ("/flexml/v1/calls", {"Authorization": _basic("another")}, 401),
        ("/flexml/v1/calls", {"Authorization": _basic(settings.FLEXML_API_PASSWORD)}, 200),
        ("/core/v2/storage/files", {}, 401),
        ("/core/v2/storage/files", {"Authorization": _basic(settings.FLEXML_API_PASSWORD)}, 401),
        ("/core/v2/storage/files", {"Authorization": "Bearer q"}, 401),
        ("/core/v2/storage/files", {"Authorization": f"Bearer {settings.CARRIERX_API_TOKEN}"}, 200),
        ("/core/v2/nothing", {}, 401),
    ],
)
def test_each_door_has_its_own_credentials(carrier: Carrier, path: str, headers: dict[str, str], status: int) -> None:
    response = requests.get(carrier.base_url + path, headers=headers, timeout=60)
    assert response.status_code == status
    assert (status == 200) != ("errors" in response.json())


def test_an_open_carrier_takes_anybody() -> None:
    with serve(Carrier()) as url:
        for path in ("/flexml/v1/calls", "/core/v2/storage/containers"):
            assert requests.get(url + path, timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "//flexml/v1/calls", 404),
        ("POST", "//flexml/v1/calls", 404),
        ("GET", "/flexml/v1/calls/", 404),
        ("GET", "/flexml/v1", 404),
        ("GET", "/flexml/v1/calls/unknown", 404),
        ("GET", "/flexml/v1/calls/unknown/more", 404),
        ("DELETE", "/flexml/v1/calls/unknown", 404),
        ("DELETE", "/flexml/v1/calls", 405),
        ("GET", "/flexml/v2/calls", 404),
        ("GET", "/nothing", 404),
    ],
)
def test_only_documented_paths_exist(
    flexml: requests.Session, carrier: Carrier, method: str, path: str, status: int
) -> None:
    # A prepared request, since the client would mend the path.
    prepared = flexml.prepare_request(requests.Request(method, carrier.base_url))
    prepared.url = carrier.base_url + path
    response = flexml.send(prepared)
    assert response.status_code == status
    assert response.json()["errors"]


def test_only_calls_that_wait_are_listed_and_their_delay_counts_down(
    flexml: requests.Session, calls: str, carrier: Carrier
) -> None:
    made(flexml, calls, delay=0)
    sids = [made(flexml, calls, delay=delay)["call_sid"] for delay in (5, 100, 50)]
    carrier.advance(7.5)
    listed = flexml.get(calls).json()
    assert [(item["call_sid"], item["delay"]) for item in listed["items"]] == [(sids[1], 93), (sids[2], 43)]
    assert {key: listed[key] for key in ("count", "limit", "offset", "total", "has_more", "pagination")} == {
        "count": 2,
        "limit": 10,
        "offset": 0,
        "total": 2,
        "has_more": False,
        "pagination": {},
    }
    assert [call.sid for call in carrier.waiting] == sids[1:]
    assert flexml.get(f"{calls}/{sids[0]}").status_code == 404
    assert flexml.get(f"{calls}/{sids[1]}").json()["delay"] == 93


def test_lists_are_paged(flexml: requests.Session, calls: str) -> None:
    sids = [made(flexml, calls, delay=delay)["call_sid"] for delay in range(1, 13)]
    first = flexml.get(calls).json()
    assert (first["count"], first["total"], first["has_more"]) == (10, 12, True)
    second = flexml.get(first["pagination"]["next"]).json()
    assert (second["offset"], second["has_more"]) == (10, False)
    assert [item["call_sid"] for item in first["items"] + second["items"]] == sids
    assert flexml.get(calls, params={"limit": 1000}).json()["count"] == 12
    last = flexml.get(calls, params={"limit": "1", "order": "delay desc"}).json()["items"][0]
    assert last["delay"] == 12


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("called_did eq 15555550101", 1),
        ('called_did eq "15555550101"', 1),
        ("called_did eq '15555550101' and delay eq 100", 1),
        ("called_did eq 15555550101 and delay eq 99", 0),
        ('attributes.shout eq "a b"', 1),
        ("attributes.shout.deep eq 1", 0),
        ("url eq null", 0),
        ("nothing eq 1", 0),
    ],
)
def test_lists_are_filtered(flexml: requests.Session, calls: str, query: str, count: int) -> None:
    made(flexml, calls)
    made(flexml, calls, called_did="15555550101", attributes={"shout": "a b"})
    assert flexml.get(calls, params={"filter": query}).json()["count"] == count


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "called_did"},
        {"filter": "called_did eq"},
        {"filter": "called_did ne 1"},
        {"filter": "called_did eq 1 or delay eq 2"},
        {"filter": "called_did eq 1 and "},
        {"filter": "(called_did eq 1)"},
        {"filter": "called_did eq a b"},
        {"limit": "1001"},
        {"limit": "0"},
        {"limit": "x"},
        {"offset": "-1"},
        {"order": "shuffle"},
        {"order": "delay down"},
    ],
)
def test_a_query_the_carrier_cannot_read_is_refused(
    flexml: requests.Session, calls: str, query: dict[str, str]
) -> None:
    made(flexml, calls)
    response = flexml.get(calls, params=query)
    assert response.status_code == 400
    assert response.json()["errors"]


def test_a_waiting_call_can_be_changed(flexml: requests.Session, calls: str, carrier: Carrier) -> None:
    call = made(flexml, calls, delay=100)
    url = f"{calls}/{call['call_sid']}"
    carrier.advance(10)
    changed = flexml.patch(url, json={"delay": 5, "called_did": "15555550103"})
    assert changed.status_code == 200
    assert changed.json() == {**call, "delay": 5, "called_did": "15555550103"}
    assert flexml.patch(url, json={"timeout": 5}).status_code == 422
    assert flexml.patch(url, json={"delay": 0.5}).status_code == 422
    assert flexml.patch(url, data=b"").status_code == 415
    carrier.advance_until_idle()
    assert [(ended.status, ended.ended_at) for ended in carrier.calls] == [("busy", 16.0)]
    assert flexml.patch(url, json={"delay": 5}).status_code == 404


def test_a_later_delay_replaces_the_earlier(flexml: requests.Session, calls: str, carrier: Carrier) -> None:
    call = made(flexml, calls, delay=5, called_did="15555550103")
    flexml.patch(f"{calls}/{call['call_sid']}", json={"delay": 50})
    carrier.advance(20)
    assert carrier.calls[0].status is None
    carrier.advance(31)
    assert carrier.calls[0].status == "busy"


def test_put_wants_the_whole_object(flexml: requests.Session, calls: str) -> None:
    call = made(flexml, calls)
    url = f"{calls}/{call['call_sid']}"
    refused = flexml.put(url, json={"delay": 5})
    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} >= {"called_did", "url", "attributes"}
    assert flexml.put(url, json={**call, "delay": 5}).json()["delay"] == 5


def test_a_waiting_call_can_be_withdrawn_and_a_placed_one_not(
    flexml: requests.Session, calls: str, carrier: Carrier
) -> None:
    waiting, placed = made(flexml, calls)["call_sid"], made(flexml, calls, delay=0)["call_sid"]
    carrier.advance(0)
    response = flexml.delete(f"{calls}/{waiting}")
    assert (response.status_code, response.content) == (204, b"")
    assert flexml.delete(f"{calls}/{waiting}").status_code == 404
    assert flexml.delete(f"{calls}/{placed}").status_code == 404
    assert carrier.withdrawn == [waiting]
    carrier.advance_until_idle()
    assert [call.status for call in carrier.calls] == [None, "app-error"]
    assert "no url" in carrier.faults[0]
