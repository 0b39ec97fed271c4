"""People who use the pages: added, changed and disabled by the operator, with what they did there."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from blast_api.domain.errors import PersonRefused
from blast_api.domain.roles import Role
from blast_api.models import Application, Deed, Person

_LONGEST_NAME = 100
_LONGEST_DETAIL = 255
_PASSWORD_BYTES = 18
_WRONG_PASSWORDS_KEPT = timedelta(days=1)


def add(name: str, role: str, applications: Sequence[str] = (), *, password: str = "") -> str:
    """Add a person and answer the password, which is made where none is given. Raises PersonRefused."""
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME:
        raise PersonRefused(f"A name has 1 to {_LONGEST_NAME} printable characters and no space around it.")
    if name == Person.IMPLIED:
        raise PersonRefused(f'"{name}" is whoever looks in development, and signs in nowhere.')
    if role not in Role.values:
        raise PersonRefused(f"A role is one of {', '.join(Role.values)}.")
    known = _applications(role, applications)
    password = _usable(password)
    try:
        with transaction.atomic():
            person = Person.objects.create(name=name, role=role, password=make_password(password))
            person.applications.set(known)
    except IntegrityError:
        raise PersonRefused(f'There is a "{name}" already.') from None
    return password


def _applications(role: str, names: Sequence[str]) -> list[Application]:
    if role == Role.OPERATOR and names:
        raise PersonRefused("An operator sees every application: name none.")
    if role != Role.OPERATOR and not names:
        raise PersonRefused(f"Name the applications that a {role} sees.")
    known = list(Application.objects.filter(name__in=names))
    if missing := sorted(set(names) - {application.name for application in known}):
        raise PersonRefused(f"There is no application {', '.join(missing)}.")
    return known


def _usable(password: str) -> str:
    try:
        validate_password(password or (password := secrets.token_urlsafe(_PASSWORD_BYTES)))
    except ValidationError as error:
        raise PersonRefused(" ".join(error.messages)) from None
    return password


def renew(name: str, *, password: str = "") -> str:
    """Give a person another password, and answer it; the sessions that are open end. Raises PersonRefused."""
    password = _usable(password)
    if not Person.objects.filter(name=name).update(password=make_password(password)):
        raise _unknown(name)
    return password


def enable(name: str, *, enabled: bool) -> bool:
    """Let a person in, or no more, with the next request on; False if it was so before. Raises PersonRefused."""
    named = Person.objects.filter(name=name)
    if named.exclude(is_active=enabled).update(is_active=enabled):
        return True
    if not named.exists():
        raise _unknown(name)
    return False


def _unknown(name: str) -> PersonRefused:
    return PersonRefused(f'There is no "{name}".')


def forget_past(*, now: datetime) -> None:
    """Sessions that have ended, and wrong passwords of before yesterday, are of no use to anybody."""
    SessionStore.clear_expired()
    AccessAttempt.objects.filter(attempt_time__lt=now - _WRONG_PASSWORDS_KEPT).delete()


# --- Deeds -----------------------------------------------------------------------------------------------------------


def did(
    who: str,
    action: str,
    *,
    application_id: int | None,
    message_id: int | None = None,
    number: str = "",
    detail: str = "",
) -> None:
    """Keep that somebody did this; where it is part of a change, in the same transaction."""
    Deed.objects.create(
        who=who,
        action=action,
        application_id=application_id,
        message_id=message_id,
        number=number,
        detail=detail[:_LONGEST_DETAIL],
    )


def deeds_of_shout(message_id: int) -> list[Deed]:
    """What was done to a shout, the latest first."""
    return list(Deed.objects.filter(message_id=message_id).order_by("-id"))
