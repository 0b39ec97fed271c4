"""Call-control addresses: they lead where they should, and nobody else can make one."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.urls import resolve
from pytest_django import Settings

from blast_api.callcontrol import views
from blast_api.carrierx.addresses import address, is_genuine
from blast_api.domain.callbacks import Party

STEPS = [
    (Party.RECIPIENT, "answered", views.CallAnswered),
    (Party.RECIPIENT, "detected", views.CallDetected),
    (Party.RECIPIENT, "key", views.CallKey),
    (Party.RECIPIENT, "status", views.CallStatus),
    (Party.AUTHOR, "answered", views.AuthorAnswered),
    (Party.AUTHOR, "welcome", views.AuthorAtWelcome),
    (Party.AUTHOR, "recorded", views.AuthorRecorded),
    (Party.AUTHOR, "not-recorded", views.AuthorNotRecorded),
    (Party.AUTHOR, "nothing-recorded", views.NothingRecorded),
    (Party.AUTHOR, "verification", views.AuthorAtVerification),
    (Party.AUTHOR, "status", views.RecordingStatus),
]


def token_of(url: str) -> str:
    return url.split("/")[-2]


@pytest.mark.parametrize(("kind", "step", "view"), STEPS)
def test_an_address_leads_to_its_view(kind: Party, step: str, view: type) -> None:
    found = resolve(urlsplit(address(kind, 7, 2, step)).path)
    assert found.func.view_class is view  # type: ignore[attr-defined]
    assert (found.kwargs["row"], found.kwargs["serial"]) == (7, 2)
    assert is_genuine(kind, 7, 2, found.kwargs["token"])


def test_an_address_has_its_documented_form(settings: Settings) -> None:
    settings.BASE_CALLCONTROL_API_URL = "https://blast.example/api/v1/call-control/"
    url = address(Party.RECIPIENT, 7, 2, "key")
    base, token, step = url.rsplit("/", 2)
    assert (base, step) == ("https://blast.example/api/v1/call-control/calls/7/2", "key")
    assert len(token) == 27  # 160 bits
    assert url == address(Party.RECIPIENT, 7, 2, "key")
    assert token == token_of(address(Party.RECIPIENT, 7, 2, "status"))


@pytest.mark.parametrize(
    "other", [(Party.AUTHOR, 7, 2), (Party.RECIPIENT, 8, 2), (Party.RECIPIENT, 7, 3), (Party.RECIPIENT, 72, 0)]
)
def test_the_token_of_one_attempt_is_no_other_ones(other: tuple[Party, int, int]) -> None:
    token = token_of(address(Party.RECIPIENT, 7, 2, "key"))
    assert is_genuine(Party.RECIPIENT, 7, 2, token)
    assert not is_genuine(*other, token)


def test_a_wrong_token_is_refused() -> None:
    token = token_of(address(Party.RECIPIENT, 7, 2, "key"))
    for wrong in ("", "x", token[:-1], token + "A", token.swapcase(), token + "=", "\u00fc\ufffd", "\0"):
        assert not is_genuine(Party.RECIPIENT, 7, 2, wrong)


def test_another_secret_makes_other_addresses_and_a_former_one_still_counts(settings: Settings) -> None:
    token = token_of(address(Party.RECIPIENT, 7, 2, "key"))
    settings.SECRET_KEY, former = "a new secret of the tests", settings.SECRET_KEY
    assert token_of(address(Party.RECIPIENT, 7, 2, "key")) != token
    assert not is_genuine(Party.RECIPIENT, 7, 2, token)
    settings.SECRET_KEY_FALLBACKS = ["an older one", former]
    assert is_genuine(Party.RECIPIENT, 7, 2, token)
    assert is_genuine(Party.RECIPIENT, 7, 2, token_of(address(Party.RECIPIENT, 7, 2, "key")))
