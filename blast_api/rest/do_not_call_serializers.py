"""The shapes of do-not-call lists, in requests and answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from blast_api.conf import configuration
from blast_api.domain import recipients
from blast_api.domain.rules.listing import ListedBy

from .fields import each, of_file
from .forms import ListFile
from .list_serializers import ListReadSerializer

# A request that means one user, and is not understood, would change the list of all.
_NO_FIELD = {"userdata": "The query names the user: /dnc?userdata=...; without it, this is the list of all users."}


@dataclass(frozen=True, slots=True)
class NamedNumbers:
    """Numbers in their one form, perhaps repeated; `listed`: how the file was read that they stood in, if one was sent."""

    numbers: list[str]
    listed: dict[str, object] | None = None

    @property
    def by(self) -> ListedBy:
        """By what they come onto a list."""
        return ListedBy.API if self.listed is None else ListedBy.IMPORT


class NumbersField(serializers.Field[NamedNumbers, object, list[str], object]):
    """A list of numbers, or a file with one. What is no number is named by its position, counted from 0, or by its line."""

    default_error_messages = {"invalid": "{reason}"}  # DRF's own way

    class Meta:
        swagger_schema_fields = {"type": "array", "minItems": 1, "items": {"type": "string"}}

    def to_internal_value(self, data: object) -> NamedNumbers:
        if isinstance(data, UploadedFile):
            file = ListFile(data)
            return NamedNumbers([one.number for one in of_file(file)], file.described)
        if not isinstance(data, list):
            self.fail("invalid", reason="Expected a list of phone numbers, or a file with one.")
        if not data:
            self.fail("invalid", reason="This list may not be empty.")
        most = configuration().max_recipients
        if len(data) > most:
            self.fail("invalid", reason=f"{len(data)} numbers are more than the {most} that one request may name.")
        return NamedNumbers(each(data, partial(recipients.number, region=configuration().default_region)))

    def to_representation(self, value: NamedNumbers) -> list[str]:
        return value.numbers


class NewNumbersSerializer(serializers.Serializer[Any]):
    """What `POST /dnc` takes."""

    numbers = NumbersField(
        help_text="Numbers with country code, in any usual writing; as multipart/form-data a file, CSV or XLSX."
    )

    def to_internal_value(self, data: Any) -> Any:
        strangers = sorted(map(str, set(data) - set(self.fields))) if isinstance(data, dict) else ()
        if strangers:
            faults = {name[:80]: [_NO_FIELD.get(name, "There is no such field.")] for name in strangers}
            raise serializers.ValidationError(faults, code="invalid")
        return super().to_internal_value(data)


class NumbersListedSerializer(serializers.Serializer[Any]):
    """What became of numbers that were to be listed, each counted once."""

    added = serializers.IntegerField(help_text="How many are on the list now, and were not before.")
    there_before = serializers.IntegerField(help_text="How many were on it; they stay as they are.")
    list = ListReadSerializer(required=False, help_text="How the file was read; not there if there was none.")


class DoNotCallSerializer(serializers.Serializer[Any]):
    """A number on a do-not-call list."""

    number = serializers.CharField()
    created = serializers.DateTimeField(help_text="Since when it is listed.")
    by = serializers.ChoiceField(
        choices=[word for word in ListedBy.values if word != ListedBy.OPERATOR],
        help_text="By what: `key`, the person pressed 5; `api`, a request named it; `import`, it stood in a file.",
    )
    call = serializers.IntegerField(
        source="call_id", allow_null=True, help_text="The call in which the person pressed 5; null: it is not known."
    )
