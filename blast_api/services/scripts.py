"""What is heard on the calls of a shout: one query for everything that a document needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models.functions import Coalesce

from blast_api.carrierx.storage import play_url
from blast_api.db.prepared import Select
from blast_api.domain.errors import AttemptOver
from blast_api.domain.rules.said import Machines
from blast_api.domain.transfers import Transfer
from blast_api.models import Message

from . import rules


@dataclass(frozen=True, slots=True)
class Heard:
    """A sound by its address, or a text that the carrier says."""

    url: str
    text: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A shout's message, what machines hear instead (None: nothing), the language of prompts, and a transfer if it has one."""

    message: Heard
    for_machines: Heard | None
    language: str = ""
    transfer: Transfer | None = None
    caller_id: str = ""


# Code of former releases makes no recording of its own: what it plays stands with the call to the author.
_SCRIPT = Select(
    lambda call_id: Message.objects.filter(calls=call_id).values_list(
        Coalesce("recording__url", "author_call__url"),
        Coalesce("recording__take", "author_call__take"),
        "recording__text",
        "recording__voice",
        "voicemail__url",
        "voicemail__take",
        "voicemail__text",
        "voicemail__voice",
        "delivery",
        "language",
        "transfer",
        "did",
    ),
    call_id=int,
)


def of_call(call_id: int) -> Script:
    """The script of a call's shout. Raises AttemptOver if the call is not there."""
    if not (found := _SCRIPT(call_id=call_id)):
        raise AttemptOver(f"call {call_id} is gone")
    ((*columns, said, language, transfer, did),) = found
    message, voicemail = _heard(*columns[:4]), columns[4:]
    heard_by_machines = _heard(*voicemail) if voicemail[0] is not None else message
    return Script(
        message,
        heard_by_machines if _is_for_machines(said) else None,
        language,
        Transfer.of(transfer),
        rules.named_or_the_operators(did),
    )


def _heard(url: str | None, take: int | None, text: str | None, voice: str | None) -> Heard:
    return Heard(play_url(url or "", take or 0), "" if url else text or "", voice or "")


def _is_for_machines(said: Mapping[str, object] | None) -> bool:
    return rules.over_the_operators(said).machines is Machines.MESSAGE
