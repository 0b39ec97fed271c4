"""The shapes of recordings, in requests and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from blast_api.domain.states import RecordingSource
from blast_api.models import Recording

from .fields import SpokenTextField, VoiceField
from .serializers import GivenField

_LONGEST_TEXT = 255  # characters, as the columns have them


class NewRecordingSerializer(serializers.Serializer[Any]):
    """What `POST /recordings` takes: a file as multipart, or a text."""

    userdata = serializers.CharField(
        max_length=_LONGEST_TEXT, trim_whitespace=False, help_text="The application's own user."
    )
    title = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True, allow_null=True)
    file = serializers.FileField(
        required=False,
        allow_null=True,
        allow_empty_file=True,
        help_text="WAV, MP3, OGG (Vorbis, Opus), FLAC or M4A, as multipart/form-data.",
    )
    text = SpokenTextField(required=False, allow_null=True, help_text="A text to be spoken, in place of a file.")
    voice = VoiceField(required=False, allow_null=True, help_text="Who speaks the text.")

    def validate(self, attrs: Any) -> Any:
        file, text = attrs.get("file"), attrs.get("text")
        if file is None and text is None:
            raise serializers.ValidationError({"file": ["Send a file, or a text."]}, code="required")
        if file is not None and text is not None:
            raise serializers.ValidationError({"text": ["Not together with a file."]}, code="invalid")
        if text is None and attrs.get("voice") is not None:
            raise serializers.ValidationError({"voice": ["Only together with a text."]}, code="invalid")
        return attrs


class RecordingSerializer(serializers.Serializer[Recording]):
    """What shouts play."""

    id = serializers.IntegerField(source="pk")
    created = serializers.DateTimeField()
    title = serializers.CharField(allow_blank=True)
    userdata = serializers.CharField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # of the same name
        choices=RecordingSource.choices, help_text="How it came about."
    )
    length = serializers.IntegerField(source="length_s", help_text="Seconds.")
    estimated = serializers.BooleanField(
        source="is_said", help_text="Whether the length is an estimate, because the carrier says the text."
    )
    text = GivenField(allow_null=True, help_text="The text that is spoken; null if it is none.")
    url = serializers.CharField(allow_blank=True, help_text="Where the carrier has it; empty: it says the text.")
