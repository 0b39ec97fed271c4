"""Who may ask: tokens, and what one application sees of another's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from blast_api.models import Application, DoNotCallNumber, Message
from tests import factories
from tests.factories import USER, number

from .rest import body, code, content, created, post, shut_the_gate

pytestmark = pytest.mark.django_db

Request = Callable[[Client], HttpResponse]
REQUESTS = [
    ("GET", "/api/v1/shouts?userdata=user"),
    ("POST", "/api/v1/shouts"),
    ("GET", "/api/v1/shouts/1"),
    ("DELETE", "/api/v1/shouts/1;cancel"),
    ("GET", "/api/v1/calls?shout-id=1"),
    ("GET", "/api/v1/dnc/user"),
    ("DELETE", "/api/v1/dnc/user/15555550001"),
]


@pytest.fixture(autouse=True)
def _tokens_are_required(settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = True
    shut_the_gate()


def with_token(token: str) -> Client:
    return Client(headers={"Authorization": f"Token {token}"})


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Token",
        "Token ",
        "Token wrong",
        "Token revoked",
        "Token right right",
        "Bearer right",
        "Basic cmlnaHQ=",
        "right",
        "Token RIGHT",
        "Token \u00fc",
    ],
)
def test_without_a_good_token_every_request_is_401(method: str, path: str, header: str | None) -> None:
    factories.application_with_token("right")
    factories.application_with_token("revoked", revoked=timezone.now())
    headers = {} if header is None else {"Authorization": header}
    answer = Client().generic(method, path, "{}", content_type="application/json", headers=headers)
    assert code(answer)[0] == 401
    assert answer["WWW-Authenticate"] == "Token"
    assert not Message.objects.exists()


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_a_good_token_is_its_application(scheme: str) -> None:
    application = factories.application_with_token("right")
    created(post(Client(), body(), Authorization=f"{scheme} right"))
    assert Message.objects.get().application == application
    assert not Application.objects.filter(name=Application.IMPLIED).exists()


def test_in_development_no_token_is_needed_but_a_wrong_one_is_wrong(settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = False
    created(post(Client(), body()))
    assert Message.objects.get().application.name == Application.IMPLIED
    assert code(with_token("wrong").get("/api/v1/dnc/user")) == (401, "authentication_failed")
    assert Client(headers={"Authorization": "Basic eDp5"}).get("/api/v1/dnc/user").status_code == 200


def test_the_token_itself_is_not_stored() -> None:
    application = factories.application_with_token("right")
    assert application.token_digest is not None
    assert len(application.token_digest) == 64
    assert "right" not in application.token_digest


def test_another_applications_shouts_do_not_exist() -> None:
    factories.application_with_token("mine")
    factories.application_with_token("other")
    mine, other = with_token("mine"), with_token("other")
    shout = created(post(mine, body()))["id"]
    assert code(other.get(f"/api/v1/shouts/{shout}")) == (404, "not_found")
    assert code(other.delete(f"/api/v1/shouts/{shout};cancel")) == (404, "not_found")
    assert code(other.get(f"/api/v1/calls?shout-id={shout}")) == (404, "not_found")
    assert content(other.get(f"/api/v1/shouts?userdata={USER}")) == []
    assert [told["id"] for told in content(mine.get(f"/api/v1/shouts?userdata={USER}"))] == [shout]
    assert Message.objects.get().status == "pending"


def test_the_same_user_of_two_applications_has_two_do_not_call_lists() -> None:
    mine = factories.application_with_token("mine")
    factories.application_with_token("other")
    factories.listed(number(1), application=mine)
    assert content(with_token("other").get(f"/api/v1/dnc/{USER}")) == []
    assert code(with_token("other").delete(f"/api/v1/dnc/{USER}/{number(1)}")) == (404, "not_found")
    assert created(post(with_token("other"), body()))["calls"] == {"pending": 2}
    assert created(post(with_token("mine"), body()))["calls"] == {"do not call": 1, "pending": 1}
    assert DoNotCallNumber.objects.count() == 1
