"""The shapes of requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from blast_api.conf import configuration
from blast_api.domain import numbers, times
from blast_api.domain.rules.verdict import WAITS_BECAUSE
from blast_api.domain.states import PAUSED, CallStatus, ShoutStatus
from blast_api.services.shouts import NewShout

_MOST_REPORTED = 10
_LONGEST_NUMBER = 64  # characters as it is written, spaces and brackets among them
_LONGEST_TEXT = 255  # characters, as the columns have them


class NumberField(serializers.Field[str, object, str, object]):
    """A phone number in any usual writing, with country code."""

    default_error_messages = {"invalid": "{reason}"}  # DRF's own way

    def to_internal_value(self, data: object) -> str:
        try:
            return _normalised(data)
        except ValueError as error:
            self.fail("invalid", reason=f"{data!r:.80} {error}.")

    def to_representation(self, value: str) -> str:
        return value


class CallerField(NumberField):
    """A number that the service may call."""

    def to_internal_value(self, data: object) -> str:
        number = super().to_internal_value(data)
        if refusal := configuration().destinations.refusal(number):
            self.fail("invalid", reason=f"{number} {refusal}.")
        return number


class RecipientsField(serializers.Field[list[str], object, list[str], object]):
    """A list of phone numbers; every one that is none is named by its position, counted from 0."""

    default_error_messages = {"invalid": "{reason}"}

    class Meta:
        swagger_schema_fields = {"type": "array", "items": {"type": "string"}, "minItems": 1}

    def to_internal_value(self, data: object) -> list[str]:
        if not isinstance(data, list):
            self.fail("invalid", reason="Expected a list of phone numbers.")
        if not data:
            self.fail("invalid", reason="This list may not be empty.")
        most = configuration().max_recipients
        if len(data) > most:
            self.fail("invalid", reason=f"{len(data)} recipients are more than the {most} that one shout may have.")
        recipients: list[str] = []
        faults: list[str] = []
        for position, written in enumerate(data):
            try:
                recipients.append(_normalised(written))
            except ValueError as error:
                faults.append(f"{position}: {written!r:.80} {error}.")
        if faults:
            more = len(faults) - _MOST_REPORTED
            rest = [f"And {more} more."] if more > 0 else []
            raise serializers.ValidationError(faults[:_MOST_REPORTED] + rest, code="invalid")
        return recipients

    def to_representation(self, value: list[str]) -> list[str]:
        return value


def _normalised(written: object) -> str:
    if isinstance(written, int) and not isinstance(written, bool):
        written = str(written)
    if not isinstance(written, str):
        raise ValueError("is not a phone number")  # one error for whatever it is
    if len(written) > _LONGEST_NUMBER:
        raise ValueError("is too long for a phone number")
    return numbers.normalise(written, region=configuration().default_region)


class ScheduleField(serializers.DateTimeField):
    """A time to come, RFC 3339 with zone."""

    default_error_messages = {"invalid": "{reason}"}  # DRF's own way

    def to_internal_value(self, value: object) -> datetime:
        try:
            return times.to_come(value, now=timezone.now())
        except ValueError as error:
            self.fail("invalid", reason=error)


class NewShoutSerializer(serializers.Serializer[NewShout]):
    """What `POST /shouts` takes."""

    caller = CallerField(help_text="The author's number: it is called to record the message.")
    recipients = RecipientsField(help_text="Numbers with country code, in any usual writing; each is called once.")
    schedule = ScheduleField(required=False, allow_null=True, help_text="When to deliver; not before the recording.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        userdata = serializers.CharField(
            max_length=_LONGEST_TEXT,
            trim_whitespace=False,
            help_text="The application's own user; lists are per user.",
        )
        title = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True, allow_null=True)
        old_shout_id = serializers.IntegerField(
            required=False,
            allow_null=True,
            min_value=1,
            max_value=2**63 - 1,
            source="old_shout_id",
            help_text="Use that shout's recording: the same user's; nobody is called to record.",
        )
        return {"userdata": userdata, **super().get_fields(), "title": title, "old-shout-id": old_shout_id}

    def to_new_shout(self, *, idempotency_key: str | None, request_digest: str) -> NewShout:
        """The validated request, for the service."""
        given = {key: value for key, value in self.validated_data.items() if value is not None}
        return NewShout(**given, idempotency_key=idempotency_key, request_digest=request_digest)


class VoiceSerializer(serializers.Serializer[Any]):
    """A recorded message."""

    created = serializers.DateTimeField(source="recorded")
    length = serializers.IntegerField(source="length_s", help_text="Seconds.")
    url = serializers.CharField()


class ShoutSerializer(serializers.Serializer[Any]):
    """A shout."""

    id = serializers.IntegerField(source="message.pk")
    created = serializers.DateTimeField(source="message.created")
    caller = serializers.CharField(source="message.caller")
    status = serializers.ChoiceField(choices=[*ShoutStatus.values, PAUSED])
    title = serializers.CharField(source="message.title", allow_blank=True)
    schedule = serializers.DateTimeField(source="message.schedule", allow_null=True)
    userdata = serializers.CharField(source="message.userdata")
    recipients = serializers.ListField(
        child=serializers.CharField(), help_text="Digits with country code, in the order given, each once."
    )
    voc = VoiceSerializer(allow_null=True, help_text="The recording; null before there is one.")
    recipients_requested_dnc = serializers.BooleanField(help_text="Whether any recipient has pressed 5.")
    started = serializers.DateTimeField(source="message.started", allow_null=True)
    finished = serializers.DateTimeField(source="message.finished", allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is paused; null if it is not.")
    paused_because = serializers.CharField(
        allow_null=True, help_text="`asked`: somebody did; null if it is not paused."
    )
    calls = serializers.DictField(child=serializers.IntegerField(), help_text="How many calls have each status.")


class CallSerializer(serializers.Serializer[Any]):
    """The call to one recipient."""

    id = serializers.IntegerField(source="pk")
    started = serializers.DateTimeField(allow_null=True)
    finished = serializers.DateTimeField(allow_null=True)
    shout_id = serializers.IntegerField(source="message_id")
    phone = serializers.CharField(source="number")
    status = serializers.ChoiceField(source="public_status", choices=CallStatus.choices)
    Q850 = serializers.IntegerField(source="q850", allow_null=True, help_text="Cause, as in ITU-T Q.850.")
    duration = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    attempts = serializers.IntegerField(help_text="How often it was placed.")
    answerer = serializers.CharField(
        help_text="Who heard the message: HUMAN, MACHINE, NOTSURE. HANGUP and nothing: nobody.", allow_blank=True
    )


class WaitingSerializer(serializers.Serializer[Any]):
    """What a call waits for."""

    because = serializers.ChoiceField(choices=sorted(WAITS_BECAUSE))
    until = serializers.DateTimeField(source="at", allow_null=True, help_text="Null: nobody can tell.")


class CallDetailSerializer(CallSerializer):
    """The call to one recipient, and what it waits for."""

    waiting = WaitingSerializer(allow_null=True, help_text="Null: it does not wait.")


class DoNotCallSerializer(serializers.Serializer[Any]):
    """A number on a user's do-not-call list."""

    number = serializers.CharField()
    created = serializers.DateTimeField()
