"""What a receiver gets: signed, in order, at least once, and again after a failure."""

from __future__ import annotations

import logging
from datetime import timedelta
from ipaddress import ip_network
from threading import Event
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from blast_api.domain.webhooks import WebhookEvent
from blast_api.models import DeliveryState, Webhook, WebhookDelivery
from blast_api.services import deliveries, webhooks
from blast_api.webhooks.lane import Sending
from blast_api.webhooks.wire import WebhookWire
from tests.kits.receiver import Received, eventually, receiver, send, webhook

pytestmark = pytest.mark.django_db(transaction=True)


def told(to: Webhook, count: int = 1) -> list[WebhookDelivery]:
    """So many tests that wait to be sent."""
    return [webhooks.test(to) for _ in range(count)]


def row(of: WebhookDelivery) -> WebhookDelivery:
    return WebhookDelivery.objects.get(pk=of.pk)


def due_now() -> None:
    """As if the time to try again had come."""
    WebhookDelivery.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))
    Webhook.objects.update(rests_until=None)


def test_a_receiver_verifies_by_the_package_of_the_standard(wire: WebhookWire) -> None:
    with receiver() as here:
        to = webhook(here.url)
        (delivery,) = told(to)
        send(wire)
    (one,) = here.received
    said = one.verified(to.whole_secret)
    assert said == {
        "type": "webhook.test",
        "timestamp": delivery.created.isoformat().replace("+00:00", "Z"),
        "sequence": delivery.pk,
        "data": {"webhook_id": to.pk},
    }
    assert one.id == delivery.message_id == f"msg_{to.name}_{delivery.pk}"
    assert one.headers["content-type"] == "application/json"
    assert one.headers["user-agent"].startswith("blast-api/")
    kept = row(delivery)
    assert (kept.state, kept.attempts, kept.status, kept.trouble) == (DeliveryState.DELIVERED, 1, 204, "")
    assert kept.ended
    with pytest.raises(WebhookVerificationError):
        one.verified("whsec_" + "A" * 43 + "=")


def test_both_secrets_sign_for_a_day_after_a_rotation(wire: WebhookWire) -> None:
    with receiver() as here:
        to = webhook(here.url)
        former = to.whole_secret
        webhooks.rotate(to, now=timezone.now())
        told(to)
        send(wire)
        Webhook.objects.update(rotated=timezone.now() - timedelta(days=1, seconds=1))
        told(to)
        send(wire)
    first, second = here.received
    assert first.verified(former) == first.verified(to.whole_secret)
    assert second.verified(to.whole_secret)
    with pytest.raises(WebhookVerificationError):
        second.verified(former)


def test_they_come_in_the_order_of_what_they_tell_of(wire: WebhookWire) -> None:
    with receiver() as here:
        to = webhook(here.url)
        sent = told(to, 50)  # all of one subject, so one after another
        send(wire)
    assert [each.told["sequence"] for each in here.received] == [delivery.pk for delivery in sent]


def test_after_500_the_same_comes_again_under_the_same_id(wire: WebhookWire) -> None:
    answers = iter([500, 500, 204])
    with receiver(lambda _: next(answers)) as here:
        to = webhook(here.url)
        (delivery,) = told(to)
        for attempts in (1, 2):
            before = timezone.now()
            send(wire)
            kept = row(delivery)
            assert (kept.state, kept.attempts, kept.status) == (DeliveryState.WAITING, attempts, 500)
            assert kept.trouble == "the answer was 500"
            assert kept.due_at
            assert kept.due_at > before + timedelta(seconds=4)
            assert Webhook.objects.get().failing_since
            due_now()
        send(wire)
    assert len({one.id for one in here.received}) == 1
    assert len({one.body for one in here.received}) == 1
    assert all(one.verified(to.whole_secret) for one in here.received)
    assert row(delivery).state == DeliveryState.DELIVERED
    kept_webhook = Webhook.objects.get()
    assert (kept_webhook.failing_since, kept_webhook.failures) == (None, 0)


def test_nothing_is_sent_again_before_its_time(wire: WebhookWire) -> None:
    with receiver(lambda _: 500) as here:
        told(webhook(here.url))
        send(wire)
        send(wire)
    assert len(here.received) == 1


def test_retry_after_is_heeded_by_all_that_waits(wire: WebhookWire) -> None:
    with receiver(lambda _: (429, {"Retry-After": "100"})) as here:
        to = webhook(here.url)
        (delivery,) = told(to)
        now = timezone.now()
        send(wire)
        told(to)
        send(wire)
    assert len(here.received) == 1
    for moment in (row(delivery).due_at, Webhook.objects.get().rests_until):
        assert moment
        assert timedelta(seconds=95) < moment - now < timedelta(seconds=130)


def test_410_disables_it_with_a_line_in_the_log(wire: WebhookWire, caplog: pytest.LogCaptureFixture) -> None:
    with receiver(lambda _: 410) as here, caplog.at_level(logging.ERROR):
        to = webhook(here.url)
        told(to)
        send(wire)
        assert webhooks.of(to.application).get().disabled_because == "it answered 410"
        told_before = len(here.received)
        WebhookDelivery.objects.create(webhook=to, event=WebhookEvent.CALL_ENDED, subject=1)
        due_now()
        send(wire)
        assert len(here.received) == told_before
    assert [getattr(record, "action", "") for record in caplog.records] == ["webhook_disabled"]


