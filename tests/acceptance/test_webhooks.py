"""Webhooks by real processes: a whole shout is told by `runcrons`, and what a killed sender has sent is told again."""

from __future__ import annotations

from datetime import timedelta
from threading import Event

import pytest
from django.utils import timezone
from pytest_django import Settings

from blast_api.domain.states import ShoutStatus
from blast_api.models import DeliveryState, Message, Webhook, WebhookDelivery
from blast_api.services import webhooks
from blast_api.simulator import Carrier
from tests.kits.processes import processes, wait_until
from tests.kits.receiver import Received, receiver, webhook
from tests.kits.released import released
from tests.kits.world import World

pytestmark = pytest.mark.django_db(transaction=True)

NETWORKS = "127.0.0.0/8"


def _all_delivered() -> bool:
    rows = WebhookDelivery.objects
    return rows.exists() and not rows.exclude(state=DeliveryState.DELIVERED).exists()


def test_a_whole_shout_is_told_by_runcrons(world: World, settings: Settings) -> None:
    settings.MAX_CALLS_PER_SECOND = 40
    with receiver() as here, processes(WEBHOOK_NETWORKS=NETWORKS) as group:
        to = webhook(here.url)
        shout = released(5)
        group.manage("runcrons", "--linger=120")
        wait_until(lambda: len(world.carrier.calls) == 5)
        while Message.objects.get(pk=shout.pk).status != ShoutStatus.FINISHED:
            world.carrier.advance(1)
        wait_until(_all_delivered)
        assert all(one.verified(to.whole_secret) for one in here.received)
        told = sorted(here.received, key=lambda one: int(one.told["sequence"]))
        words = [one.told["type"] for one in told]
        assert words[-1] == "shout.ended"
        assert told[-1].told["data"]["status"] == "finished"
        assert words.count("call.ended") == 5


def test_what_a_killed_sender_has_sent_is_told_again_under_the_same_id(carrier: Carrier) -> None:
    answers = Event()

    def hold(_: Received) -> int:
        answers.wait(60)
        return 204

    with receiver(hold) as here, processes(WEBHOOK_NETWORKS=NETWORKS) as group:
        webhooks.test(webhook(here.url))
        sender = group.manage("send_webhooks")
        wait_until(lambda: len(here.received) == 1)
        group.kill(sender)
        assert WebhookDelivery.objects.get().attempts == 0
        answers.set()
        assert group.manage("send_webhooks").wait() == 0
        assert len(here.received) == 1  # the dead one's lease still holds
        Webhook.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        assert group.manage("send_webhooks").wait() == 0
        assert _all_delivered()
        assert len(here.received) == 2
        assert len({one.id for one in here.received}) == 1
        assert len({one.body for one in here.received}) == 1


def test_a_run_without_webhooks_starts_no_third_process(carrier: Carrier) -> None:
    with processes() as group:
        run = group.manage("runcrons")
        assert run.wait() == 0
