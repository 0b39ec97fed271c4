"""What requests are made of: each field reads one part of a body, and says in a sentence what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.utils import timezone
from rest_framework import serializers

from blast_api.conf import configuration
from blast_api.domain import recipients, speech, times, transfers
from blast_api.domain.errors import UnusableList
from blast_api.domain.recipients import LONGEST_REFERENCE, Recipient
from blast_api.domain.rules import said
from blast_api.domain.rules.said import Said
from blast_api.domain.transfers import Transfer
from blast_api.services import rules, uploads

from .forms import ListFile
from .schemas import DELIVERY, TRANSFER

_MOST_REPORTED = 10
T = TypeVar("T")
_ENGLISH = "en"  # what we ship, and `VOICE_MENU` unless the operator chose otherwise
_OF_A_TRANSFER = {"key", "to", "concurrent"}
_TAKEN: Mapping[str, str] = {
    "0": "0 repeats the message.",
    "5": "5 takes the recipient off all further calls.",
}


def each(data: Iterable[object], parse: Callable[[object], T]) -> list[T]:
    """All that is in a list, as `parse` reads it. Raises ValidationError, which names each fault by its position, from 0."""
    read: list[T] = []
    faults: list[str] = []
    for position, written in enumerate(data):
        try:
            read.append(parse(written))
        except ValueError as error:
            faults.append(f"{position}: {error}")
    _refuse_any(faults, count=len(faults))
    return read


def of_file(file: ListFile) -> list[Recipient]:
    """All that is in a file. Raises ValidationError, which names each line that names nobody, from 1 as editors count."""
    try:
        read = file.read
    except UnusableList as refusal:
        raise serializers.ValidationError([refusal.reason], code="invalid") from None
    faults = [f"line {line}: {words}" for line, words in read.faults[:_MOST_REPORTED]]
    _refuse_any(faults, count=read.faulty)
    return read.recipients


def _refuse_any(faults: list[str], *, count: int) -> None:
    """Raises ValidationError if there are faults, which tells some of them, and how many more there are."""
    if faults:
        more = count - _MOST_REPORTED
        rest = [f"And {more} more."] if more > 0 else []
        raise serializers.ValidationError(faults[:_MOST_REPORTED] + rest, code="invalid")


class NumberField(serializers.Field[str, object, str, object]):
    """A phone number in any usual writing, with country code."""

    default_error_messages = {"invalid": "{reason}"}  # DRF's own way

    def to_internal_value(self, data: object) -> str:
        try:
            return recipients.number(data, region=configuration().default_region)
        except ValueError as error:
            self.fail("invalid", reason=error)

    def to_representation(self, value: str) -> str:
        return value


class AuthorField(NumberField):
    """A number that the service may call."""

    def to_internal_value(self, data: object) -> str:
        number = super().to_internal_value(data)
        if refusal := configuration().destinations.refusal(number):
            self.fail("invalid", reason=f"{number} {refusal}.")
        return number


class CallerIdField(NumberField):
    """A number from which the requesting application, which the serializer's context names, may call."""

    def to_internal_value(self, data: object) -> str:
        number = super().to_internal_value(data)
        if number not in rules.caller_ids(self.context["application"]):
            self.fail("invalid", reason=f"{number} is not a caller id of this application.")
        return number


class RecipientsField(serializers.Field[list[Recipient], object, list[str], object]):
    """A list of recipients; every one that is none is named by its position, counted from 0."""

    default_error_messages = {"invalid": "{reason}"}

    class Meta:
        swagger_schema_fields = {
            "type": "array",
            "minItems": 1,
            "items": {
                "description": "A number; or an object that says more of the recipient.",
                "required": ["number"],
                "properties": {
                    "number": {"type": "string"},
                    "zone": {
                        "type": "string",
                        "description": "Its IANA time zone, if you know better than its number.",
                    },
                    "reference": {
                        "type": "string",
                        "maxLength": LONGEST_REFERENCE,
                        "description": "Your own word for it, which its call tells.",
                    },
                },
                "additionalProperties": False,
            },
        }

    def to_internal_value(self, data: object) -> list[Recipient]:
        if isinstance(data, ListFile):
            return self._of_file(data)
        if not isinstance(data, list):
            self.fail("invalid", reason="Expected a list of phone numbers.")
        if not data:
            self.fail("invalid", reason="This list may not be empty.")
        most = configuration().max_recipients
        if len(data) > most:
            self.fail("invalid", reason=f"{len(data)} recipients are more than the {most} that one shout may have.")
        return each(data, partial(recipients.recipient, region=configuration().default_region))

    def _of_file(self, file: ListFile) -> list[Recipient]:
        """Each line that names nobody is named, counted from 1 as editors do."""
        return of_file(file)

    def to_representation(self, value: list[Recipient]) -> list[str]:
        return [one.number for one in value]


