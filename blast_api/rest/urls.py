from __future__ import annotations

from typing import Any

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from .views import CallViewSet, DoNotCallViewSet, ShoutViewSet, unknown


class NameConverter(StringConverter):
    """Any text, slashes and line ends among it."""

    regex = "(?s:.+)"


register_converter(NameConverter, "name")
# Servers hand over an escaped slash as a plain one. So GET takes the whole rest of the path for a user's name, whatever
# its slashes, and DELETE takes what follows the last slash for the number.
_OF_A_NUMBER: dict[str, Any] = {"delete": "destroy_of_path", "get": "list_of_longer_path"}

urlpatterns = [
    path("shouts", ShoutViewSet.as_view({"get": "list", "post": "create"}), name="shouts"),
    path("shouts/<int:pk>", ShoutViewSet.as_view({"get": "retrieve"}), name="shout"),
    path("shouts/<int:pk>;cancel", ShoutViewSet.as_view({"delete": "cancel"}), name="shout-cancel"),
    path("calls", CallViewSet.as_view({"get": "list"}), name="calls"),
    path("dnc", DoNotCallViewSet.as_view({"get": "list", "delete": "destroy"}), name="dnc"),
    path("dnc/<name:userdata>/<str:number>", DoNotCallViewSet.as_view(_OF_A_NUMBER), name="dnc-number"),
    path("dnc/<name:userdata>", DoNotCallViewSet.as_view({"get": "list_of_path"}), name="dnc-user"),
    re_path("", unknown),
]
