"""`manage.py webhooks`: what an operator sees of webhooks and does about them; never a secret."""

from __future__ import annotations

import pytest
from django.utils import timezone

from blast_api.models import DeliveryState, Webhook, WebhookDelivery
from blast_api.services import webhooks
from tests.kits.commands import run
from tests.kits.receiver import webhook

pytestmark = pytest.mark.django_db

URL = "https://app.example.org/hooks"


def test_all_webhooks_are_listed_with_how_they_stand() -> None:
    well, failing = webhook(URL), webhook(URL, failing_since=timezone.now())
    webhooks.test(well)
    webhooks.disable(failing.pk, because="it answered 410", now=timezone.now())
    webhooks.delete(webhook(URL), now=timezone.now())
    told = run("webhooks", "list", "--json").json
    assert [(row["id"], row["state"], row["waiting"], row["because"]) for row in told] == [
        (well.pk, "enabled", 1, ""),
        (failing.pk, "disabled", 0, "it answered 410"),
    ]
    printed = run("webhooks", "list")
    assert len(printed.rows) == 2
    assert well.secret not in printed.out + run("webhooks", "list", "--json").out


def test_deliveries_are_shown_by_state() -> None:
    to = webhook(URL)
    for state in DeliveryState.values:
        WebhookDelivery.objects.create(webhook=to, event="call.ended", subject=1, state=state)
    assert [row["state"] for row in run("webhooks", "deliveries", str(to.pk), "--json").json] == DeliveryState.values[
        ::-1
    ]
    assert len(run("webhooks", "deliveries", str(to.pk), "--state", "failed").rows) == 1
    assert len(run("webhooks", "deliveries", str(to.pk), "--limit", "2").rows) == 2


def test_it_is_disabled_enabled_tried_again_and_tested() -> None:
    to = webhook(URL)
    WebhookDelivery.objects.create(webhook=to, event="call.ended", subject=1, state=DeliveryState.FAILED)
    for action, done in (
        ("disable", "disabled"),
        ("disable", "was disabled before"),
        ("enable", "enabled"),
        ("retry", "1 deliveries are tried again"),
    ):
        assert run("webhooks", action, str(to.pk)).out == f"Webhook {to.pk}: {done}.\n"
    assert "is to be sent" in run("webhooks", "test", str(to.pk)).out
    assert WebhookDelivery.objects.filter(state=DeliveryState.WAITING).count() == 2
    assert Webhook.objects.get().disabled is None


def test_what_is_not_there_is_named() -> None:
    ran = run("webhooks", "enable", "7")
    assert (ran.code, ran.err.strip()) == (1, "There is no webhook 7.")
