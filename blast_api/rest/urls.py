from __future__ import annotations

from typing import Any

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from .views import CallViewSet, DoNotCallViewSet, ShoutViewSet, unknown


class NameConverter(StringConverter):
    """Any text, slashes and line ends among it."""

    regex = "(?s:.+)"


register_converter(NameConverter, "name")
# Servers cannot tell an escaped slash from a plain one: what looks like a number may be the rest of a user's name.
_OF_A_NUMBER: dict[str, Any] = {"delete": "destroy", "get": "list_of_path"}

urlpatterns = [
    path("shouts", ShoutViewSet.as_view({"get": "list", "post": "create"}), name="shouts"),
    path("shouts/<int:pk>", ShoutViewSet.as_view({"get": "retrieve"}), name="shout"),
    path("shouts/<int:pk>;cancel", ShoutViewSet.as_view({"delete": "cancel"}), name="shout-cancel"),
    path("calls", CallViewSet.as_view({"get": "list"}), name="calls"),
    path("dnc/<str:userdata>", DoNotCallViewSet.as_view({"get": "list"}), name="dnc"),
    path("dnc/<name:userdata>/<str:number>", DoNotCallViewSet.as_view(_OF_A_NUMBER), name="dnc-number"),
    re_path("", unknown),
]
