"""Call-control addresses: they lead where they should, and nobody else can make one."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.urls import resolve
from pytest_django import Settings

from blast_api.callcontrol import views
from blast_api.carrierx.addresses import address, is_genuine, redacted
from blast_api.domain.callbacks import Callback, Party

# Word for word: the carrier has addresses that say so, the spool has lines, and dashboards have labels.
CALLBACKS = {
    views.CallAnswered: ("calls", "answered", "CallAnswered"),
    views.CallDetected: ("calls", "detected", "CallDetected"),
    views.CallKey: ("calls", "key", "CallKey"),
    views.CallBridged: ("calls", "bridged", "CallBridged"),
    views.CallEnded: ("calls", "status", "CallStatus"),
    views.AuthorAnswered: ("recordings", "answered", "AuthorAnswered"),
    views.AuthorAtWelcome: ("recordings", "welcome", "AuthorAtWelcome"),
    views.AuthorRecorded: ("recordings", "recorded", "AuthorRecorded"),
    views.AuthorNotRecorded: ("recordings", "not-recorded", "AuthorNotRecorded"),
    views.NothingRecorded: ("recordings", "nothing-recorded", "NothingRecorded"),
    views.AuthorAtVerification: ("recordings", "verification", "AuthorAtVerification"),
    views.RecordingEnded: ("recordings", "status", "RecordingStatus"),
}


def token_of(url: str) -> str:
    return url.split("/")[-2]


@pytest.mark.parametrize("view", CALLBACKS)
def test_an_address_leads_to_its_view(view: type[views.CallbackView]) -> None:
    kind, step = view.callback.party, view.callback.step
    assert (kind, step, view.callback.label) == CALLBACKS[view]
    found = resolve(urlsplit(address(kind, 7, 2, step)).path)
    assert found.func.view_class is view  # type: ignore[attr-defined]
    assert (found.kwargs["row"], found.kwargs["serial"]) == (7, 2)
    assert is_genuine(kind, 7, 2, found.kwargs["token"])


def test_each_callback_has_a_view() -> None:
    assert [view.callback for view in CALLBACKS] == list(Callback)


@pytest.mark.parametrize("callback", Callback)
def test_the_token_of_any_address_is_redacted(callback: Callback) -> None:
    url = address(callback.party, 7, 2, callback.step)
    assert redacted(f"GET {url}?take=1") == f"GET {url.replace(token_of(url), '***')}?take=1"


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
