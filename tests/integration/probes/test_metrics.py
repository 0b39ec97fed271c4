"""What Prometheus is told, and who may read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api.callcontrol import urls, views
from blast_api.carrierx.client import Refusal, Refused
from blast_api.dispatch import gate
from blast_api.domain.callbacks import Party, Reason
from blast_api.domain.states import CallStatus, ShoutStatus
from blast_api.models import Call, Message
from blast_api.monitoring import counters, health
from blast_api.records import writer
from blast_api.simulator import Carrier
from tests.kits import factories, unhurried
from tests.kits.callbacks import ask, delivered, path
from tests.kits.records import attempts, waiting_of_a_former_release
from tests.kits.released import dispatch, hold, released
from tests.kits.scraped import numbers, samples

pytestmark = pytest.mark.django_db


def scrape(client: Client) -> dict[str, float]:
    """Every number that is not 0."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {name: number for name, number in numbers(answer.content.decode()).items() if number}


# --- Who may read it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "status"),
    [
        ("127.0.0.1", None, 200),
        ("::1", None, 200),
        ("::ffff:127.0.0.1", None, 200),
        ("10.0.0.1", None, 403),
        ("192.0.2.7", None, 403),
        ("2001:db8::1", None, 403),
        ("", None, 403),
        ("127.0.0.1", "127.0.0.1", 200),
        ("127.0.0.1", "192.0.2.7", 403),
        ("127.0.0.1", "127.0.0.1, 192.0.2.7", 403),
        ("127.0.0.1", "192.0.2.7, 127.0.0.1", 403),
        ("127.0.0.1", "unknown", 403),
        ("127.0.0.1", ",", 403),
        ("192.0.2.7", "127.0.0.1", 403),
    ],
)
def test_only_who_is_named_reads_metrics_and_nobody_through_a_proxy_for_another(
    client: Client, settings: Settings, peer: str, forwarded_for: str | None, status: int
) -> None:
    settings.API_TOKEN_REQUIRED = True
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for is not None else {}
    answer = client.get("/metrics", REMOTE_ADDR=peer, headers=headers)
    assert answer.status_code == status
    assert (b"blast_api_" in answer.content) is (status == 200)
    assert "no-store" in answer["Cache-Control"]


def test_the_operator_names_who_reads_metrics(client: Client, settings: Settings) -> None:
    settings.METRICS_ALLOWED = "10.0.0.0/8"
    assert client.get("/metrics", REMOTE_ADDR="10.9.8.7").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 403
    settings.METRICS_ALLOWED = []
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 403