class ScheduleField(serializers.DateTimeField):
    """A time to come, RFC 3339 with zone."""

    default_error_messages = {"invalid": "{reason}"}  # DRF's own way

    def to_internal_value(self, value: object) -> datetime:
        try:
            return times.to_come(value, now=timezone.now())
        except ValueError as error:
            self.fail("invalid", reason=error)


class DeliveryField(serializers.Field[Said, object, object, object]):
    """The rules of a shout; each that cannot be used is named by its path in the object."""

    class Meta:
        swagger_schema_fields = DELIVERY

    def to_internal_value(self, data: object) -> Said:
        try:
            told = said.delivery(data, now=timezone.now())
        except said.Faults as faults:
            by_path = {path: [words] for path, words in faults.by_path.items()}
            raise serializers.ValidationError(by_path, code="invalid") from None
        if problem := rules.too_wide(told.rules):
            raise serializers.ValidationError({"window": [problem]}, code="invalid")
        return told


class SpokenTextField(serializers.CharField):
    """A text that a voice can read aloud."""

    default_error_messages = {"silent": "There is nothing in it that could be spoken."}  # DRF's own way

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=speech.LONGEST_TEXT, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not any(each.isalnum() for each in speech.spoken(text)):
            self.fail("silent")
        return text


class VoiceField(serializers.CharField):
    """The name of a voice that speaks texts here."""

    default_error_messages = {"unknown": "No voice has this name: expected one of {names}."}

    def to_internal_value(self, data: Any) -> str:
        voice = super().to_internal_value(data)
        if voice not in uploads.voices():
            self.fail("unknown", names=", ".join(uploads.voices()))
        return voice


class LanguageField(serializers.CharField):
    """A language that there are prompts in."""

    default_error_messages = {"unknown": "There are no prompts in this language: expected one of {names}."}

    def to_internal_value(self, data: Any) -> str:
        language = super().to_internal_value(data)
        known = sorted({_ENGLISH, *configuration().voice_menus})
        if language not in known:
            self.fail("unknown", names=", ".join(known))
        return language


class TransferField(serializers.Field[Transfer, object, object, object]):
    """By which key a recipient is put through, to whom, and how many at once; each fault is named by its path."""

    class Meta:
        swagger_schema_fields = TRANSFER

    def to_internal_value(self, data: object) -> Transfer:
        if not isinstance(data, dict):
            raise serializers.ValidationError(["Expected an object with key and to."], code="invalid")
        faults: dict[str, list[str]] = {str(name): ["There is no such field."] for name in set(data) - _OF_A_TRANSFER}
        key, to, concurrent = data.get("key"), data.get("to"), data.get("concurrent")
        if "key" not in data:
            faults["key"] = ["This field is required."]
        elif isinstance(key, str) and key in _TAKEN:
            faults["key"] = [_TAKEN[key]]
        elif not (isinstance(key, str) and len(key) == 1 and key in transfers.KEYS):
            faults["key"] = [f"Expected one of {', '.join(transfers.KEYS)}."]
        if "to" not in data:
            faults["to"] = ["This field is required."]
        else:
            try:
                to = AuthorField().to_internal_value(to)
            except serializers.ValidationError as error:
                faults["to"] = [str(told) for told in error.detail]
        if not (concurrent is None or (type(concurrent) is int and 1 <= concurrent <= transfers.MOST_CONCURRENT)):
            faults["concurrent"] = [f"Expected a whole number from 1 to {transfers.MOST_CONCURRENT}, or null."]
        if faults:
            raise serializers.ValidationError(faults, code="invalid")
        return Transfer(str(key), str(to), concurrent)
