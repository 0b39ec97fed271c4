"""What requests are made of: each field reads one part of a body, and says in a sentence what is wrong with it."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from rest_framework import serializers

from blast_api.conf import configuration
from blast_api.domain import recipients, times
from blast_api.domain.recipients import LONGEST_REFERENCE, Recipient
from blast_api.domain.rules import said
from blast_api.domain.rules.said import Said
from blast_api.services import rules

from .schemas import DELIVERY

_MOST_REPORTED = 10


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
        if not isinstance(data, list):
            self.fail("invalid", reason="Expected a list of phone numbers.")
        if not data:
            self.fail("invalid", reason="This list may not be empty.")
        most = configuration().max_recipients
        if len(data) > most:
            self.fail("invalid", reason=f"{len(data)} recipients are more than the {most} that one shout may have.")
        region = configuration().default_region
        read: list[Recipient] = []
        faults: list[str] = []
        for position, written in enumerate(data):
            try:
                read.append(recipients.recipient(written, region=region))
            except ValueError as error:
                faults.append(f"{position}: {error}")
        if faults:
            more = len(faults) - _MOST_REPORTED
            rest = [f"And {more} more."] if more > 0 else []
            raise serializers.ValidationError(faults[:_MOST_REPORTED] + rest, code="invalid")
        return read

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
