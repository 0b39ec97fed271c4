"""Texts of requests, spoken."""

from __future__ import annotations

from rest_framework.exceptions import ValidationError

from blast_api.domain.errors import UnusableSound
from blast_api.models import Application, Recording
from blast_api.services import uploads


def spoken(
    application: Application, userdata: str, to_speak: tuple[str, str], *, title: str, lasting: bool
) -> Recording:
    """The recording of a text by a voice; see `uploads.from_text`. Raises ValidationError for one that cannot be spoken."""
    text, voice = to_speak
    try:
        return uploads.from_text(application, userdata, text, voice, title=title, lasting=lasting)
    except UnusableSound as refusal:
        raise ValidationError({"text": [refusal.reason]}) from None
