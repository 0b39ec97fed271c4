"""Whom the do-not-call lists keep from being called: by what a number came onto a list, and what is told of it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import TextChoices

from blast_api.domain.times import written

from .verdict import Because, Never


class ListedBy(TextChoices):
    KEY = "key"  # the person pressed 5
    API = "api"  # the application named it in a request
    IMPORT = "import"  # it stood in a file
    OPERATOR = "operator"  # the operator forbids it to all applications


_IN_WORDS: dict[str, str] = {ListedBy.API: ", by a request", ListedBy.IMPORT: ", by an import"}


def listed(since: datetime, by: str, call_id: int | None = None) -> Never:
    """Never: whoever has this number asked for it, or somebody else did, perhaps by a call."""
    if by == ListedBy.OPERATOR:
        return Never(Because.DO_NOT_CALL, f"on the operator's do-not-call list since {written(since)}")
    by_what = _IN_WORDS.get(by, "") if call_id is None else f", by call {call_id}"
    return Never(Because.DO_NOT_CALL, f"on the do-not-call list since {written(since)}{by_what}")
