from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.static import serve

handler400 = "blast_api.rest.views.bad_request"
handler404 = "blast_api.rest.views.unknown"
handler500 = "blast_api.rest.views.server_error"
urlpatterns: list[URLPattern | URLResolver] = [path("", include("blast_api.urls"))]
if settings.DEBUG:
    # The default prompts; in production they lie at the carrier.
    urlpatterns += [
        re_path(r"^prompts/(?P<path>(?:[\w-]+/)?\w+\.wav)$", serve, {"document_root": settings.BASE_DIR / "prompts"})
    ]
