"""How often may be asked: each application for itself, wrong tokens by address, the carrier always."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from blast_api.domain.callbacks import Party
from blast_api.models import Application, Message
from tests.kits import callbacks, factories
from tests.kits.rest import body, code, post, shut_the_gate

pytestmark = pytest.mark.django_db

RATE = 3
PATH = "/api/v1/dnc/user"


@pytest.fixture(autouse=True)
def standing_clock(settings: Settings) -> Iterator[time_machine.Traveller]:
    """A clock that stands until it is moved."""
    settings.API_TOKEN_REQUIRED = True
    settings.MAX_REQUESTS_PER_MINUTE = settings.MAX_WRONG_TOKENS_PER_MINUTE = RATE
    shut_the_gate()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        yield clock


def get(token: str, address: str = "127.0.0.1", *, by_way_of: str | None = None) -> HttpResponse:
    headers = {"Authorization": f"Token {token}"} | ({"X-Forwarded-For": by_way_of} if by_way_of else {})
    answer: HttpResponse = Client().get(PATH, headers=headers, REMOTE_ADDR=address)  # type: ignore[assignment]
    return answer


def refused(answer: HttpResponse) -> int:
    """The Retry-After of a 429 in the one shape of errors."""
    assert code(answer) == (429, "throttled")  # type: ignore[arg-type]
    return int(answer["Retry-After"])


# --- Applications ----------------------------------------------------------------------------------------------------


def test_an_application_that_asks_too_often_is_told_when_to_come_back(standing_clock: time_machine.Traveller) -> None:
    factories.application_with_token("right")
    for _ in range(RATE):
        assert get("right").status_code == 200
        standing_clock.shift(timedelta(seconds=10))
    assert refused(get("right")) == 30
    standing_clock.shift(timedelta(seconds=30, milliseconds=1))
    assert get("right").status_code == 200
    assert refused(get("right")) == 10


def test_each_application_has_a_count_of_its_own_wherever_it_asks_from() -> None:
    factories.application_with_token("mine")
    factories.application_with_token("other")
    for index in range(RATE):
        assert get("mine", f"192.0.2.{index}").status_code == 200
    refused(get("mine", "192.0.2.99"))
    assert get("other", "192.0.2.0").status_code == 200


def test_a_throttled_request_does_nothing() -> None:
    factories.application_with_token("right")
    for _ in range(RATE):
        post(Client(), body(), Authorization="Token right")
    refused(post(Client(), body(), Authorization="Token right"))  # type: ignore[arg-type]
    assert Message.objects.count() == RATE


def test_counting_costs_no_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    factories.application_with_token("right")
    with django_assert_num_queries(3):  # the token, the newest, the list
        get("right").getvalue()


def test_development_is_not_throttled(settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = False
    for _ in range(2 * RATE):
        assert Client().get(PATH).status_code == 200


# --- Wrong tokens ----------------------------------------------------------------------------------------------------


def test_who_guesses_is_refused_for_a_while(
    standing_clock: time_machine.Traveller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.application_with_token("right")
    for index in range(RATE):
        assert get(f"wrong {index}".replace(" ", "")).status_code == 401
    with django_assert_num_queries(0):
        assert refused(get("wrong")) == 60
        assert refused(get("right")) == 60  # whether it is right is not looked at
    assert get("right", "192.0.2.1").status_code == 200
    standing_clock.shift(timedelta(seconds=60, milliseconds=1))
    assert get("right").status_code == 200


def test_refused_guesses_do_not_make_the_wait_longer(standing_clock: time_machine.Traveller) -> None:
    for _ in range(RATE):
        get("wrong")
    standing_clock.shift(timedelta(seconds=40))
    assert [refused(get("wrong")) for _ in range(RATE)] == [20] * RATE


def test_nobody_is_locked_out_by_a_neighbour_who_guesses() -> None:
    factories.application_with_token("right")
    assert get("right").status_code == 200
    for _ in range(2 * RATE):
        get("wrong")
    assert get("right").status_code == 200
    refused(get("wrong"))


def test_a_token_that_was_right_is_a_wrong_one_when_it_is_revoked() -> None:
    application = factories.application_with_token("right")
    assert get("right").status_code == 200
    Application.objects.filter(pk=application.pk).update(revoked=timezone.now())
    assert [get("right").status_code for _ in range(RATE + 1)] == [401] * RATE + [429]


def test_a_revoked_token_does_not_pass_a_closed_door_twice() -> None:
    application = factories.application_with_token("right")
    assert get("right").status_code == 200
    for _ in range(RATE):
        get("wrong")
    Application.objects.filter(pk=application.pk).update(revoked=timezone.now())
    assert [get("right").status_code for _ in range(2)] == [401, 429]
    assert refused(get("right")) == 60


def test_right_tokens_are_no_guesses(settings: Settings) -> None:
    settings.MAX_REQUESTS_PER_MINUTE = 100
    factories.application_with_token("right")
    for _ in range(2 * RATE):
        assert get("right").status_code == 200
    assert get("wrong").status_code == 401


def test_requests_without_a_token_are_no_guesses() -> None:
    for _ in range(2 * RATE):
        assert Client().get(PATH).status_code == 401


def test_without_a_proxy_nobody_chooses_an_address() -> None:
    for index in range(RATE):
        assert get("wrong", by_way_of=f"192.0.2.{index}").status_code == 401
    refused(get("wrong", by_way_of="192.0.2.99"))


def test_behind_a_proxy_the_address_is_the_one_that_it_tells(settings: Settings) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    for index in range(RATE):
        assert get("wrong", by_way_of=f"198.51.100.{index}, 192.0.2.1").status_code == 401
    refused(get("wrong", by_way_of="192.0.2.1"))
    assert get("wrong", by_way_of="192.0.2.2").status_code == 401
    assert get("wrong", by_way_of="\u00fc" * 300).status_code == 401


# --- All others ------------------------------------------------------------------------------------------------------


def test_callbacks_are_never_throttled(settings: Settings) -> None:
    settings.MAX_REQUESTS_PER_MINUTE = settings.MAX_WRONG_TOKENS_PER_MINUTE = 1
    call = callbacks.delivered()
    good = callbacks.path(Party.RECIPIENT, call.pk, 1, "answered")
    bad = callbacks.path(Party.RECIPIENT, call.pk, 1, "answered", token="0" * 64)
    answers = [
        callbacks.ask(Client(headers={"Authorization": "Token wrong"}), path).status_code for path in [good, bad] * RATE
    ]
    assert 429 not in answers
    assert answers[::2] == [200] * RATE


def test_probes_and_the_documentation_are_never_throttled() -> None:
    for path in ("/healthz", "/docs/swagger.json"):
        assert [Client().get(path).status_code for _ in range(2 * RATE)] == [200] * (2 * RATE)