def test_a_stranger_costs_no_query(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 403
    assert client.post("/metrics").status_code == 405


def test_both_forms_of_the_text_are_well_formed(client: Client) -> None:
    plain = client.get("/metrics")
    assert plain["Content-Type"].startswith("text/plain; version=0.0.4")
    newer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert newer["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = open_metrics(newer.content.decode())  # type: ignore[no-untyped-call]  # it has no types
    names = {sample.name for family in families for sample in family.samples}
    assert names == {sample.name for sample in samples(plain.content.decode())}


# --- How things stand ----------------------------------------------------------------------------------------------


def test_an_idle_service_tells_zeros(client: Client) -> None:
    told = {"database_up": 1, "placements_per_second_limit": 25, "carrier_state ok": 1, "container_state awaited": 1}
    assert scrape(client) == told


def test_the_room_for_recordings_is_told_by_quota(client: Client) -> None:
    factories.container(quota_files=200, total_files=150, quota_bytes=1000, total_bytes=990)
    told = {name: number for name, number in scrape(client).items() if name.startswith("container")}
    assert told == {
        "container_state nearly full": 1,
        "container_free_ratio files": 0.25,
        "container_free_ratio bytes": pytest.approx(0.01),
    }


def test_open_calls_are_told_by_status_and_those_that_are_due_as_a_queue(client: Client) -> None:
    ago = timezone.now() - timedelta(seconds=100)
    released(3, due=timedelta(seconds=-50))
    released(2, due=timedelta(seconds=-90))
    released(4, due=timedelta(hours=1), status=ShoutStatus.SCHEDULED)
    released(5, due=timedelta(hours=-1), status=ShoutStatus.CANCELED)  # nobody will place them
    up = released(6, due=timedelta(seconds=-10))
    Call.objects.filter(message=up).update(status=CallStatus.ONGOING)
    factories.author_call(factories.message(), due_at=ago)
    told = scrape(client)
    assert {name: told[name] for name in told if name.startswith("calls ")} == {"calls ready": 14, "calls ongoing": 6}
    assert (told["queue_depth calls"], told["queue_depth recordings"]) == (5, 1)
    assert told["oldest_due_seconds calls"] == pytest.approx(90, abs=5)
    assert told["oldest_due_seconds recordings"] == pytest.approx(100, abs=5)


def test_a_placement_is_in_hand_and_after_a_while_unknown(client: Client) -> None:
    now = timezone.now()
    first, second = released(2).calls.all()
    hold(first, since=now, due_at=now)
    hold(second, since=now - timedelta(seconds=20), due_at=now)
    factories.author_call(factories.message(), due_at=now, held_since=now - timedelta(seconds=20))
    told = scrape(client)
    assert (told["placements_in_hand calls"], told["placements_unknown calls"]) == (2, 1)
    assert (told["placements_in_hand recordings"], told["placements_unknown recordings"]) == (1, 1)
    assert "queue_depth calls" not in told


def test_records_that_wait_are_told_with_their_age(client: Client) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    attempts(2, an_hour_ago)
    waiting_of_a_former_release(1)
    told = scrape(client)
    assert told["records_waiting"] == 3
    assert told["records_oldest_waiting_seconds"] == pytest.approx(3600, abs=5)
    writer.write_due()
    assert "records_waiting" not in scrape(client)


def test_trouble_with_the_carrier_is_told(client: Client) -> None:
    dispatch()  # makes the gate
    gate.heed(Refused(Refusal.ALL_OF_US, "401", 401), now=timezone.now())
    told = scrape(client)
    assert {name for name in told if name.startswith("carrier")} == {"carrier_state shut", "carrier_trouble denied"}


def test_each_host_whose_cron_jobs_ran_is_told_until_it_is_forgotten(client: Client) -> None:
    now = timezone.now()
    health.cron_ran("gone", now=now - timedelta(days=2))
    health.cron_ran("one", now=now - timedelta(seconds=70))
    health.cron_ran("two", now=now - timedelta(seconds=10))
    health.cron_ran("two", now=now)
    told = scrape(client)
    assert {name for name in told if name.startswith("cron")} == {"cron_age_seconds one", "cron_age_seconds two"}
    assert told["cron_age_seconds one"] == pytest.approx(70, abs=5)
    assert told["cron_age_seconds two"] == pytest.approx(0, abs=5)


def test_without_the_database_what_was_counted_is_told_all_the_same(client: Client) -> None:
    counters.PLACEMENTS.add(Party.RECIPIENT, "accepted")

    def refuse(*_: object) -> object:
        raise OperationalError("password=swordfish")

    with connection.execute_wrapper(refuse):
        told = scrape(client)
    assert told == {"placements_per_second_limit": 25, "placements_total calls accepted": 1}


# --- What has happened ---------------------------------------------------------------------------------------------


def test_placements_are_counted_by_their_outcome_and_timed(client: Client, carrier: Carrier) -> None:
    released(3)
    dispatch()
    carrier.inject("refuse", status=422)
    released(1)
    dispatch()
    told = scrape(client)
    placed = {name.split()[-1]: told[name] for name in told if name.startswith("placements_total calls")}
    assert (placed["accepted"], placed["refused"]) == (3, 1)
    answered = sum(number for outcome, number in placed.items() if outcome != "missed")
    assert told["placement_seconds_count"] == told["placement_seconds_bucket +Inf"] == answered
    assert 0 < told["placement_seconds_sum"] < answered * 8


def test_callbacks_are_counted_by_kind_and_code_and_timed(client: Client) -> None:
    call = delivered()
    for _ in range(2):
        assert ask(client, path(Party.RECIPIENT, call.pk, 1, "answered")).status_code == 200
    assert ask(client, path(Party.RECIPIENT, call.pk, 1, "answered", token="0" * 40)).status_code == 403
    assert ask(client, path(Party.RECIPIENT, call.pk, 1, "status"), CallStatus="completed").status_code == 200
    assert client.post("/api/v1/call-control/nothing").status_code == 403
    told = scrape(client)
    assert {name: told[name] for name in told if name.startswith("callbacks")} == {
        "callbacks_total CallAnswered 200": 2,
        "callbacks_total CallAnswered 403": 1,
        "callbacks_total CallStatus 200": 1,
        "callbacks_refused_total forged": 1,
        "callbacks_refused_total no_address": 1,
    }
    assert told["callback_seconds_count CallAnswered"] == 3
    assert 0 < told["callback_seconds_sum CallAnswered"] < 10


def test_a_callback_that_we_cannot_answer_is_counted_as_failed(client: Client) -> None:
    call = delivered()
    Message.objects.update(transfer={"of": "another release"})  # which this one cannot read
    assert ask(client, path(Party.RECIPIENT, call.pk, 1, "detected"), AnsweredBy="HUMAN").status_code == 200
    told = scrape(client)
    assert told["callbacks_failed_total CallDetected"] == told["callbacks_total CallDetected 200"] == 1


def test_endings_are_counted_when_their_records_are_written(client: Client) -> None:
    call = delivered(answerer="HUMAN")
    ask(client, path(Party.RECIPIENT, call.pk, 1, "status"), CallStatus="completed")
    assert not [name for name in scrape(client) if "ended" in name]
    writer.write_due()
    ended = {name: number for name, number in scrape(client).items() if "ended" in name}
    assert ended == {"attempts_ended_total completed": 1, "shouts_ended_total finished": 1}


def test_what_is_counted_outlives_the_process(client: Client) -> None:
    counters.PLACEMENTS.add(Party.RECIPIENT, "accepted")
    counters._tally.forget()  # as the end of the process does
    counters.PLACEMENTS.add(Party.RECIPIENT, "accepted")
    assert scrape(client)["placements_total calls accepted"] == 2


# --- The values of the labels --------------------------------------------------------------------------------------


def _labels(family: counters.Counter, at: int) -> set[str]:
    return {values[at] for values, _ in family.samples(counters.read())}


def test_everything_that_can_be_counted_has_a_place() -> None:
    classes = {each.callback.view_class for each in urls.urlpatterns if each.callback is not None}  # type: ignore[attr-defined]
    called = {view.callback.label for view in classes - {views.NoAddress}}
    assert called | {counters.OTHER} == _labels(counters.CALLBACKS, 0)
    assert {reason.label for reason in Reason} | {counters.OTHER} == _labels(counters.CALLBACKS_REFUSED, 0)
    assert set(Party) == _labels(counters.PLACEMENTS, 0)


def test_whatever_is_not_known_is_another() -> None:
    counters.callback_answered("a stranger's", 418, seconds=0.1)
    assert dict(counters.CALLBACKS.samples(counters.read()))[counters.OTHER, counters.OTHER] == 1


@pytest.mark.parametrize("outcome", [Refused(Refusal.ALL_OF_US, "401", 401), Refused(Refusal.FOR_NOW, "429", 429)])
def test_every_label_is_a_word_of_ours(client: Client, outcome: Any) -> None:
    """No number, no address, no user: whatever the service has seen."""
    call = delivered(shout={"userdata": "swordfish", "title": "swordfish"}, sid="swordfish")
    ask(client, path(Party.RECIPIENT, call.pk, 1, "status"), CallStatus="swordfish", CallSid="swordfish")
    dispatch()
    gate.heed(outcome, now=timezone.now())
    unhurried.run_once()
    text = client.get("/metrics").content.decode()
    assert "swordfish" not in text
    assert call.number not in text
