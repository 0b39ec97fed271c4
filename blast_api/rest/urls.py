from __future__ import annotations

from typing import Any

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter
from rest_framework.routers import DynamicRoute, Route, SimpleRouter

from .attempts import AttemptViewSet
from .do_not_call import DoNotCallViewSet
from .recordings import RecordingViewSet
from .views import CallViewSet, ShoutViewSet, unknown
from .webhooks import WebhookViewSet


class Router(SimpleRouter):
    """REST framework's, but for the addresses: none ends with a slash, and an extra action is a verb behind a semicolon."""

    routes = [
        Route("{prefix}", {"get": "list", "post": "create"}, "{basename}s", detail=False, initkwargs={}),
        Route("{prefix}/{lookup}", {"get": "retrieve", "delete": "destroy"}, "{basename}", detail=True, initkwargs={}),
        DynamicRoute("{prefix};{url_path}", "{basename}s-{url_name}", detail=False, initkwargs={}),
        DynamicRoute("{prefix}/{lookup};{url_path}", "{basename}-{url_name}", detail=True, initkwargs={}),
    ]

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)


class NameConverter(StringConverter):
    """Any text, slashes and line ends among it."""

    regex = "(?s:.+)"


register_converter(NameConverter, "name")
# Servers hand over an escaped slash as a plain one. So GET takes the whole rest of the path for a user's name, whatever
# its slashes, and DELETE takes what follows the last slash for the number. No router has such addresses.
_OF_A_NUMBER: dict[str, Any] = {"delete": "destroy_of_path", "get": "list_of_longer_path"}

router = Router()
router.register("shouts", ShoutViewSet, "shout")
router.register("calls", CallViewSet, "call")
router.register("attempts", AttemptViewSet, "attempt")
router.register("recordings", RecordingViewSet, "recording")
router.register("webhooks", WebhookViewSet, "webhook")

urlpatterns = [
    *router.urls,
    path("recordings/<int:pk>/audio", RecordingViewSet.as_view({"get": "audio"}), name="recording-audio"),
    path("webhooks/<int:pk>/deliveries", WebhookViewSet.as_view({"get": "deliveries"}), name="webhook-deliveries"),
    path("dnc", DoNotCallViewSet.as_view({"get": "list", "post": "create", "delete": "destroy"}), name="dnc"),
    path("dnc/<name:userdata>/<str:number>", DoNotCallViewSet.as_view(_OF_A_NUMBER), name="dnc-number"),
    path("dnc/<name:userdata>", DoNotCallViewSet.as_view({"get": "list_of_path"}), name="dnc-user"),
    re_path("", unknown),
]
