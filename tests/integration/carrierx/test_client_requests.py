"""What leaves for the carrier: to where, with which credentials, over how many connections, and the lists and files."""

from __future__ import annotations

import base64
import io
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from pytest_django import Settings

from blast_api import __version__
from blast_api.carrierx.client import Accepted, CallOrder, CarrierClient, CarrierTrouble, Outcome, Refused, Unknown
from blast_api.conf import configuration
from blast_api.simulator import Carrier
from tests.kits.raw_server import RawServer, answer, raw_server

ORDER = CallOrder("15555550123", "http://127.0.0.1:9/answered", "http://127.0.0.1:9/status", delay_s=100)


@pytest.fixture
def carrier_client(carrier: Carrier) -> Iterator[CarrierClient]:
    with CarrierClient(configuration(), connect_timeout_s=1.0, answer_timeout_s=2.0) as client:
        yield client


@pytest.fixture
def content_server(settings: Settings) -> Iterator[RawServer]:
    """Answers everything with what every request is content with."""
    body = b'{"call_sid": "s", "file_sid": "f", "container_sid": "c", "items": []}'
    with raw_server(answer(body)) as server:
        settings.BASE_CARRIERX_API_URL = server.url
        yield server


@pytest.fixture
def raw_client(content_server: RawServer) -> Iterator[CarrierClient]:
    with CarrierClient(configuration(), connect_timeout_s=1.0, answer_timeout_s=2.0) as client:
        yield client


def place(client: CarrierClient) -> Outcome:
    return client.place(client.prepare_call(ORDER))


def do_everything(client: CarrierClient) -> None:
    place(client)
    client.withdraw(client.prepare_withdrawal("sid"))
    list(client.waiting_calls(client.prepare_waiting_calls()))
    client.change(client.prepare_keeping("file"))
    client.file("file")
    client.upload_file("container", "a.wav", io.BytesIO(b"RIFF"), key="key")
    client.delete_file("file")
    list(client.stored_files("container", "key"))
    client.container("key")
    client.create_container()
    client.tell_container(client.prepare_look("container"))
    client.tell_container(client.prepare_quotas("container", {"quota_files": 2000}))


# --- Where to, and as whom -------------------------------------------------------------------------------------------


def test_each_half_of_the_carrier_gets_its_own_credentials_only(
    content_server: RawServer, raw_client: CarrierClient, settings: Settings
) -> None:
    do_everything(raw_client)
    pair = f"{settings.FLEXML_API_USER}:{settings.FLEXML_API_PASSWORD}".encode()
    expected = {
        "/flexml/v1": f"Basic {base64.b64encode(pair).decode()}",
        "/core/v2": f"Bearer {settings.CARRIERX_API_TOKEN}",
    }
    assert len(content_server.requests) == 12
    for request in content_server.requests:
        target = request.split()[1]
        (credentials,) = [line for line in request.split("\r\n") if line.lower().startswith("authorization:")]
        (right,) = [value for path, value in expected.items() if target.startswith(path)]
        assert credentials == f"Authorization: {right}"


def test_every_request_names_us_and_our_release(content_server: RawServer, raw_client: CarrierClient) -> None:
    do_everything(raw_client)
    agents = [
        line for request in content_server.requests for line in request.split("\r\n") if line.startswith("User-Agent:")
    ]
    assert agents == [f"User-Agent: blast-api/{__version__}"] * 12


