"""Webhooks in the API: made, seen by their own application alone, rotated, tried, enabled and deleted."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.webhooks import MOST_WEBHOOKS, WebhookEvent
from blast_api.models import DeliveryState, Webhook, WebhookDelivery
from blast_api.services import webhooks
from tests.kits.factories import application_with_token
from tests.kits.rest import BASE, code, content, faults, next_page

pytestmark = pytest.mark.django_db

URL = "https://app.example.org/hooks?from=blast"
FIELDS = {"id", "url", "events", "created", "rotated", "failing_since", "disabled", "disabled_because"}


def made(client: Client, **fields: object) -> dict[str, Any]:
    answer = client.post(
        f"{BASE}/webhooks", json.dumps({"url": URL, "events": ["call.ended"]} | fields), content_type="application/json"
    )
    told = content(answer)
    assert answer.status_code == 201, told
    assert isinstance(told, dict)
    return told


def refused(client: Client, **fields: object) -> dict[str, list[str]]:
    told = {
        name: value for name, value in ({"url": URL, "events": ["call.ended"]} | fields).items() if value is not ...
    }
    return faults(client.post(f"{BASE}/webhooks", json.dumps(told), content_type="application/json"))


def test_a_webhook_tells_its_secret_once(client: Client) -> None:
    told = made(client, events=["shout.ended", "call.ended"])
    assert set(told) == FIELDS | {"secret"}
    assert told["url"] == URL
    assert set(told["events"]) == {"shout.ended", "call.ended"}
    assert told["secret"].startswith("whsec_")
    assert len(b64decode(told["secret"].removeprefix("whsec_"))) == 32
    again = content(client.get(f"{BASE}/webhooks/{told['id']}"))
    assert again == {name: told[name] for name in FIELDS}
    assert content(client.get(f"{BASE}/webhooks")) == [again]


def test_a_secret_stands_in_no_answer_but_that_and_in_no_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    told = made(client)
    secret = told["secret"].removeprefix("whsec_")
    for path in ("webhooks", f"webhooks/{told['id']}", f"webhooks/{told['id']}/deliveries"):
        assert secret not in json.dumps(content(client.get(f"{BASE}/{path}")))
    assert all(secret not in str(vars(record)) for record in caplog.records)


def test_a_rotated_secret_is_another_one_and_both_sign_for_a_day(client: Client) -> None:
    told = made(client)
    rotated = content(client.post(f"{BASE}/webhooks/{told['id']};rotate"))
    assert set(rotated) == FIELDS | {"secret"}
    assert rotated["secret"] != told["secret"]
    assert rotated["rotated"]
    webhook = Webhook.objects.get()
    both = [f"whsec_{secret}" for secret in webhook.secrets(timezone.now())]
    assert both == [rotated["secret"], told["secret"]]


@pytest.mark.parametrize(
    "url",
    [
        "",
        " https://example.org/",
        "https://example.org/a b",
        "http://example.org/",
        "ftp://example.org/",
        "//example.org/",
        "example.org",
        "https://",
        "https:///path",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://example.org/#part",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:x/",
        "https://exa mple.org/",
        "https://exämple.org/",
        "https://-a.example.org/",
        "https://a..example.org/",
        "https://[::1/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://100.64.0.1/",
        "https://example.org\\@10.0.0.1/",
        f"https://example.org/{'a' * 2048}",
        7,
        None,
        [],
        ...,
    ],
)
def test_a_url_that_cannot_be_told_is_refused(client: Client, url: object) -> None:
    assert set(refused(client, url=url)) == {"url"}
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    "events",
    [
        [],
        ["call"],
        ["call.ended", "call.begun"],
        ["call.ended", "call.ended"],
        ["webhook.test"],
        [7],
        "call.ended",
        {},
        None,
        ...,
        ["call.ended"] * 9,
    ],
)
def test_events_that_there_are_not_are_refused(client: Client, events: object) -> None:
    assert set(refused(client, events=events)) == {"events"}


def test_an_unknown_event_is_named_by_its_position(client: Client) -> None:
    assert refused(client, events=["call.ended", "call.begun"])["events"][0].startswith("1: There is no such event")


def test_plain_http_goes_to_networks_that_the_operator_opened_alone(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_NETWORKS = ("10.0.0.0/8",)
    assert set(refused(client, url="http://127.0.0.1:8080/")) == {"url"}
    assert made(client, url="http://10.1.2.3:8080/")["url"] == "http://10.1.2.3:8080/"
    assert made(client, url="https://10.1.2.3/")
    assert made(client, url="http://hooks.internal/")  # where it leads is asked at each delivery


def test_one_webhook_too_many_is_refused(client: Client) -> None:
    for _ in range(MOST_WEBHOOKS):
        made(client)
    assert "at most" in refused(client)["url"][0]


def test_a_test_is_stored_to_be_sent(client: Client) -> None:
    pk = made(client)["id"]
    answer = client.post(f"{BASE}/webhooks/{pk};test")
    assert answer.status_code == 202
    told = content(answer)
    assert told["type"] == "webhook.test"
    assert told["state"] == "waiting"
    assert content(client.get(f"{BASE}/webhooks/{pk}/deliveries")) == [told]


def test_a_disabled_webhook_takes_no_test_until_it_is_enabled(client: Client) -> None:
    pk = made(client)["id"]
    webhooks.disable(pk, because="a test", now=timezone.now())
    assert content(client.get(f"{BASE}/webhooks/{pk}"))["disabled_because"] == "a test"
    assert code(client.post(f"{BASE}/webhooks/{pk};test")) == (409, "webhook-disabled")
    assert content(client.post(f"{BASE}/webhooks/{pk};enable"))["disabled"] is None
    assert client.post(f"{BASE}/webhooks/{pk};enable").status_code == 200
    assert client.post(f"{BASE}/webhooks/{pk};test").status_code == 202


def test_a_deleted_webhook_is_unknown(client: Client) -> None:
    pk = made(client)["id"]
    assert client.delete(f"{BASE}/webhooks/{pk}").status_code == 204
    assert client.delete(f"{BASE}/webhooks/{pk}").status_code == 404


def test_deliveries_come_in_pages_and_by_state(client: Client) -> None:
    pk = made(client)["id"]
    rows = [
        WebhookDelivery.objects.create(webhook_id=pk, event=WebhookEvent.CALL_ENDED, subject=index, state=state)
        for index, state in enumerate([DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.FAILED])
    ]
    first = client.get(f"{BASE}/webhooks/{pk}/deliveries?limit=2")
    assert [row["id"] for row in content(first)] == [rows[2].pk, rows[1].pk]
    following = next_page(first)
    assert following
    assert [row["id"] for row in content(client.get(following))] == [rows[0].pk]
    failed = client.get(f"{BASE}/webhooks/{pk}/deliveries?state=failed&limit=1")
    assert failed["X-Total-Count"] == "2"
    assert "state=failed" in failed["Link"]
    assert set(faults(client.get(f"{BASE}/webhooks/{pk}/deliveries?state=lost"))) == {"state"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("delete", ""),
        ("get", "/deliveries"),
        ("post", ";test"),
        ("post", ";rotate"),
        ("post", ";enable"),
    ],
)
def test_webhooks_of_others_are_unseen(client: Client, settings: Settings, method: str, path: str) -> None:
    pk = made(client)["id"]
    settings.API_TOKEN_REQUIRED = True
    application_with_token("other")
    other = {"Authorization": "Token other"}
    answer = getattr(client, method)(f"{BASE}/webhooks/{pk}{path}", headers=other)
    assert code(answer) == (404, "not_found")
    assert content(client.get(f"{BASE}/webhooks", headers=other)) == []
    assert Webhook.objects.filter(pk=pk).exists()
