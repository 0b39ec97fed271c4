"""The documentation's pages: assets come from this server, no other host is asked."""

from __future__ import annotations

from django.urls import path, re_path
from django.views.generic import RedirectView
from drf_yasg.renderers import SwaggerUIRenderer
from drf_yasg.views import get_schema_view
from rest_framework.permissions import AllowAny

from .docs import INFO
from .openapi3 import OpenApi3Renderer


class PageRenderer(SwaggerUIRenderer):
    """drf-yasg's page, of which the sections have addresses: `/docs/#calls`."""

    template = "blast_api/docs.html"


_schema = get_schema_view(INFO, public=True, authentication_classes=(), permission_classes=(AllowAny,))
_page = _schema.as_view(renderer_classes=(PageRenderer, *_schema.renderer_classes))

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),  # who only knows the host and the port
    path("docs", _page, name="docs"),
    path("docs/", _page),
    path("docs/openapi.json", _schema.as_view(renderer_classes=(OpenApi3Renderer,)), name="docs-openapi"),
    re_path(r"^docs/swagger\.(?P<format>json|yaml)$", _schema.without_ui(), name="docs-schema"),
]
