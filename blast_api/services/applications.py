"""Applications: their tokens, made, told by and revoked, and what the operator sets for each of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction

from blast_api.conf import configuration
from blast_api.domain import recipients
from blast_api.domain.errors import ApplicationRefused
from blast_api.domain.rules import said
from blast_api.domain.rules.said import Faults, Said
from blast_api.models import Application

from . import rules

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
        raise _unknown(name)
    if not named.filter(token_digest__isnull=False).exists():
        raise ApplicationRefused(f'"{name}" has no token.')
    return False


# --- What the operator sets ------------------------------------------------------------------------------------------


def named(name: str) -> Application:
    """The application of this name, revoked or not. Raises ApplicationRefused if there is none."""
    if found := Application.objects.filter(name=name).first():
        return found
    raise _unknown(name)


def change(
    name: str,
    settings: Mapping[str, object],
    *,
    dids: Sequence[str] | None = None,
    taken_back: Collection[str] = (),
) -> Application:
    """Set rules and bounds, as `said.application` reads them, and caller ids; what is `taken_back` is the operator's again.

    All or nothing, and for shouts made from now on. Raises ApplicationRefused for a name that nobody has, and Faults by the
    names of the settings, caller ids being `dids`.
    """
    with transaction.atomic():
        found = Application.objects.select_for_update().filter(name=name).first()
        if found is None:
            raise _unknown(name)
        told, faults = _read(settings)
        numbers = None
        try:
            numbers = None if dids is None else _caller_ids(dids)
        except ValueError as error:
            faults["dids"] = str(error)
        if faults:
            raise Faults(faults)
        kept = {rule: value for rule, value in (found.delivery or {}).items() if rule not in taken_back}
        found.delivery = {**kept, **told.rules} or None
        for column, value in {
            "calls_per_second": told.calls_per_second,
            "concurrent_calls": told.concurrent_calls,
            "dids": numbers,
        }.items():
            if value is not None or column in taken_back:
                setattr(found, column, value)
        found.save(update_fields=["delivery", "calls_per_second", "concurrent_calls", "dids"])
    return found


def settings_of(application: Application) -> dict[str, object]:
    """What holds for its shouts that say nothing else, by the names that `change` takes. Bounds: its own alone."""
    told = rules.over_the_operators(application.delivery).told()
    return {
        "calls_per_second": application.calls_per_second,
        "concurrent_calls": application.concurrent_calls,
        "dids": sorted(rules.caller_ids(application)),
        **{rule: told[rule] for rule in said.RULES},
    }


def own_settings(application: Application) -> set[str]:
    """Which of them the operator has set for it."""
    columns = ("calls_per_second", "concurrent_calls", "dids")
    return {*(application.delivery or ()), *(name for name in columns if getattr(application, name) is not None)}


def _read(settings: Mapping[str, object]) -> tuple[Said, dict[str, str]]:
    try:
        told = said.application(settings)
    except Faults as faults:
        return Said(), faults.by_path
    problem = rules.too_wide(told.rules)
    return told, {"window": problem} if problem else {}


def _caller_ids(written: Sequence[str]) -> list[str]:
    config = configuration()
    numbers = [recipients.number(one, region=config.default_region) for one in written]
    if strangers := sorted(set(numbers) - {config.did, *config.dids}):
        raise ValueError(f"{', '.join(strangers)}: neither DID nor among DIDS in the operator's sheet.")
    return list(dict.fromkeys(numbers))


def _unknown(name: str) -> ApplicationRefused:
    return ApplicationRefused(f'There is no application "{name}".')
