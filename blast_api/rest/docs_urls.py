"""The documentation's pages: assets come from this server, no other host is asked."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic import RedirectView
from drf_yasg.views import get_schema_view
from rest_framework.permissions import AllowAny

from .docs import INFO

_view = get_schema_view(INFO, public=True, authentication_classes=(), permission_classes=(AllowAny,))

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),  # who only knows the host and the port
    path("docs", _view.with_ui("swagger"), name="docs"),
    re_path(r"^docs/swagger\.(?P<format>json|yaml)$", _view.without_ui(), name="docs-schema"),
]