def test_five_days_of_failure_disable_it(wire: WebhookWire) -> None:
    with receiver(lambda _: 503) as here:
        to = webhook(here.url, failing_since=timezone.now() - timedelta(days=4, hours=23))
        told(to)
        send(wire)
        assert Webhook.objects.get().disabled is None
        Webhook.objects.update(failing_since=timezone.now() - timedelta(days=5))
        due_now()
        send(wire)
    kept = Webhook.objects.get()
    assert kept.disabled
    assert kept.disabled_because == "it has taken nothing for 5 days: the answer was 503"


def test_it_is_given_up_after_three_days_and_tried_again_when_that_is_asked(wire: WebhookWire) -> None:
    answers = iter([500, 204])
    with receiver(lambda _: next(answers)) as here:
        to = webhook(here.url)
        (delivery,) = told(to)
        WebhookDelivery.objects.update(since=timezone.now() - timedelta(days=3))
        send(wire)
        assert row(delivery).state == DeliveryState.FAILED
        assert row(delivery).ended
        assert webhooks.retry(to, now=timezone.now() - timedelta(seconds=1)) == 1
        send(wire)
    assert row(delivery).state == DeliveryState.DELIVERED


def test_an_endpoint_that_fails_gets_one_at_a_time_and_rests(wire: WebhookWire) -> None:
    with receiver(lambda _: 500) as here:
        to = webhook(here.url)
        for index in range(100):
            WebhookDelivery.objects.create(webhook=to, event="webhook.test", subject=index)
        send(wire)
        assert len(here.received) < 10
        rests_until = Webhook.objects.get().rests_until
        assert rests_until
        assert rests_until > timezone.now()
        before = len(here.received)
        due_now()
        send(wire)
    assert len(here.received) == before + 1


def test_one_that_never_answers_holds_up_no_other() -> None:
    silent = Event()

    def never(_: Received) -> int:
        silent.wait(30)
        return 204

    wire = WebhookWire(opened=(ip_network("127.0.0.0/8"),), within_s=1.0)
    with receiver(never) as dead, receiver() as alive:
        stuck = webhook(dead.url)
        told(stuck, 20)
        well = webhook(alive.url)
        for index in range(200):
            WebhookDelivery.objects.create(webhook=well, event="webhook.test", subject=index)
        with Sending(Event(), wire, threads=4) as lane:
            while len(alive.received) < 200:
                lane.turn(0.02)
            assert WebhookDelivery.objects.filter(webhook=stuck, state=DeliveryState.DELIVERED).count() == 0
            eventually(lambda: bool(lane.turn(0.02)) and Webhook.objects.get(pk=stuck.pk).failures > 0)
        silent.set()
    assert "within 1 s" in WebhookDelivery.objects.filter(webhook=stuck, attempts__gt=0)[0].trouble


def test_two_senders_share_the_work_and_nothing_comes_twice(wire: WebhookWire) -> None:
    with receiver() as here:
        to = [webhook(here.url) for _ in range(4)]
        for index in range(40):
            WebhookDelivery.objects.create(webhook=to[index % 4], event="webhook.test", subject=index)
        with Sending(Event(), wire) as one, Sending(Event(), wire) as other:
            while one.turn(0.01) | other.turn(0.01):
                pass
    assert len(here.received) == len({each.id for each in here.received}) == 40


def test_what_a_dead_sender_had_in_hand_is_sent_when_its_lease_is_over(wire: WebhookWire) -> None:
    with receiver() as here:
        to = webhook(here.url)
        told(to)
        assert deliveries.claim("dead", most=1, now=timezone.now())
        send(wire)
        assert here.received == []
        Webhook.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        send(wire)
    assert len(here.received) == 1


def test_what_was_sent_and_not_kept_is_sent_again_under_the_same_id(
    wire: WebhookWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> Webhook:
        raise RuntimeError("the process dies here")

    with receiver() as here:
        told(webhook(here.url))
        with monkeypatch.context() as patch:
            patch.setattr(deliveries, "keep", dies)
            with pytest.raises(RuntimeError):
                send(wire)
        Webhook.objects.update(held_by="", held_until=None)
        send(WebhookWire(opened=wire._opened))
    assert len(here.received) == 2
    assert len({one.id for one in here.received}) == 1


def test_a_webhook_that_is_deleted_while_it_is_told_is_told_no_more(wire: WebhookWire) -> None:
    with receiver() as here:
        to = webhook(here.url)
        told(to, 5)
        webhooks.delete(to, now=timezone.now())
        send(wire)
    assert here.received == []
    assert deliveries.forget(timezone.now()) == 5
    assert Webhook.objects.exists()  # something may still come of a transaction under way
    assert deliveries.forget(timezone.now() + timedelta(minutes=11)) == 1
    assert not Webhook.objects.exists()


def test_what_was_told_a_week_ago_is_forgotten(wire: WebhookWire) -> None:
    with receiver() as here:
        told(webhook(here.url))
        send(wire)
    assert deliveries.forget(timezone.now() + timedelta(days=6)) == 0
    assert deliveries.forget(timezone.now() + timedelta(days=8)) == 1


def test_what_tells_of_something_that_is_gone_is_not_sent(wire: WebhookWire) -> None:
    with receiver() as here:
        to = webhook(here.url)
        for event in WebhookEvent:
            WebhookDelivery.objects.create(webhook=to, event=event, subject=10**6)
        send(wire)
    assert here.received == []
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {DeliveryState.GONE}