def test_proxies_and_netrc_of_the_environment_are_ignored(
    content_server: RawServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1\nlogin stranger\npassword strange\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with CarrierClient(configuration()) as client:
        assert isinstance(place(client), Accepted)
    assert base64.b64encode(b"stranger:strange").decode() not in content_server.requests[0]


@pytest.mark.parametrize("sid", ["../../core/v2/oauth", "a/b?c#d", "..", "a b\r\nX-Y: z"])
def test_a_sid_cannot_lead_anywhere_else(content_server: RawServer, raw_client: CarrierClient, sid: str) -> None:
    raw_client.withdraw(raw_client.prepare_withdrawal(sid))
    raw_client.file(sid)
    for request, before in zip(content_server.requests, ("/flexml/v1/calls/", "/core/v2/storage/files/"), strict=True):
        target = request.split()[1]
        assert target.startswith(before)
        assert "/" not in target.removeprefix(before)
        assert "?" not in target
        assert "\r\nX-Y" not in request


# --- Connections -----------------------------------------------------------------------------------------------------


def test_one_connection_serves_many_requests(content_server: RawServer, raw_client: CarrierClient) -> None:
    do_everything(raw_client)
    assert content_server.connections == 1


def test_a_connection_that_the_carrier_closed_while_idle_costs_no_call(
    content_server: RawServer, raw_client: CarrierClient
) -> None:
    polite = content_server.say
    closed: SimpleQueue[None] = SimpleQueue()

    def say_and_close(connection: socket.socket) -> None:
        polite(connection)
        connection.shutdown(socket.SHUT_WR)
        closed.put(None)

    content_server.say = say_and_close
    for _ in range(3):
        assert isinstance(place(raw_client), Accepted)
        closed.get(timeout=10)  # idle for long enough
    assert len(content_server.requests) == 3


# --- Withdrawing, and lists ------------------------------------------------------------------------------------------


def test_a_waiting_call_is_withdrawn_once(carrier_client: CarrierClient, carrier: Carrier) -> None:
    placed = place(carrier_client)
    assert isinstance(placed, Accepted)
    assert isinstance(carrier_client.withdraw(carrier_client.prepare_withdrawal(placed.sid)), Accepted)
    again = carrier_client.withdraw(carrier_client.prepare_withdrawal(placed.sid))
    assert isinstance(again, Refused)
    assert again.status == 404
    assert carrier.withdrawn == [placed.sid]


def test_a_list_is_read_page_by_page(
    carrier_client: CarrierClient, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blast_api.carrierx.client._PAGE", 2)  # a thousand calls would tell no more
    for _ in range(5):
        place(carrier_client)
    assert {item["call_sid"] for item in carrier_client.waiting_calls(carrier_client.prepare_waiting_calls())} == {
        call.sid for call in carrier.calls
    }


@pytest.mark.parametrize(
    "body",
    ["[]", "{}", '{"items": null}', '{"items": {}}', '{"items": [], "errors": ["?"]}', "<html>"],
)
def test_a_list_that_cannot_be_had_is_no_empty_list(carrier_client: CarrierClient, carrier: Carrier, body: str) -> None:
    carrier.inject("refuse", status=200, body=body, method="GET", path="/flexml/v1/calls")
    with pytest.raises(CarrierTrouble):
        list(carrier_client.waiting_calls(carrier_client.prepare_waiting_calls()))


def test_a_list_that_breaks_off_is_not_taken_for_whole(
    carrier_client: CarrierClient, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blast_api.carrierx.client._PAGE", 2)
    for _ in range(3):
        place(carrier_client)
    items = carrier_client.waiting_calls(carrier_client.prepare_waiting_calls())
    next(items)
    carrier.inject("refuse", status=503, method="GET", path="/flexml/v1/calls")
    with pytest.raises(CarrierTrouble) as trouble:
        list(items)
    assert isinstance(trouble.value.outcome, Refused)


def test_a_list_without_end_is_given_up(content_server: RawServer, raw_client: CarrierClient) -> None:
    content_server.say = answer(json.dumps({"items": [{}], "has_more": True}).encode())
    with pytest.raises(CarrierTrouble):
        for _ in raw_client.waiting_calls(raw_client.prepare_waiting_calls()):
            pass


# --- Storage ---------------------------------------------------------------------------------------------------------


def test_a_file_is_stored_kept_found_and_deleted(carrier_client: CarrierClient, carrier: Carrier) -> None:
    made = carrier_client.create_container()
    assert isinstance(made, Accepted)
    found = carrier_client.container("blast-api")
    assert found is not None
    assert found["container_sid"] == made.sid
    assert carrier_client.container("blast-api-prompts") is None
    stored = carrier_client.upload_file(made.sid, "goodbye.wav", io.BytesIO(b"RIFF and more"), key="key-3")
    assert isinstance(stored, Accepted)
    assert stored.content["publish_uri"]
    assert (stored.content["lifecycle_action"], stored.content["lifecycle_ttl"]) == ("no_action", -1)
    assert [item["file_sid"] for item in carrier_client.stored_files(made.sid, "key-3")] == [stored.sid]
    assert list(carrier_client.stored_files(made.sid, "key-4")) == []
    assert list(carrier_client.stored_files("another", "key-3")) == []
    kept = carrier_client.change(carrier_client.prepare_keeping(stored.sid))
    assert isinstance(kept, Accepted)
    assert kept.content["lifecycle_ttl"] == -1
    assert isinstance(carrier_client.file(stored.sid), Accepted)
    assert isinstance(carrier_client.delete_file(stored.sid), Accepted)
    again = carrier_client.delete_file(stored.sid)
    assert isinstance(again, Refused)
    assert again.status == 404
    assert carrier.files == {}


def test_a_container_is_made_once_with_quotas_of_its_own_and_keeps_what_is_in_it(
    carrier_client: CarrierClient, carrier: Carrier
) -> None:
    made = carrier_client.create_container()
    assert isinstance(made, Accepted)
    asked = {"quota_files": 1000, "quota_bytes": 1073741824, "unique": True, "default_file_lifecycle_ttl": -1}
    assert {name: made.content[name] for name in asked} == asked
    carrier.storage.most_containers = 9
    again = carrier_client.create_container()
    assert isinstance(again, Refused)
    assert again.status == 409


def test_a_container_is_looked_into_and_raised(carrier_client: CarrierClient, carrier: Carrier) -> None:
    sid = carrier.storage.default_sid
    raised = carrier_client.tell_container(carrier_client.prepare_quotas(sid, {"quota_files": 200}))
    seen = carrier_client.tell_container(carrier_client.prepare_look(sid))
    assert isinstance(seen, Accepted)
    assert seen == raised
    assert (seen.sid, seen.content["quota_files"], seen.content["total_files"]) == (sid, 200, 0)
    unknown = carrier_client.tell_container(carrier_client.prepare_look("../files"))
    assert isinstance(unknown, Refused)
    assert unknown.status == 404


def test_a_list_that_is_not_what_was_asked_for_finds_no_container(
    content_server: RawServer, raw_client: CarrierClient
) -> None:
    items = [{"container_sid": "a", "string_key_1": "another"}, {"container_sid": "b"}]
    content_server.say = answer(json.dumps({"items": items}).encode())
    assert raw_client.container("blast-api") is None


def test_the_answer_to_keeping_a_file_may_be_lost(carrier_client: CarrierClient, carrier: Carrier) -> None:
    carrier.inject("drop", method="PATCH", path="/core/v2/storage/files")
    assert isinstance(carrier_client.change(carrier_client.prepare_keeping("file")), Unknown)
