"""`manage.py applications`: tokens are made once, listed never, revoked for good."""

from __future__ import annotations

import io
import json
import logging

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from blast_api.models import Application
from tests.kits import factories
from tests.kits.factories import USER
from tests.kits.rest import body, code, content, created, post, shut_the_gate

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(*words: str, out: io.StringIO | None = None) -> tuple[str, str]:
    """What the command prints: its output, and its remarks."""
    out, err = out or io.StringIO(), io.StringIO()
    call_command("applications", *words, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def make(name: str) -> str:
    return run("make", name)[0].strip()


def asks(token: str) -> tuple[int, str]:
    """Status and code of a request with this token."""
    answer = Client().get(f"/api/v1/dnc/{USER}", headers={"Authorization": f"Token {token}"})
    return (200, "") if answer.status_code == 200 else code(answer)


REFUSED = (401, "authentication_failed")


def test_the_token_is_the_only_output_and_is_let_in(settings: Settings) -> None:
    settings.API_TOKEN_REQUIRED = True
    out, err = run("make", "school")
    assert len(out.split()) == 1
    assert len(out.strip()) >= 43
    assert "school" in err
    assert out.strip() not in err
    assert asks(out.strip()) == (200, "")


def test_the_token_is_neither_stored_nor_logged_nor_listed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = make("school")
    assert asks(token) == (200, "")
    told = [run("list")[0], run("list", "--json")[0], run("list", out=Terminal())[0], run("revoke", "school")[0]]
    (row,) = Application.objects.values()
    digest = row["token_digest"]
    for text in (*told, caplog.text, str(row)):
        assert token not in text
    for text in (*told, caplog.text):
        assert str(digest) not in text


def test_two_applications_have_two_tokens() -> None:
    assert make("school") != make("church")


def test_a_name_in_use_is_refused_and_its_token_goes_on() -> None:
    token = make("school")
    with pytest.raises(CommandError, match=r'"school" has a token\. Revoke it first') as refusal:
        run("make", "school")
    assert refusal.value.returncode == 1
    assert asks(token) == (200, "")


@pytest.mark.parametrize("name", ["", " ", " school", "school\n", "a\tb", "a\0b", "\x1b[31m", "a" * 101])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="1 to 100 printable characters"):
        run("make", name)
    assert not Application.objects.exists()


@pytest.mark.parametrize("name", ["a" * 100, "St. Mary's, \u00dcbersee", "[bold]school[/]", "-school"])
def test_a_name_may_be_any_printable_text(name: str) -> None:
    token = run("make", "--", name)[0].strip()
    assert asks(token) == (200, "")
    assert json.loads(run("list", "--json")[0])[0]["name"] == name
    if len(name) < 30:
        assert name in run("list", out=Terminal())[0]


def test_a_revoked_token_is_refused_at_once() -> None:
    token = make("school")
    assert asks(token) == (200, "")
    assert run("revoke", "school")[0] == '"school" is revoked.\n'
    assert asks(token) == REFUSED
    assert run("revoke", "school")[0] == '"school" was revoked before.\n'


def test_what_nobody_has_cannot_be_revoked() -> None:
    with pytest.raises(CommandError, match=r'There is no application "school"\.'):
        run("revoke", "school")


def test_the_application_of_development_is_neither_made_nor_revoked() -> None:
    for action in ("make", "revoke"):
        factories.application()
        with pytest.raises(CommandError, match="has no token"):
            run(action, Application.IMPLIED)
    assert json.loads(run("list", "--json")[0])[0]["state"] == "without token"


def test_a_revoked_application_comes_back_to_what_it_had_with_another_token() -> None:
    shut_the_gate()
    first = make("school")
    shout = created(post(Client(), body(), Authorization=f"Token {first}"))["id"]
    run("revoke", "school")
    second = make("school")
    assert second != first
    assert asks(first) == REFUSED
    answer = Client().get(f"/api/v1/shouts?userdata={USER}", headers={"Authorization": f"Token {second}"})
    assert [one["id"] for one in content(answer)] == [shout]


def test_the_list_tells_names_and_states_by_name() -> None:
    for name in ("b", "a"):
        make(name)
    run("revoke", "b")
    told = json.loads(run("list", "--json")[0])
    assert [(one["name"], one["state"], one["revoked"] is None) for one in told] == [
        ("a", "active", True),
        ("b", "revoked", False),
    ]
    lines = [line.split("\t") for line in run("list")[0].splitlines()]
    assert [line[:2] for line in lines] == [["a", "active"], ["b", "revoked"]]


def test_a_list_without_applications_is_empty() -> None:
    assert run("list") == ("", "")
    assert json.loads(run("list", "--json")[0]) == []


@pytest.mark.parametrize("words", [[], ["make"], ["revoke"], ["remove", "school"], ["make", "a", "b"]])
def test_a_command_that_is_none_is_refused(words: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*words)
