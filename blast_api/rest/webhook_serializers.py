"""What requests about webhooks take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from blast_api.conf import configuration
from blast_api.domain import endpoints
from blast_api.domain.webhooks import TEST, WebhookEvent
from blast_api.models import DeliveryState, WebhookDelivery

from .serializers import GivenField


class EndpointField(serializers.CharField):
    """Where a webhook goes: https to a public address, or what the operator allows."""

    default_error_messages = {"unusable": "{reason}"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=endpoints.LONGEST_URL, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        try:
            endpoints.endpoint(url, opened=configuration().webhook_networks)
        except ValueError as error:
            self.fail("unusable", reason=error)
        return url


class EventsField(serializers.Field[list[WebhookEvent], object, list[str], object]):
    """Which events are told; each that there is not is named by its position."""

    default_error_messages = {"invalid": "{reason}"}

    class Meta:
        swagger_schema_fields = {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": [event.value for event in WebhookEvent]},
        }

    def to_internal_value(self, data: object) -> list[WebhookEvent]:
        if not isinstance(data, list):
            self.fail("invalid", reason="Expected a list of events.")
        if not data:
            self.fail("invalid", reason="This list may not be empty.")
        if len(data) > len(WebhookEvent):
            self.fail("invalid", reason=f"There are {len(WebhookEvent)} events; each may be named once.")
        known = ", ".join(WebhookEvent)
        faults = [
            f"{position}: There is no such event; expected one of {known}."
            for position, word in enumerate(data)
            if not (isinstance(word, str) and word in WebhookEvent.values)
        ]
        if faults:
            raise serializers.ValidationError(faults, code="invalid")
        if len(set(data)) < len(data):
            self.fail("invalid", reason="Each event may be named once.")
        return [WebhookEvent(word) for word in data]

    def to_representation(self, value: list[WebhookEvent]) -> list[str]:
        return [event.value for event in value]


class NewWebhookSerializer(serializers.Serializer[Any]):
    """What `POST /webhooks` takes."""

    url = EndpointField(help_text="Where to: https, to a public address.")
    events = EventsField(help_text="Which events are told.")


class WebhookSerializer(serializers.Serializer[Any]):
    """A webhook."""

    id = serializers.IntegerField(source="pk")
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(choices=WebhookEvent.choices), source="event_list")
    created = serializers.DateTimeField()
    rotated = serializers.DateTimeField(
        allow_null=True, help_text="For a day from then on the former secret signs, too."
    )
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="The first failure since it took something; null: all is well."
    )
    disabled = serializers.DateTimeField(allow_null=True, help_text="Since then nothing is sent; null: it is told.")
    disabled_because = GivenField(allow_null=True)


class SecretWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, which is told this once."""

    secret = serializers.CharField(
        source="whole_secret", help_text="`whsec_...`: what the receiver verifies signatures by."
    )


class WebhookDeliverySerializer(serializers.Serializer[Any]):
    """One event that a webhook was told of, or is to be told of."""

    id = serializers.IntegerField(source="pk", help_text="The `sequence` of what is sent.")
    message_id = serializers.CharField(help_text="The header `webhook-id` of what is sent, the same each time.")
    type = serializers.ChoiceField(choices=[*WebhookEvent.values, TEST], source="event")
    subject = serializers.IntegerField(help_text="The id of the shout, of the call, or of the entry of the list.")
    created = serializers.DateTimeField(help_text="When that happened of which it tells.")
    state = serializers.ChoiceField(choices=DeliveryState.values)
    attempts = serializers.IntegerField(help_text="How often it was sent.")
    next_attempt = serializers.DateTimeField(
        source="due_at", allow_null=True, help_text="When it is sent again; null: at once, or never."
    )
    ended = serializers.DateTimeField(allow_null=True, help_text="When it was taken, or given up.")
    status = serializers.IntegerField(
        allow_null=True, help_text="HTTP status of the last answer; null: there was none."
    )
    trouble = GivenField(allow_null=True, help_text="Why the last attempt failed.")

    def to_representation(self, instance: WebhookDelivery) -> dict[str, Any]:
        told: dict[str, Any] = super().to_representation(instance)
        if instance.state != DeliveryState.WAITING:
            told["next_attempt"] = None
        return told
