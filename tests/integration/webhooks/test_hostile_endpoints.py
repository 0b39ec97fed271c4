"""Where a webhook does not go, and what an endpoint cannot do to us: each address is checked, each answer is bounded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest

from blast_api.webhooks.wire import WebhookWire
from tests.kits.raw_server import RawServer, answer, raw_server, trickle
from tests.kits.receiver import certificate, receiver, served_by

LOOPBACK = (ip_network("127.0.0.0/8"),)
NO_CONTENT = answer(b"", status="200 OK")


def posted(
    url: str, *, opened: Sequence[object] = LOOPBACK, within_s: float = 5.0, **resolver: object
) -> tuple[int | None, str]:
    wire = WebhookWire(opened=opened, within_s=within_s, **resolver)  # type: ignore[arg-type]
    try:
        told = wire.post(url, {"Content-Type": "application/json"}, b"{}")
        return told.status, told.trouble
    finally:
        wire.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%lo",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "ff02::1",
        "nonsense",
    ],
)
def test_a_name_that_leads_inside_is_not_told(address: str) -> None:
    told = posted("https://app.example.org/", opened=(), resolve=lambda *_: [address])
    assert told == (None, "its host has no address that may be told")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "localhost"])
def test_other_writings_of_an_address_are_looked_up_and_checked(host: str) -> None:
    assert posted(f"https://{host}/", opened=()) == (None, "its host has no address that may be told")


def test_plain_http_goes_nowhere_else_than_to_what_is_opened() -> None:
    told = posted("http://app.example.org/", resolve=lambda *_: ["93.184.215.14"])
    assert told == (None, "its host has no address that may be told")
    assert "https" in posted("http://app.example.org/", opened=())[1]


def test_the_checked_address_is_the_connected_one() -> None:
    """A name that means another address as soon as it was checked."""
    with raw_server(NO_CONTENT) as here, raw_server(NO_CONTENT) as inside:
        port = here.url.rpartition(":")[2]
        asked: list[str] = []

        def changes_its_mind(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        assert posted(f"http://rebinding.test:{port}/", resolve=changes_its_mind) == (200, "")
        assert asked == ["rebinding.test"]  # once, so nobody can answer otherwise the second time
        assert f"Host: rebinding.test:{port}\r\n" in here.requests[0]
        assert inside.connections == 0


def test_of_several_addresses_those_alone_that_may_be_told_are_tried() -> None:
    with raw_server(NO_CONTENT) as here:
        port = here.url.rpartition(":")[2]
        found = ["169.254.169.254", "10.0.0.1", "127.0.0.1"]
        assert posted(f"http://several.test:{port}/", resolve=lambda *_: found) == (200, "")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with raw_server(NO_CONTENT) as inside:
        moved = answer(
            b"", status=status, head=f"Location: {inside.url}/latest/meta-data\r\nX-Also: http://169.254.169.254/"
        )
        with raw_server(moved) as here:
            told = posted(here.url)
        assert told == (int(status[:3]), f"the answer was {status[:3]}, and redirects are not followed")
        assert inside.connections == 0


def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(NO_CONTENT) as proxy, raw_server(NO_CONTENT) as here:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert posted(here.url) == (200, "")
        assert proxy.connections == 0


def _silent(_: object) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize(
    "say",
    [
        _silent,
        trickle(b"H", b"T", b"T", b"P", b"/", b"1", b".", b"1", seconds=3),
        trickle(b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 30, seconds=3),
    ],
)
def test_one_that_does_not_answer_in_time_is_given_up(say: object) -> None:
    with raw_server(say) as here:  # type: ignore[arg-type]
        began = time.monotonic()
        status, trouble = posted(here.url, within_s=0.5)
        assert status is None
        assert "within 0.5 s" in trouble or "too long" in trouble
        assert time.monotonic() - began < 2.5


def test_a_body_that_trickles_or_never_ends_costs_no_more_than_its_time() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with raw_server(trickle(head, *[b"x" * 10] * 40, seconds=3)) as here:
        began = time.monotonic()
        assert posted(here.url, within_s=0.5) == (200, "")
        assert time.monotonic() - began < 2.5


def test_a_large_body_is_not_read_to_its_end() -> None:
    with raw_server(answer(b"x" * 5_000_000)) as here:
        assert posted(here.url) == (200, "")


def test_what_is_no_http_is_no_answer() -> None:
    with raw_server(lambda connection: connection.sendall(b"220 mail.example.org ESMTP\r\n")) as here:
        status, trouble = posted(here.url)
    assert status is None
    assert trouble.startswith("no answer came")


def test_a_lookup_that_hangs_is_given_up() -> None:
    def hangs(*_: object) -> list[str]:
        time.sleep(1)
        return []

    assert posted("https://slow.test/", within_s=0.2, resolve=hangs) == (None, "its host was not found in time")


def test_a_host_that_is_not_there_is_told() -> None:
    def fails(*_: object) -> list[str]:
        raise OSError("no such host")

    assert posted("https://nowhere.test/", resolve=fails) == (None, "its host was not found")


def test_nobody_listens() -> None:
    with raw_server(NO_CONTENT) as here:
        url = here.url
    assert posted(url) == (None, "it cannot be reached: Connection refused")


# --- Connections -------------------------------------------------------------------------------------------------------


def _thrice(here: RawServer) -> None:
    wire = WebhookWire(opened=LOOPBACK)
    for _ in range(3):
        assert wire.post(here.url, {}, b"{}").status == 200
    wire.close()


def test_a_connection_is_used_again() -> None:
    with raw_server(NO_CONTENT) as here:
        _thrice(here)
        assert (here.connections, len(here.requests)) == (1, 3)


def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    def answers_once(connection: object) -> None:
        NO_CONTENT(connection)  # type: ignore[arg-type]
        connection.close()  # type: ignore[attr-defined]

    with raw_server(answers_once) as here:
        _thrice(here)
        assert here.connections == 3


def test_tls_is_verified_for_the_host_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = certificate(tmp_path)
    with receiver(tls=served_by(both)) as here:
        told = posted(here.url)
        assert told[0] is None
        assert told[1].startswith("its certificate is not trusted")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(both))
        assert posted(here.url, resolve=lambda *_: ["127.0.0.1"]) == (204, "")
        elsewhere = here.url.replace("localhost", "elsewhere.test")
        told = posted(elsewhere, resolve=lambda *_: ["127.0.0.1"])
        assert "certificate is not trusted" in told[1]
    assert len(here.received) == 1
