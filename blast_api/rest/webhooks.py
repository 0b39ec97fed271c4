"""The requests of applications about webhooks: where they are told of what happens."""

from __future__ import annotations

from http import HTTPStatus
from itertools import chain

from django.http import Http404
from django.utils import timezone
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from blast_api.models import DeliveryState, Webhook
from blast_api.services import webhooks

from . import webhook_docs as docs
from .lists import Listed, answer
from .pages import LARGEST_ID, NEWEST_FIRST, page
from .parsers import refuse_unmeasured
from .views import application_of, required
from .webhook_serializers import (
    NewWebhookSerializer,
    SecretWebhookSerializer,
    WebhookDeliverySerializer,
    WebhookSerializer,
)


class WebhookViewSet(ViewSet):
    """Webhooks of the requesting application."""

    lookup_value_converter = "int"

    @docs.list_webhooks
    def list(self, request: Request) -> Listed:
        asked = page(request, webhooks.of(application_of(request)), NEWEST_FIRST, path=request.path)
        rows = chain.from_iterable(asked.chunks())
        return answer(application_of(request), rows, WebhookSerializer(), asked.headers, None)

    @docs.create_webhook
    def create(self, request: Request) -> Response:
        refuse_unmeasured(request)
        serializer = NewWebhookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        webhook = webhooks.make(application_of(request), given["url"], given["events"])
        return _with_secret(webhook, HTTPStatus.CREATED)

    @docs.retrieve_webhook
    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(WebhookSerializer(_webhook(request, pk)).data)

    @docs.delete_webhook
    def destroy(self, request: Request, pk: int) -> Response:
        webhooks.delete(_webhook(request, pk), now=timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)

    @docs.test_webhook
    @action(detail=True, methods=["post"], name="Webhook")
    def test(self, request: Request, pk: int) -> Response:
        delivery = webhooks.test(_webhook(request, pk))
        return Response(WebhookDeliverySerializer(delivery).data, status=HTTPStatus.ACCEPTED)

    @docs.rotate_webhook
    @action(detail=True, methods=["post"], name="Webhook")
    def rotate(self, request: Request, pk: int) -> Response:
        webhook = _webhook(request, pk)
        webhooks.rotate(webhook, now=timezone.now())
        return _with_secret(webhook, HTTPStatus.OK)

    @docs.enable_webhook
    @action(detail=True, methods=["post"], name="Webhook")
    def enable(self, request: Request, pk: int) -> Response:
        webhooks.enable(_webhook(request, pk).pk)
        return Response(WebhookSerializer(_webhook(request, pk)).data)

    @docs.list_deliveries
    def deliveries(self, request: Request, pk: int) -> Listed:
        webhook, named = _webhook(request, pk), {}
        if "state" in request.query_params:
            named["state"] = required(request, "state")
            if named["state"] not in DeliveryState.values:
                raise ValidationError({"state": [f"Expected one of: {', '.join(DeliveryState.values)}."]})
        rows = webhooks.deliveries(webhook, state=named.get("state"))
        asked = page(request, rows, NEWEST_FIRST, path=request.path, **named)
        told = chain.from_iterable(asked.chunks())
        return answer(application_of(request), told, WebhookDeliverySerializer(), asked.headers, None)


def _webhook(request: Request, pk: int) -> Webhook:
    webhook = webhooks.of(application_of(request)).filter(pk=pk).first() if pk <= LARGEST_ID else None
    if webhook is None:
        raise Http404
    return webhook


def _with_secret(webhook: Webhook, status: HTTPStatus) -> Response:
    """The one answer that tells the secret; nobody on the way keeps it."""
    told = SecretWebhookSerializer(webhook).data
    return Response(told, status=status, headers={"Cache-Control": "no-store"})
