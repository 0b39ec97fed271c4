"""The interactive documentation of webhooks."""

from __future__ import annotations

from typing import Any

from drf_yasg import openapi
from drf_yasg.utils import no_body, swagger_auto_schema

from blast_api.domain.webhooks import MOST_WEBHOOKS
from blast_api.models import DeliveryState

from .documenting import (
    COMMON,
    INVALID,
    NEWEST_FIRST,
    NOT_FOUND,
    NOT_JSON,
    TOO_LARGE,
    answer,
    error,
    listed,
)
from .webhook_serializers import (
    NewWebhookSerializer,
    SecretWebhookSerializer,
    WebhookDeliverySerializer,
    WebhookSerializer,
)

_WEBHOOK: dict[str, Any] = {
    "id": 1,
    "url": "https://app.example.org/hooks",
    "events": ["shout.ended", "call.ended"],
    "created": "2030-01-31T12:00:00Z",
    "rotated": None,
    "failing_since": None,
    "disabled": None,
    "disabled_because": None,
}
_SECRET = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
_DELIVERY: dict[str, Any] = {
    "id": 118,
    "message_id": "msg_0a1b2c3d_118",
    "type": "call.ended",
    "subject": 1,
    "created": "2030-01-31T12:01:30Z",
    "state": "waiting",
    "attempts": 1,
    "next_attempt": "2030-01-31T12:01:36Z",
    "ended": None,
    "status": 503,
    "trouble": "the answer was 503",
}
_NEW = _DELIVERY | {"type": "webhook.test", "attempts": 0, "next_attempt": None, "status": None, "trouble": None}

list_webhooks = swagger_auto_schema(
    operation_summary="The application's webhooks, newest first",
    manual_parameters=NEWEST_FIRST,
    responses={"200": listed(WebhookSerializer(many=True), "The webhooks.", _WEBHOOK), "400": INVALID, **COMMON},
)
create_webhook = swagger_auto_schema(
    operation_summary="Be told of events",
    operation_description="From then on each of these events is sent to the URL by POST, at least once, signed as Standard "
    f"Webhooks has it. An application has at most {MOST_WEBHOOKS} webhooks. The secret is told in this answer alone.",
    request_body=NewWebhookSerializer,
    responses={
        "201": answer("The webhook, with its secret.", SecretWebhookSerializer, _WEBHOOK | _SECRET),
        **{"400": INVALID, "413": TOO_LARGE, "415": NOT_JSON, **COMMON},
    },
)
retrieve_webhook = swagger_auto_schema(
    operation_summary="One webhook",
    responses={"200": answer("The webhook.", WebhookSerializer, _WEBHOOK), "404": NOT_FOUND, **COMMON},
)
delete_webhook = swagger_auto_schema(
    operation_summary="Delete a webhook",
    operation_description="Nothing more is sent to it, also of what waits.",
    responses={"204": answer("It is gone."), "404": NOT_FOUND, **COMMON},
)
test_webhook = swagger_auto_schema(
    operation_summary="Send a test",
    operation_description="An event `webhook.test` is sent as the others are; its deliveries tell what became of it.",
    request_body=no_body,
    responses={
        "202": answer("What is to be sent.", WebhookDeliverySerializer, _NEW),
        "404": NOT_FOUND,
        "409": error("It is disabled.", "The webhook is disabled, so nothing is sent to it.", "webhook-disabled"),
        **COMMON,
    },
)
rotate_webhook = swagger_auto_schema(
    operation_summary="Change the secret",
    operation_description="For a day both secrets sign, each with a signature of its own in the same header. The new one is "
    "told in this answer alone.",
    request_body=no_body,
    responses={
        "200": answer(
            "The webhook, with its new secret.",
            SecretWebhookSerializer,
            _WEBHOOK | _SECRET | {"rotated": "2030-01-31T12:05:00Z"},
        ),
        "404": NOT_FOUND,
        **COMMON,
    },
)
enable_webhook = swagger_auto_schema(
    operation_summary="Enable a webhook that was disabled",
    operation_description="It is told of what happens from then on, and of what still waited for it. Again is fine.",
    request_body=no_body,
    responses={"200": answer("The webhook.", WebhookSerializer, _WEBHOOK), "404": NOT_FOUND, **COMMON},
)
_STATE = openapi.Parameter(
    "state", openapi.IN_QUERY, "Only those in this state.", type=openapi.TYPE_STRING, enum=DeliveryState.values
)
list_deliveries = swagger_auto_schema(
    operation_id="webhooks_deliveries",
    operation_summary="What a webhook was told, or is to be told, newest first",
    manual_parameters=[_STATE, *NEWEST_FIRST],
    responses={
        "200": listed(WebhookDeliverySerializer(many=True), "The deliveries.", _DELIVERY),
        **{"400": INVALID, "404": NOT_FOUND, **COMMON},
    },
)
