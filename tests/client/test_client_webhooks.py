"""Webhooks by the client and by `blast`; and whether what comes is the service's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from blast_api_client import BadInput, Client, Event, NotFound, NotGenuine, verify
from tests.kits.blast import typed
from tests.kits.world import World

URL = "https://app.example.org/hooks"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
OTHER = "whsec_AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
BODY = b'{"type":"shout.ended","timestamp":"2030-01-31T12:01:30Z","data":{"id":7,"title":"Sn\xc3\xb6w"}}'


def signed(body: bytes = BODY, *, secrets: tuple[str, ...] = (SECRET,), age_s: float = 0) -> dict[str, str]:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    signatures = [Webhook(secret).sign("msg_1", at, body.decode()) for secret in secrets]
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": " ".join(signatures),
    }


def test_a_webhook_is_made_tried_rotated_and_deleted(blast: Client) -> None:
    made = blast.webhooks.create(URL, ["shout.ended", "call.ended"])
    assert made.secret.startswith("whsec_")
    (listed,) = blast.webhooks.list()
    assert listed == blast.webhooks.get(made.id)
    assert (listed.url, set(listed.events)) == (URL, {"shout.ended", "call.ended"})
    tried = blast.webhooks.test(made.id)
    assert [one.id for one in blast.webhooks.deliveries(made.id)] == [tried.id]
    assert list(blast.webhooks.deliveries(made.id, state="failed")) == []
    assert blast.webhooks.rotate(made.id).secret != made.secret
    assert blast.webhooks.enable(made.id).disabled is None
    blast.webhooks.delete(made.id)
    with pytest.raises(NotFound):
        blast.webhooks.get(made.id)
    with pytest.raises(BadInput) as refused:
        blast.webhooks.create("http://127.0.0.1/", ["shout.ended"])
    assert set(refused.value.fields) == {"url"}


def test_the_same_from_a_shell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLAST_URL", world.url)
    monkeypatch.setenv("BLAST_CONFIG", "/dev/null")
    made = json.loads(typed("webhooks", "create", URL, "shout.ended", "--json").stdout)
    webhook = str(made["id"])
    assert made["secret"] in json.dumps(made)
    assert typed("webhooks", "list").stdout.splitlines()[1].startswith(f"{webhook}\t{URL}\tshout.ended")
    assert "Delivery" in typed("webhooks", "test", webhook).stdout
    assert "webhook.test" in typed("webhooks", "deliveries", webhook).stdout
    assert "whsec_" in typed("webhooks", "rotate", webhook).stdout
    assert typed("webhooks", "enable", webhook).exit_code == 0
    assert typed("webhooks", "delete", webhook).stdout == f"Webhook {webhook} is deleted.\n"
    assert typed("webhooks", "delete", webhook).exit_code == 1


def test_what_is_signed_is_genuine() -> None:
    told = verify(BODY, signed(), SECRET)
    at = datetime(2030, 1, 31, 12, 1, 30, tzinfo=UTC)
    assert told == Event(id="msg_1", type="shout.ended", timestamp=at, data={"id": 7, "title": "Snöw"})
    assert verify(BODY, signed(secrets=(OTHER, SECRET)), SECRET).id == "msg_1"  # after a rotation


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, signed(secrets=(OTHER,))),
        (BODY.replace(b"7", b"8"), signed()),
        (BODY, signed(age_s=600)),
        (BODY, signed(age_s=-600)),
        (BODY, signed() | {"Webhook-Id": "msg_2"}),
        (BODY, signed() | {"Webhook-Signature": "v1"}),
        (BODY, signed() | {"Webhook-Signature": "v1,é"}),
        (BODY, signed() | {"Webhook-Timestamp": "soon"}),
        (b"\xff", signed()),
        (b"[]", signed(b"[]")),
        (b"{", signed(b"{")),
        (b'{"type": 7}', signed(b'{"type": 7}')),
    ],
)
def test_what_is_not_is_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(NotGenuine):
        verify(body, headers, SECRET)
