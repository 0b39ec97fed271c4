"""Applications and their tokens: made, told by, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.db import IntegrityError, transaction

from blast_api.domain.errors import ApplicationRefused
from blast_api.models import Application

_TOKEN_BYTES = 32  # nobody guesses 256 bits
_LONGEST_NAME = 100


def digest(token: str) -> str:
    """How a token is stored: SHA-256, hexadecimal. Tokens are random and long, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def with_digest(token_digest: str) -> Application | None:
    """The application that has this token, unless it is revoked."""
    return Application.objects.filter(token_digest=token_digest, revoked=None).first()


def make(name: str) -> str:
    """Make an application and answer its token, which nobody can be told again.

    A revoked application comes back with a new token: its shouts and lists are its own as before, the old token stays
    dead. Raises ApplicationRefused for a name that is in use or cannot be used.
    """
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME:
        raise ApplicationRefused(f"A name has 1 to {_LONGEST_NAME} printable characters and no space around it.")
    if name == Application.IMPLIED:
        raise ApplicationRefused(f'"{name}" is the application of development, which has no token.')
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    revoked = Application.objects.filter(name=name, revoked__isnull=False)
    if not revoked.update(token_digest=digest(token), revoked=None):
        try:
            with transaction.atomic():
                Application.objects.create(name=name, token_digest=digest(token))
        except IntegrityError:
            raise ApplicationRefused(f'"{name}" has a token. Revoke it first to give it a new one.') from None
    return token


def revoke(name: str, *, now: datetime) -> bool:
    """From now on the application's token is refused; False if it was before. Its shouts go on.

    Raises ApplicationRefused for a name that nobody has, and for the one without a token.
    """
    named = Application.objects.filter(name=name)
    if named.filter(token_digest__isnull=False, revoked=None).update(revoked=now):
        return True
    if not named.exists():
        raise ApplicationRefused(f'There is no application "{name}".')
    if not named.filter(token_digest__isnull=False).exists():
        raise ApplicationRefused(f'"{name}" has no token.')
    return False
