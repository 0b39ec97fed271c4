"""`manage.py people`: who may use the pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.utils import timezone

from blast_api.domain.errors import PersonRefused
from blast_api.models import Person
from blast_api.services import people
from tests.kits import factories
from tests.kits.commands import run

pytestmark = pytest.mark.django_db


def test_a_person_is_added_listed_disabled_and_enabled() -> None:
    factories.application(name="school")
    ran = run("people", "add", "ann", "--role", "sender", "--application", "school")
    assert ran.code == 0, ran.err
    password = ran.out.strip()
    assert Person.objects.get(name="ann").check_password(password)
    assert password not in ran.err
    assert run("people", "disable", "ann").out.strip() == '"ann" is disabled.'
    assert run("people", "disable", "ann").out.strip() == '"ann" was already disabled.'
    (told,) = run("people", "list", "--json").json
    assert (told["name"], told["role"], told["applications"], told["state"]) == (
        "ann",
        "sender",
        ["school"],
        "disabled",
    )
    assert run("people", "enable", "ann").out.strip() == '"ann" is enabled.'
    renewed = run("people", "password", "ann").out.strip()
    assert renewed != password
    assert Person.objects.get(name="ann").check_password(renewed)
    assert run("people", "list").rows[0][:2] == ["ann", "sender"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "ann", "--role", "sender"], "Name the applications that a sender sees."),
        (["add", "ann", "--role", "viewer", "--application", "church"], "There is no application church."),
        (["add", "ann", "--role", "operator", "--application", "school"], "An operator sees every application"),
        (["add", " ann", "--role", "operator"], "A name has 1 to 100 printable characters"),
        (["add", "development", "--role", "operator"], "signs in nowhere"),
        (["add", "bob", "--role", "operator"], 'There is a "bob" already.'),
        (["password", "nobody"], 'There is no "nobody".'),
        (["disable", "nobody"], 'There is no "nobody".'),
    ],
)
def test_what_cannot_be_is_told_in_a_line(words: list[str], said: str) -> None:
    factories.application(name="school")
    people.add("bob", "operator")
    ran = run("people", *words)
    assert (ran.code, said in ran.err, len(ran.err.strip().splitlines())) == (1, True, 1)
    assert Person.objects.count() == 1


@pytest.mark.parametrize("password", ["short", "password1234", "x" * 11])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(PersonRefused):
        people.add("ann", "operator", password=password)


def test_purge_forgets_sessions_that_ended_and_wrong_passwords_of_before() -> None:
    now = timezone.now()
    for key, age in (("old", timedelta(hours=-1)), ("new", timedelta(hours=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=now + age)
    for name, days in (("old", 2), ("new", 0)):
        row = AccessAttempt.objects.create(username=name, ip_address="::1", failures_since_start=1)
        AccessAttempt.objects.filter(pk=row.pk).update(attempt_time=now - timedelta(days=days))
    assert run("purge", "--older-than", "90", "--yes").code == 0
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["new"]
