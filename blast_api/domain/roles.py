"""Who may do what on the pages: a person has one role, and an operator sees every application."""

from __future__ import annotations

from enum import Enum

from django.db.models import TextChoices


class Role(TextChoices):
    VIEWER = "viewer"  # looks
    SENDER = "sender"  # sends, pauses, cancels, keeps do-not-call lists
    OPERATOR = "operator"  # does all of it, for every application


class Right(Enum):
    """What a page or an action asks of whoever is there."""

    SEE = "see"
    SEND = "send"
    OPERATE = "operate"


RIGHTS: dict[str, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.SEE}),
    Role.SENDER: frozenset({Right.SEE, Right.SEND}),
    Role.OPERATOR: frozenset(Right),
}


def may(role: str, right: Right) -> bool:
    """Whether somebody with this role has the right; an unknown role has none."""
    return right in RIGHTS.get(role, frozenset())
